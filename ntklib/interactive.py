"""Figures that a reader moves through with a slider, drawn by plotly.

In the book, and wherever plotly.js is on the page, they come with a slider of the browser's own,
which has a label and obeys the arrow keys. JupyterLab draws them with the extension that
plotly's package brings, with plotly's own slider.
"""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Array, Float
from plotly.subplots import make_subplots

from ntklib import _checks
from ntklib.plots import COLOURS

Numbers = Array | np.ndarray

MARKER = "data-ntklib-plotly"
"""An attribute by which the book knows the pages that need plotly.js."""

PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json"
MOST_FRAMES = 60
DIGITS = 3

# One slider, labelled, that asks plotly for the frame of its number. It waits for the page, since
# plotly.js may arrive after it, and looks for nothing outside its own figure.
PAGE = Template("""\
<div $marker style="background:white;color:#222;padding:0.5rem 0.25rem">
<div id="$id" role="img" aria-label="$description" style="width:100%;height:${height}px"></div>
<div style="padding:0.5rem 1rem 0">
<label for="$id-slider">$label: <output id="$id-value" for="$id-slider">$last_name</output></label>
<input type="range" id="$id-slider" min="0" max="$last" value="$last" step="1"
 aria-valuetext="$last_name" style="width:100%;height:2rem;accent-color:$colour">
</div>
<script type="application/json" id="$id-data">$data</script>
<script>
(function () {
  function start() {
    const plot = document.getElementById("$id");
    if (typeof Plotly === "undefined") {
      plot.textContent = "This figure needs plotly.js, which is not on this page.";
      return;
    }
    const figure = JSON.parse(document.getElementById("$id-data").textContent);
    const slider = document.getElementById("$id-slider");
    const value = document.getElementById("$id-value");
    const still = {duration: 0};
    Plotly.newPlot(plot, {
      data: figure.data, layout: figure.layout, frames: figure.frames,
      config: {responsive: true, displayModeBar: false, scrollZoom: false}
    });
    slider.addEventListener("input", function () {
      const name = figure.frames[Number(slider.value)].name;
      value.textContent = name;
      slider.setAttribute("aria-valuetext", name);
      Plotly.animate(plot, [name], {
        mode: "immediate", transition: still, frame: {duration: 0, redraw: false}
      });
    });
  }
  if (document.readyState === "complete") { start(); }
  else { window.addEventListener("load", start); }
})();
</script>
</div>""")


@dataclass(frozen=True)
class SliderFigure:
    """A plotly figure with frames, and what it needs to be shown.

    Attributes:
      figure: with frames, and plotly's own slider in its layout.
      label: what the slider moves through, such as "training".
      description: the figure in words, for those who don't see it.
      height: in pixels.
    """

    figure: go.Figure
    label: str
    description: str
    height: int

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        content = self.figure.to_plotly_json()
        content = json.loads(json.dumps({key: content[key] for key in ("data", "layout")}))
        content["frames"] = [frame.to_plotly_json() for frame in self.figure.frames]
        return {
            PLOTLY_MIME_TYPE: content,
            "text/html": self._page(content),
            "text/plain": f"{self.description} (A figure with a slider, drawn by plotly.)",
        }

    def _page(self, content: dict[str, Any]) -> str:
        layout = {key: part for key, part in content["layout"].items() if key != "sliders"}
        data = json.dumps({**content, "layout": layout}, separators=(",", ":"))
        names = [frame.name for frame in self.figure.frames]
        return PAGE.substitute(
            marker=MARKER,
            # The same figure has the same id in every build.
            id="slider-" + re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-"),
            description=html.escape(self.description),
            label=html.escape(self.label),
            last=len(names) - 1,
            last_name=html.escape(names[-1]),
            height=self.height,
            colour=COLOURS[0],
            # Inside <script> nothing but this could end it.
            data=data.replace("</", "<\\/"),
        )


def training(
    steps: Sequence[int],
    x: Float[Numbers, " q"],
    values: Float[Numbers, "s q"],
    target: Float[Numbers, " q"],
    frequencies: Float[Numbers, " k"],
    amplitudes: Float[Numbers, "s k"],
    target_amplitudes: Float[Numbers, " k"],
    *,
    label: str = "Training step",
    description: str,
) -> SliderFigure:
    """A learned function beside its target, and below them their amplitude spectra.

    Args:
      steps: one number a frame, shape (s,).
      x: points of the interval, shape (q,).
      values: the learned function at them, shape (s, q).
      target: f* at them, shape (q,).
      frequencies: in periods, shape (k,).
      amplitudes: of the learned function, shape (s, k).
      target_amplitudes: of f*, shape (k,).
      label: of the slider; it names the figure, so that two of one page need different ones.
      description: the figure in words, for those who don't see it.

    Returns:
      The figure, open at its last frame; numbers are rounded to three decimals.

    Raises:
      ValueError: lengths don't agree, or there are more than 60 frames, which would make the page
        slow to load.
    """
    count = _checks.whole_number("the number of steps", len(steps), least=1, most=MOST_FRAMES)
    _checks.same_length("values", len(values), "steps", count)
    _checks.same_length("amplitudes", len(amplitudes), "steps", count)
    _checks.same_length("x", len(x), "values' last axis", values.shape[-1])
    _checks.same_length("x", len(x), "target", len(target))
    _checks.same_length(
        "frequencies", len(frequencies), "target_amplitudes", len(target_amplitudes)
    )
    _checks.same_length(
        "frequencies", len(frequencies), "amplitudes' last axis", amplitudes.shape[-1]
    )
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.16, row_heights=[0.58, 0.42])
    learned, wanted = {"color": COLOURS[1], "width": 2}, {"color": "#777777", "width": 1.5}
    pairs = ((x, target, values[-1]), (frequencies, target_amplitudes, amplitudes[-1]))
    for row, (where, still, moving) in enumerate(pairs, start=1):
        for name, y, line in (("target", still, wanted), ("network", moving, learned)):
            trace = go.Scatter(
                x=_rounded(where), y=_rounded(y), name=name, line=line, mode="lines",
                legendgroup=name, showlegend=row == 1, hoverinfo="x+y",
            )  # fmt: skip
            figure.add_trace(trace, row=row, col=1)
    figure.frames = [
        go.Frame(
            name=f"{step:,}", traces=[1, 3],
            data=[go.Scatter(y=_rounded(values[i])), go.Scatter(y=_rounded(amplitudes[i]))],
        )
        for i, step in enumerate(steps)
    ]  # fmt: skip
    heights = (
        max(np.max(np.abs(values)), np.max(np.abs(target))),
        max(np.max(amplitudes), np.max(target_amplitudes)),
    )
    _lay_out(figure, label, *(1.05 * float(height) for height in heights))
    return SliderFigure(figure, label, description, 640)


def _lay_out(figure: go.Figure, label: str, value: float, amplitude: float) -> None:
    """Labels axes that stay as they are while the slider moves, and adds plotly's own slider."""
    axis = {"showgrid": True, "gridcolor": "#e5e5e5", "zeroline": False, "fixedrange": True}
    figure.update_xaxes(linecolor="#444444", ticks="outside", **axis)
    figure.update_yaxes(linecolor="#444444", ticks="outside", automargin=True, **axis)
    figure.update_xaxes(title_text="input x", row=1, col=1)
    figure.update_yaxes(title_text="f(x)", range=[-value, value], row=1, col=1)
    figure.update_xaxes(title_text="frequency (periods on [0, 1])", row=2, col=1)
    figure.update_yaxes(title_text="amplitude", range=[0.0, amplitude], row=2, col=1)
    still = {"mode": "immediate", "transition": {"duration": 0}}
    still["frame"] = {"duration": 0, "redraw": False}
    steps = [
        {"method": "animate", "label": frame.name, "args": [[frame.name], still]}
        for frame in figure.frames
    ]
    figure.update_layout(
        template="none",
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"size": 14, "color": "#222222"},
        margin={"l": 56, "r": 16, "t": 36, "b": 56},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
        sliders=[{"active": len(steps) - 1, "currentvalue": {"prefix": f"{label}: "},
                  "pad": {"t": 50}, "steps": steps}],
    )  # fmt: skip


def _rounded(values: Any) -> list[float]:
    # A list, since plotly would send an array as it is, in full precision.
    return [round(float(value), DIGITS) + 0.0 for value in np.asarray(values)]
