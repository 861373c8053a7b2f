"""What a figure has drawn, as numbers: they travel beside its picture in a notebook."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from ntklib.book._marks import FIGURE_MIME_TYPE
from ntklib.book._series import Columns, Series, grid, look, series_of

MOST_ROWS = 25_000
"""Of a figure's data; beyond that the longest series keep every second, fourth, … point."""


class Panel(Axes):
    """Axes that note what is given for bands and maps, which keep outlines of it alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.given: dict[Artist, Columns] = {}

    def fill_between(
        self, x: Any, y1: Any, y2: Any = 0, where: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Draws a band, as `Axes.fill_between` does."""
        band = super().fill_between(x, y1, y2, where, *args, **kwargs)
        within = True if where is None else where
        x, y1, y2, within = np.broadcast_arrays(*map(np.asarray, (x, y1, y2, within)))
        low, high = np.fmin(y1, y2), np.fmax(y1, y2)
        self.given[band] = {"x": x[within], "y low": low[within], "y high": high[within]}
        return band

    def pcolormesh(self, *args: Any, **kwargs: Any) -> Any:
        """Draws a map, as `Axes.pcolormesh` does."""
        mesh = super().pcolormesh(*args, **kwargs)
        self.given[mesh] = grid(*args)
        return mesh

    def contour(self, *args: Any, **kwargs: Any) -> Any:
        """Draws level lines of a map, as `Axes.contour` does."""
        lines = super().contour(*args, **kwargs)
        self.given[lines] = grid(*args)
        return lines

    def contourf(self, *args: Any, **kwargs: Any) -> Any:
        """Draws a map in levels, as `Axes.contourf` does."""
        levels = super().contourf(*args, **kwargs)
        self.given[levels] = grid(*args)
        return levels


class Drawing(Figure):
    """A figure that shows a notebook its data beside its picture."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {FIGURE_MIME_TYPE: data(self)}


def data(figure: Figure) -> dict[str, Any]:
    """Returns what the panels of a figure show, as JSON has it.

    Args:
      figure: with axes that are a `Panel`; others, such as colour bars, show no data.

    Raises:
      TypeError: something was drawn whose numbers are not known.
    """
    panels = [ax for ax in figure.axes if isinstance(ax, Panel)]
    drawn = {ax: list(series_of(ax, ax.given)) for ax in panels}
    shown = [(ax, series) for ax in panels for series in drawn[ax]]
    every = _thinned([series for _, series in shown])
    with_data = [ax for ax in panels if drawn[ax]]
    return {
        "panels": [_described(ax, panels) for ax in with_data],
        "series": [
            {"panel": with_data.index(ax) + 1, **replace(series, every=step).kept()}
            for (ax, series), step in zip(shown, every, strict=True)
        ],
        "legend": _explained(figure, {series.curve for _, series in shown}),
    }


def _thinned(series: list[Series]) -> list[int]:
    """Returns of how many points each series keeps one, so that all have at most `MOST_ROWS`."""
    kept = list(series)
    while sum(each.rows for each in kept) > MOST_ROWS:
        longest = max(range(len(kept)), key=lambda i: kept[i].rows)
        kept[longest] = replace(kept[longest], every=2 * kept[longest].every)
    return [each.every for each in kept]


# ---- what is written around them ---------------------------------------------------------------


def _described(ax: Panel, panels: list[Panel]) -> dict[str, Any]:
    """Returns a panel's place and title, and what its axes and colours are.

    As in print, an axis without a label has that of the panel below, or to the left.
    """
    spots = {other: _place(other) for other in panels}
    rows, columns = spots[ax].rowspan, spots[ax].colspan
    column = [o for o, s in spots.items() if s.colspan == columns and s.rowspan[0] >= rows[0]]
    row = [o for o, s in spots.items() if s.rowspan == rows and s.colspan[0] <= columns[0]]
    title = " ".join(filter(None, (ax.get_title(loc) for loc in ("left", "center", "right"))))
    return {
        "row": rows[0] + 1,
        "column": columns[0] + 1,
        "title": title.replace("\n", ", "),
        "x": next(filter(None, (other.get_xlabel() for other in column)), ""),
        "y": next(filter(None, (other.get_ylabel() for other in reversed(row))), ""),
        "value": _of_colours(ax) or _in_common(map(_of_colours, panels)),
        "ticks": {"x": _named(ax.xaxis), "y": _named(ax.yaxis)},
    }


def _place(ax: Panel) -> SubplotSpec:
    spec: Any = ax.get_subplotspec()  # of a panel that `panels` made there is one
    return spec.get_topmost_subplotspec()  # a colour bar may have split it


def _of_colours(ax: Panel) -> str:
    bars = [getattr(artist, "colorbar", None) for artist in ax.get_children()]
    return next((bar.ax.get_ylabel() or bar.ax.get_xlabel() for bar in bars if bar), "")


def _in_common(labels: Iterable[str]) -> str:
    """Returns the one label of the colour bars of a figure, if there is one."""
    found = set(filter(None, labels))
    return found.pop() if len(found) == 1 else ""


def _named(axis: Axis) -> list[tuple[float, str]]:
    """Returns the places that ticks name by something else than their own number."""
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, FuncFormatter):  # as `set_xticks` has it where it is given names
        return []
    named = [(float(place), formatter(place)) for place in axis.get_majorticklocs()]
    return [(place, name) for place, name in named if name and not _is_number(name, place)]


def _is_number(text: str, number: float) -> bool:
    try:
        return bool(np.isclose(float(text), number, rtol=1e-2))
    except ValueError:
        return False


def _explained(figure: Figure, known: set[str]) -> list[str]:
    """Returns what legends say beyond the labels of the series."""
    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
    said = []
    for legend in legends:
        handles: list[Any] = legend.legend_handles
        said += [title] if (title := legend.get_title().get_text()) else []
        for handle, text in zip(handles, legend.get_texts(), strict=True):
            if text.get_text() not in known:
                line = isinstance(handle, Line2D)
                shown = ", ".join(look(handle)) if line else to_hex(handle.get_facecolor())
                said.append(f"{shown}: {text.get_text()}")
    return list(dict.fromkeys(said))
