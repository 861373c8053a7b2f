"""All claims at a glance: each measurement and its interval against its bound, on one scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

MARKS = {
    "holds": '<circle r="5"/>',
    "holds, conservative": '<path d="M-6 0 4-6 4 6Z"/>',
    "refuted": '<path d="M-5-5 5 5M-5 5 5-5"/>',
    "explored": '<path d="M-6 0 0-6 6 0 0 6Z"/>',
}
"""By the verdict, the shape that stands for it: colours alone not everybody can tell apart."""


@dataclass(frozen=True)
class Place:
    """Where a claim stands, in units of its resolution, the side that it allows being negative.

    Attributes:
        value: distance of the measured number from the bound.
        low: that of one end of its interval.
        high: that of the other.
        allowed: from where to where the claim holds; None if nothing is asked.
    """

    value: float
    low: float
    high: float
    allowed: tuple[float, float] | None


def place(claim: Mapping[str, Any]) -> Place:
    """Returns where a claim stands. Of an explored one, half the interval is the unit."""
    unit = claim["resolution"] or claim["effect"] or 1.0
    sign = -1.0 if claim["relation"] == "≥" else 1.0
    value, *ends = (
        sign * (number - claim["bound"]) / unit for number in (claim["measured"], *claim["spread"])
    )
    allowed = {"≤": (-math.inf, 0.0), "≥": (-math.inf, 0.0), "=": (-1.0, 1.0)}
    return Place(value, min(ends), max(ends), allowed.get(claim["relation"]))


class Scale:
    """The scale that all claims share, from whole number to whole number."""

    def __init__(self, places: Sequence[Place]) -> None:
        found = [end for each in places for end in (each.value, each.low, each.high)]
        self.low = math.floor(min([*found, -1.5]) - 0.5)
        self.high = math.ceil(max([*found, 1.5]) + 0.5)

    def percent(self, value: float) -> str:
        """Returns where a value is drawn."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{100 * share:.2f}%"

    def ticks(self) -> str:
        """Returns the scale's own row: every other whole number, 0 being the bound."""
        values = range(self.low + self.low % 2, self.high, 2)
        marks = (
            f'<text x="{self.percent(v)}" y="11">{str(v).replace("-", "−")}</text>'
            for v in values
            if v > self.low
        )
        return f'<svg class="ticks" aria-hidden="true">{"".join(marks)}</svg>'


def strip(claim: Mapping[str, Any], scale: Scale, said: str) -> str:
    """Returns the drawing of one claim, `said` in words."""
    at, drawn = place(claim), scale.percent
    parts = []
    if at.allowed is not None:
        left, right = (drawn(end) for end in at.allowed)
        width = float(right[:-1]) - float(left[:-1])
        parts.append(f'<rect class="allowed" x="{left}" width="{width:.2f}%" height="100%"/>')
    zero = drawn(0.0)
    parts.append(f'<line class="bound" x1="{zero}" x2="{zero}" y1="0" y2="100%"/>')
    verdict = claim["verdict"]
    parts.append(
        f'<g class="{verdict.split(", ")[-1]}">'
        f'<line x1="{drawn(at.low)}" x2="{drawn(at.high)}" y1="50%" y2="50%"/>'
        f'<svg x="{drawn(at.value)}" y="50%" overflow="visible">{MARKS[verdict]}</svg></g>'
    )
    return f'<svg class="strip" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'


def _breaking(name: str) -> str:
    """Returns a claim's name, which a narrow column breaks after a dot before all else."""
    return escape(name).replace(".", ".<wbr>")


def key() -> str:
    """Returns what each shape and shade means."""
    shapes = (
        f'<li><svg class="sample {verdict.split(", ")[-1]}" aria-hidden="true">'
        f'<svg x="50%" y="50%" overflow="visible">{mark}</svg></svg>{escape(verdict)}</li>'
        for verdict, mark in MARKS.items()
    )
    return (
        f'<ul class="glance-key">{"".join(shapes)}'
        '<li><svg class="sample" aria-hidden="true"><rect class="allowed" width="100%" '
        'height="100%"/></svg>where the claim holds</li></ul>'
    )


def choices(recorded: Mapping[str, Sequence[Mapping[str, Any]]], titles: Mapping[str, str]) -> str:
    """Returns the controls that choose chapters and verdicts, hidden where no script shows them."""
    found = [claim["verdict"] for claims in recorded.values() for claim in claims]
    chapters = "".join(
        f'<option value="{escape(name)}">{escape(titles[name])}</option>'
        for name, claims in recorded.items()
        if claims
    )
    verdicts = "".join(
        f'<option value="{escape(verdict)}">{escape(verdict)} ({found.count(verdict)})</option>'
        for verdict in MARKS
        if verdict in found
    )
    return (
        '<div class="glance-choices" hidden>'
        f'<label>Chapter <select data-glance="chapter"><option value="">all</option>{chapters}'
        '</select></label><label>Verdict <select data-glance="verdict"><option value="">all '
        f'</option>{verdicts}</select></label><span role="status"></span></div>'
    )


def figure(
    recorded: Mapping[str, Sequence[Mapping[str, Any]]],
    titles: Mapping[str, str],
    words: Mapping[str, str],
) -> str:
    """Returns the figure of all claims, each a link to its row in the table.

    Args:
        recorded: the claims by chapter.
        titles: of the chapters.
        words: for each claim, by its id, what its drawing shows.
    """
    scale = Scale([place(claim) for claims in recorded.values() for claim in claims])
    groups = []
    for chapter, claims in recorded.items():
        rows = "".join(
            f'<li data-chapter="{escape(chapter)}" data-verdict="{escape(claim["verdict"])}">'
            f'<a href="#claim-{escape(claim["id"])}">{_breaking(claim["id"])}</a>'
            f"{strip(claim, scale, words[claim['id']])}</li>"
            for claim in claims
        )
        if rows:
            groups.append(
                f'<div class="glance-chapter"><p><span>{escape(titles[chapter])}</span>'
                f"{scale.ticks()}</p><ul>{rows}</ul></div>"
            )
    return (
        f'<div class="glance" data-ntklib-claims>{choices(recorded, titles)}{key()}'
        '<p class="glance-axis">Across: distance from the bound, in units of what the claim has to '
        "tell apart (of an explored one, of half its interval); 0 is the bound, and what a ≤ or ≥ "
        f'allows is to its left.</p><div class="glance-chapters">{"".join(groups)}</div></div>'
    )
