"""What axes show, as series of numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.spines import Spine
from matplotlib.text import Text

DECORATION = (Axis, Spine, Text, Legend, Circle)
"""What is written or frames a panel; a notebook that draws anything else has to say its numbers."""
LINES = {"-": "line", "--": "dashed line", ":": "dotted line", "-.": "dash-dotted line"}
CHANNELS = ("red", "green", "blue", "opacity")

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Series:
    """Numbers that were drawn in one go.

    Attributes:
      curve: their label, "" without one.
      part: what they are drawn as, such as "dashed line" or "band".
      colour: such as "#0072b2", "" where values have colours.
      columns: arrays of one length; "x", "y" and "value", and "x low", … for ends of intervals.
      every: of how many points one is kept.
    """

    curve: str
    part: str
    colour: str
    columns: Columns
    every: int = 1

    @property
    def rows(self) -> int:
        """How many points are kept."""
        return len(range(0, len(next(iter(self.columns.values()))), self.every))

    def kept(self) -> dict[str, Any]:
        """Returns it as JSON has it, where a point that is not drawn has None."""
        arrays = {name: np.asarray(v, dtype=float) for name, v in self.columns.items()}
        columns = {
            name: [v if np.isfinite(v) else None for v in array[:: self.every].tolist()]
            for name, array in arrays.items()
        }
        own = {"curve": self.curve, "part": self.part, "colour": self.colour, "every": self.every}
        return {**own, "columns": columns}


def grid(x: Any, y: Any, values: Any, *levels: Any) -> Columns:
    """Returns the columns of a map: its points, or its cells' ends where edges are given.

    Args:
      x: shape (columns,) or (columns + 1,), or one for each row.
      y: shape (rows,) or (rows + 1,), or one for each column.
      values: shape (rows, columns).
      levels: are not looked at.
    """
    x, y, values = map(np.asarray, (x, y, values))
    x, y = (x, y) if x.ndim == 2 else np.meshgrid(x, y)
    if x.shape == values.shape:
        return {"x": x.ravel(), "y": y.ravel(), "value": values.ravel()}
    return {
        "x low": x[:-1, :-1].ravel(), "x high": x[1:, 1:].ravel(),
        "y low": y[:-1, :-1].ravel(), "y high": y[1:, 1:].ravel(), "value": values.ravel(),
    }  # fmt: skip


def series_of(ax: Axes, given: Mapping[Artist, Columns]) -> Iterator[Series]:
    """Yields what axes show, but for error bars in the order in which it was drawn.

    Args:
      ax: the axes.
      given: the numbers of what keeps outlines of them alone: bands and maps.

    Raises:
      TypeError: something was drawn whose numbers are not known.
    """
    done: set[Any] = {ax.patch}
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer):
            yield _error_bars(container)
            line, caps, bars = container.lines
            done |= {line, *caps, *bars}
    maps: list[Columns] = []
    for artist in ax.get_children():
        if artist in done or isinstance(artist, DECORATION) or not artist.get_visible():
            continue
        for series in _drawn(artist, ax, given):
            # Level lines on a map show the map's values once more.
            if "value" in series.columns:
                if any(_same(series.columns, before) for before in maps):
                    continue
                maps.append(series.columns)
            if series.rows:
                yield series


def _same(first: Columns, second: Columns) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name], equal_nan=True) for name in first
    )


def _drawn(artist: Artist, ax: Axes, given: Mapping[Artist, Columns]) -> Iterator[Series]:
    """Yields what an artist shows; most artists are one series."""
    label = _label(artist)
    if artist in given:
        columns = given[artist]
        if "value" in columns:
            yield Series(label, "map", "", columns)
        else:
            yield Series(label, "band", to_hex(artist.get_facecolor()[0]), columns)  # type: ignore[attr-defined]
    elif type(artist) is Line2D:
        yield Series(label, *look(artist), _of_line(artist, ax))
    elif isinstance(artist, PathCollection):
        yield from _of_points(artist, label)
    elif isinstance(artist, AxesImage):
        yield from _of_image(artist, label)
    elif isinstance(artist, Rectangle):
        x, y, width, height = artist.get_bbox().bounds
        ends = {"x": (x, x + width), "y": (y, y + height)}
        columns = {}
        for (name, interval), own in zip(ends.items(), _in_data(artist, ax), strict=True):
            columns |= _interval(name, *np.array(interval)[:, None]) if own else {}
        yield Series(label, "shade", to_hex(artist.get_facecolor()), columns)
    else:
        raise TypeError(
            f"the figure shows a {type(artist).__name__}, whose numbers are not known: say in "
            "ntklib/book/_series.py what they are, or draw it with plot, scatter, errorbar, "
            "fill_between, pcolormesh, contour, contourf, imshow, axvspan or axhspan."
        )


def _label(artist: Any) -> str:
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _in_data(artist: Artist, ax: Axes) -> tuple[bool, bool]:
    """Whether an artist's x and y are numbers on the axes, not places in the panel."""
    in_x, in_y = artist.get_transform().contains_branch_seperately(ax.transData)
    return in_x, in_y


def _interval(name: str, low: np.ndarray, high: np.ndarray) -> Columns:
    return {f"{name} low": low, f"{name} high": high}


def look(line: Line2D) -> tuple[str, str]:
    """Returns as what a line is drawn, and its colour."""
    marker = line.get_marker() not in ("None", "none", " ", "", None)
    points = f"points {line.get_marker()}" if marker else ""
    style = str(line.get_linestyle())  # one of its own is a tuple
    drawn = "" if style in ("None", "none", " ", "") else LINES.get(style, "line")
    steps = "in steps" if drawn and line.get_drawstyle() != "default" else ""
    part = " and ".join(filter(None, (drawn, points)))
    return f"{part} {steps}".strip(), to_hex(line.get_color())


def _of_line(line: Line2D, ax: Axes) -> Columns:
    both = dict(zip("xy", map(np.asarray, line.get_data(orig=False)), strict=True))
    inside = dict(zip("xy", _in_data(line, ax), strict=True))
    if all(inside.values()):
        return both
    # Across the whole panel: one number says where.
    return {name: values[:1] for name, values in both.items() if inside[name]}


def _of_points(points: PathCollection, label: str) -> Iterator[Series]:
    x, y = np.ma.filled(np.ma.asarray(points.get_offsets(), dtype=float), np.nan).T
    if (values := points.get_array()) is not None:
        yield Series(label, "points", "", {"x": x, "y": y, "value": np.ma.filled(values, np.nan)})
        return
    faces = np.broadcast_to(np.asarray(points.get_facecolor()), (len(x), 4))
    colours = np.array([to_hex(face) for face in faces])
    for colour in dict.fromkeys(colours):
        own = colours == colour
        yield Series(label, "points", str(colour), {"x": x[own], "y": y[own]})


def _of_image(image: AxesImage, label: str) -> Iterator[Series]:
    values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    rows, columns = values.shape[:2]
    left, right, bottom, top = image.get_extent()
    first, last = (bottom, top) if image.origin == "lower" else (top, bottom)
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = first + (np.arange(rows) + 0.5) * (last - first) / rows
    if values.ndim == 2:
        yield Series(label, "map", "", grid(x, y, values))
        return
    for channel, name in zip(np.moveaxis(values, 2, 0), CHANNELS, strict=False):
        yield Series(label, f"picture, {name}", "", grid(x, y, channel))


def _error_bars(container: ErrorbarContainer) -> Series:
    line, _, bars = container.lines
    x, y = map(np.asarray, line.get_data(orig=False))
    columns = {"x": x, "y": y}
    across = ["x"] * container.has_xerr + ["y"] * container.has_yerr
    for name, each in zip(across, bars, strict=True):
        ends = np.array(each.get_segments())[:, :, "xy".index(name)]
        columns |= _interval(name, ends[:, 0], ends[:, 1])
    part, colour = look(line)
    return Series(_label(container), f"{part} with error bars", colour, columns)
