"""Panels, colours and numbers as plotly takes them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ntklib.book._curves import Panel, limits, reach

DIGITS = 4
"""Of numbers on a page."""


def layout(panels: Sequence[Panel]) -> dict[str, Any]:
    """Returns plotly's layout, with axes that hold every position."""
    rows = len(panels)
    axis = {
        "showgrid": True, "gridcolor": "#e5e5e5", "zeroline": False, "fixedrange": True,
        "linecolor": "#444444", "ticks": "outside", "exponentformat": "power",
        "tickfont": {"size": 12},
    }  # fmt: skip
    gap = 0.5 / (rows + 1) if rows > 1 else 0.0
    height = (1 - gap * (rows - 1)) / rows
    layout: dict[str, Any] = {
        "paper_bgcolor": "white", "plot_bgcolor": "white", "hovermode": "closest",
        "font": {"size": 13, "color": "#222222"},
        "margin": {"l": 56, "r": 12, "t": 48, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "annotations": [],
    }  # fmt: skip
    for row, panel in enumerate(panels, start=1):
        top = 1 - (row - 1) * (height + gap)
        layout[f"xaxis{row}"] = {
            **axis, "anchor": f"y{row}", "title": {"text": panel.xlabel, "standoff": 6},
            **_scale("x" in panel.log, *reach(panel)),
        }  # fmt: skip
        layout[f"yaxis{row}"] = {
            **axis, "anchor": f"x{row}", "title": {"text": panel.ylabel, "standoff": 6},
            "automargin": True, "domain": [max(top - height, 0.0), top],
            **_scale("y" in panel.log, *limits(panel)),
        }  # fmt: skip
        if panel.title:
            layout["annotations"].append({
                "text": panel.title, "x": 1, "xanchor": "right", "xref": "paper", "y": top,
                "yanchor": "bottom", "yref": "paper", "showarrow": False,
            })  # fmt: skip
    return layout


def _scale(logarithmic: bool, low: float, high: float) -> dict[str, Any]:
    """Returns what plotly needs for an axis from low to high."""
    if not logarithmic:
        return {"type": "linear", "range": [low, high]}
    ends = [math.log10(low), math.log10(high)]
    # Over many decades plotly would write digits between them, which collide on a phone.
    ticks = {"dtick": 1} if ends[1] - ends[0] > 1.5 else {}
    return {"type": "log", "range": ends, **ticks}


def faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def rounded(values: np.ndarray) -> list[float | None]:
    """Returns numbers to four digits, and what is not finite as null, which JSON has."""
    return [float(f"{v:.{DIGITS}g}") + 0.0 if math.isfinite(v) else None for v in values.tolist()]
