"""Figures that a reader moves through with sliders, on curves that were computed before.

The book draws them with plotly.js and with sliders of the browser's own, which have labels and
obey the arrow keys (`_static/figures.js`). Where there is no plotly.js, and on paper, a picture of
their first position stands in. JupyterLab draws them with the extension that plotly's package
brings, with plotly's own slider.
"""

import base64
import hashlib
import html
import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array

from ntklib import _axes, _checks
from ntklib.book import _curves, _plotly, plots
from ntklib.book._curves import Curve, Panel, Slider
from ntklib.book._marks import PLOTLY_MARKER, PLOTLY_MIME_TYPE

__all__ = ["Curve", "Panel", "Slider", "SliderFigure"]

Numbers = Array | np.ndarray

MOST_BYTES = 500_000
MOST_POSITIONS = 240
PANEL_HEIGHT = 290
"""Of one panel, in pixels."""

_DASH = {"solid": "solid", "dashed": "dash", "dotted": "dot", "points": "solid"}
_MATPLOTLIB = {"solid": "-", "dashed": "--", "dotted": ":", "points": "o"}


@dataclass(frozen=True)
class SliderFigure:
    """Panels above each other and the sliders that move through them; show it to draw it.

    Attributes:
      sliders: at most three.
      panels: from top to bottom.
      description: the figure in words, for those who don't see it.

    Raises:
      ValueError: a curve's axes are not those of the sliders, its x has another length or is not
        finite, or the figure has more positions (240) or data (500 kB) than a page should load.

    Example:
      >>> import numpy as np
      >>> from ntklib.book.interactive import Curve, Panel, Slider, SliderFigure
      >>> times = np.linspace(0.0, 3.0, 31)
      >>> waves = np.stack([np.exp(-rate * times) for rate in (0.5, 1.0)])
      >>> panel = Panel([Curve("projection", times, waves)], "time t", "size", log="y")
      >>> rate = Slider("rate", ["0.5", "1"])
      >>> figure = SliderFigure([rate], [panel], description="An exponential; it falls faster.")
    """

    sliders: Sequence[Slider]
    panels: Sequence[Panel]
    description: str = field(kw_only=True)

    def __post_init__(self) -> None:
        _checks.whole_number("the number of sliders", len(self.sliders), least=1, most=3)
        for slider in self.sliders:
            count = _checks.whole_number(
                f"the number of values of {slider.label!r}", len(slider.values), least=2
            )
            _checks.whole_number(
                f"start of {slider.label!r}", slider.start, least=0, most=count - 1
            )
        _checks.whole_number(
            "the number of positions, over all sliders together",
            math.prod(self._shape),
            least=2,
            most=MOST_POSITIONS,
        )
        for curve in self._curves():
            _curves.check(curve, self._shape)
        size = len(self._data())
        if size > MOST_BYTES:
            raise ValueError(
                f"the figure has {size / 1000:.0f} kB of data: give it fewer points or positions, "
                f"{MOST_BYTES // 1000} kB is the most."
            )

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(len(slider.values) for slider in self.sliders)

    @property
    def _start(self) -> tuple[int, ...]:
        return tuple(slider.start for slider in self.sliders)

    def _curves(self) -> Iterator[Curve]:
        return (curve for panel in self.panels for curve in panel.curves)

    def _traces(self) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        """Yields plotly's traces without their heights, and these, with an axis a slider."""
        named: set[str] = set()
        for row, panel in enumerate(self.panels, start=1):
            for curve in panel.curves:
                trace = {
                    "type": "scatter", "x": _plotly.rounded(np.asarray(curve.x)),
                    "name": curve.name, "legendgroup": curve.name,
                    "xaxis": f"x{row}", "yaxis": f"y{row}",
                    "mode": "markers" if curve.line == "points" else "lines",
                    "marker": {"color": curve.colour, "size": 7}, "hoverinfo": "x+y",
                    "line": {"color": curve.colour, "width": 2, "dash": _DASH[curve.line]},
                }  # fmt: skip
                if curve.band is not None:
                    edge = {**trace, "mode": "lines", "line": {"width": 0}, "showlegend": False}
                    yield {**edge, "hoverinfo": "skip"}, self._axes(curve.band[0])
                    shade = {"fill": "tonexty", "fillcolor": _plotly.faint(curve.colour)}
                    yield {**edge, **shade, "hoverinfo": "skip"}, self._axes(curve.band[1])
                yield {**trace, "showlegend": curve.name not in named}, self._axes(curve.y)
                named.add(curve.name)

    def _axes(self, values: Numbers) -> np.ndarray:
        return _axes.padded(np.asarray(values, dtype=float), len(self._shape) + 1)

    def _data(self) -> str:
        """Returns what the page's script needs, as JSON.

        A trace's heights at all its positions are one list, in C order, with a stride a slider.
        """
        traces = []
        for trace, heights in self._traces():
            sizes = heights.shape[:-1]
            strides = [
                math.prod(sizes[axis + 1 :]) if size > 1 else 0 for axis, size in enumerate(sizes)
            ]
            rows = [_plotly.rounded(row) for row in heights.reshape(-1, heights.shape[-1])]
            traces.append({"trace": trace, "strides": strides, "rows": rows})
        content = {"traces": traces, "layout": _plotly.layout(self.panels)}
        return json.dumps(content, separators=(",", ":"))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            PLOTLY_MIME_TYPE: self._lab(),
            "text/html": self._page(),
            "text/plain": f"{self.description} (A figure with a slider, drawn by plotly.)",
        }

    def _lab(self) -> dict[str, Any]:
        """Returns a plotly figure whose own slider goes through every position."""
        traces = list(self._traces())

        def heights(position: Sequence[int]) -> list[list[float | None]]:
            return [_plotly.rounded(_curves.at(values, position)) for _, values in traces]

        still = {"mode": "immediate", "transition": {"duration": 0}}
        still["frame"] = {"duration": 0, "redraw": False}
        frames, steps, start = [], [], 0
        for index, position in enumerate(itertools.product(*map(range, self._shape))):
            start = index if position == self._start else start
            name = ", ".join(s.values[i] for s, i in zip(self.sliders, position, strict=True))
            frames.append({"name": name, "data": [{"y": y} for y in heights(position)]})
            steps.append({"method": "animate", "label": name, "args": [[name], still]})
        first = heights(self._start)
        label = ", ".join(slider.label for slider in self.sliders)
        slider = {"active": start, "currentvalue": {"prefix": f"{label}: "}, "pad": {"t": 50}}
        return {
            "data": [{**trace, "y": y} for (trace, _), y in zip(traces, first, strict=True)],
            "layout": {**_plotly.layout(self.panels), "sliders": [{**slider, "steps": steps}]},
            "frames": frames,
        }

    def _page(self) -> str:
        data = self._data()
        # The same figure has the same id in every build.
        name = "slider-" + hashlib.sha256((data + self.description).encode()).hexdigest()[:8]
        description = html.escape(self.description)
        height = 40 + PANEL_HEIGHT * len(self.panels)
        controls = "".join(
            f'<label for="{name}-{index}">{html.escape(slider.label)}: '
            f'<output id="{name}-{index}-value" for="{name}-{index}">'
            f"{html.escape(slider.values[slider.start])}</output></label>"
            f'<input type="range" id="{name}-{index}" min="0" max="{len(slider.values) - 1}" '
            f'value="{slider.start}" step="1" '
            f'aria-valuetext="{html.escape(slider.values[slider.start])}" '
            f'data-values="{html.escape(json.dumps(list(slider.values)))}">'
            for index, slider in enumerate(self.sliders)
        )
        # Inside <script> nothing but "</" could end it.
        data = data.replace("</", "<\\/")
        return (
            f'<div {PLOTLY_MARKER} id="{name}">'
            f'<img class="still" alt="{description}" src="{self._still()}" style="max-width:100%">'
            f'<div class="live" role="img" aria-label="{description}" '
            f'style="height:{height}px" hidden></div>'
            f'<div class="controls" hidden>{controls}</div>'
            f'<script type="application/json">{data}</script></div>'
        )

    def _still(self) -> str:
        """Returns a picture of the first position, as the address of an image."""
        with plt.style.context(plots.STYLE):
            figure, axes = plots.panels(1, len(self.panels), height=3.0)
            for ax, panel in zip(axes[:, 0], self.panels, strict=True):
                named: set[str] = set()
                for curve in panel.curves:
                    x, y = np.asarray(curve.x), _curves.at(self._axes(curve.y), self._start)
                    label = "_nolegend_" if curve.name in named else curve.name
                    named.add(curve.name)
                    style = {"color": curve.colour, "label": label}
                    ax.plot(x, y, _MATPLOTLIB[curve.line], **style)
                    if curve.band is not None:
                        low, high = (_curves.at(self._axes(b), self._start) for b in curve.band)
                        ax.fill_between(x, low, high, color=curve.colour, alpha=0.2, linewidth=0)
                ax.set(xlabel=panel.xlabel, ylabel=panel.ylabel, ylim=_curves.limits(panel))
                ax.set(xscale="log" if "x" in panel.log else "linear")
                ax.set(yscale="log" if "y" in panel.log else "linear")
                ax.legend(fontsize=9)
            position = ", ".join(f"{s.label}: {s.values[s.start]}" for s in self.sliders)
            titles = [f"{panel.title}   [{position}]".strip() for panel in self.panels]
            axes[0, 0].set_title(titles[0], loc="left", fontsize=10)
            picture = io.BytesIO()
            figure.savefig(picture, format="png", dpi=90)
            plt.close(figure)
        return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
