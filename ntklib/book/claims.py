"""A claim of the paper, what was measured of it, and the verdict.

A chapter makes one `Chapter` and ends the cell of each claim with `chapter.record(...)`. The
claim then travels in the executed notebook, as an output of a type of its own, wherever that
notebook comes from: papermill, the book's execution cache or a reader's own session. `collect`
reads it from there.
"""

import html
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsFloat

from ntklib import _arguments, _checks, _device
from ntklib._scale import SCALES
from ntklib.book import _claim
from ntklib.book._claim import Claim, RefutedClaimError
from ntklib.book._marks import CLAIM_MIME_TYPE, RUN_MIME_TYPE

__all__ = [
    "Chapter",
    "Claim",
    "RefutedClaimError",
    "Summary",
    "collect",
]

MOST_SEED = 2**63 - 1
"""Of `jax.random.key` with double precision."""


@dataclass(frozen=True)
class Chapter:
    """What all claims of a chapter share.

    Attributes:
      name: the notebook's name without its ending, such as "07-corollary-2".
      scale: "quick" (tests, seconds), "book" (a laptop, a minute or two) or "full" (a GPU).
      seed: from which every random key of the chapter comes.
      started: the clock at the chapter's first cell.
      recorded: the claims so far.

    Raises:
      TypeError: the seed is no whole number.
      ValueError: the scale is none of the three, or the seed is negative or too large for a key.

    Example:
      >>> from ntklib.book import claims
      >>> chapter = claims.Chapter("07-corollary-2", "quick", seed=0)
      >>> chapter.choose(quick=8, book=64, full=512), chapter.progress
      (8, False)
    """

    name: str
    scale: str
    seed: int
    started: float = field(default_factory=time.perf_counter, repr=False)
    recorded: list[Claim] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        _arguments.choice("scale", self.scale, SCALES)
        _checks.whole_number("seed", self.seed, least=0, most=MOST_SEED)

    @property
    def progress(self) -> bool:
        """Whether bars are shown: not at "quick", where nobody waits for them."""
        return self.scale != "quick"

    def choose(self, *, quick: Any, book: Any, full: Any) -> Any:
        """Returns the one of three settings that belongs to the chapter's scale."""
        return {"quick": quick, "book": book, "full": full}[self.scale]

    def record(
        self,
        id: str,
        *,
        statement: str,
        source: str,
        measured: SupportsFloat,
        relation: str,
        bound: SupportsFloat,
        spread: Sequence[SupportsFloat],
        tolerance: SupportsFloat = 0.0,
        guarantee: bool = False,
        note: str = "",
        explanation: str = "",
    ) -> Claim:
        """Holds a measurement against a statement.

        An inequality holds when the measured number and both ends of its spread satisfy it; a
        guarantee that the whole spread beats is conservative. An equality holds when the spread
        comes within the tolerance of the bound and is no longer than four tolerances: a longer
        one says too little.

        Args:
          id: as in the book's table of claims.
          statement: what is claimed, in a sentence.
          source: where it is stated.
          measured: the number held against the bound.
          relation: "≤", "≥" or "=".
          bound: the number that the statement gives.
          spread: the interval of `measured` over draws, low and high.
          tolerance: how far the spread may miss the bound of an "="; 0 for the others.
          guarantee: whether the bound is a guaranteed rate, which a measured one may beat.
          note: what a reader of the number should know.
          explanation: why a refuted claim stands; without it the chapter fails.

        Returns:
          The claim. Make it the last expression of its cell, so that the notebook holds it.

        Raises:
          RefutedClaimError: the relation fails and there is no explanation.
          ValueError: the relation is unknown, a number is not finite, the spread doesn't contain
            the measured number or is too long for an "=", or an inequality has a tolerance.
        """
        _arguments.choice("relation", relation, _claim.RELATIONS)
        low, high = (float(end) for end in spread)
        value, limit = float(measured), float(bound)
        if not all(math.isfinite(number) for number in (value, limit, low, high)):
            raise ValueError(
                f"claim {id}: measured = {value}, bound = {limit} and spread = [{low}, {high}] "
                "must be finite: find out what was not computed."
            )
        if not low <= value <= high:
            raise ValueError(
                f"claim {id}: spread = [{low}, {high}] must contain measured = {value}: "
                "give its low end first."
            )
        margin = _claim.margin(id, relation, float(tolerance), low, high)
        if relation == "=":
            holds = high >= limit - margin and low <= limit + margin
        else:
            holds = high <= limit if relation == "≤" else low >= limit
        conservative = holds and guarantee and relation != "=" and limit not in (low, high)
        if not holds and not explanation:
            raise RefutedClaimError(
                f"claim {id} is refuted: measured {value:.4g} (spread [{low:.4g}, {high:.4g}]) is "
                f"not {_claim.expected(relation, limit, margin)}. Doubt the code, then the "
                "integrator, then the sample size; if it stands, record it with an explanation."
            )
        if conservative:
            note = f"{note} Better than guaranteed by {abs(value - limit):.2g}.".strip()
        claim = Claim(
            id=id,
            chapter=self.name,
            statement=statement,
            source=source,
            measured=value,
            relation=relation,
            bound=limit,
            tolerance=margin,
            spread=(low, high),
            verdict="holds, conservative" if conservative else "holds" if holds else "refuted",
            note=note if holds else explanation,
            scale=self.scale,
            device=_device.kind(),
            seed=self.seed,
            seconds=round(time.perf_counter() - self.started, 2),
        )
        self.recorded.append(claim)
        return claim

    def summary(self) -> "Summary":
        """Returns the table of the claims recorded so far, paper against measured."""
        return Summary(tuple(self.recorded), self.scale, self.seed, _device.kind(), _device.peak())


@dataclass(frozen=True)
class Summary:
    """A table of claims, for a notebook to show, and what the chapter took until then.

    Attributes:
      claims: its rows.
      scale: of the chapter.
      seed: of the chapter.
      device: what JAX ran on.
      peak: the most memory that the process has held so far, in bytes; 0 where it isn't known.

    Example:
      >>> from ntklib.book import claims
      >>> chapter = claims.Chapter("07-corollary-2", "quick", seed=0)
      >>> chapter.summary().claims
      ()
    """

    claims: tuple[Claim, ...]
    scale: str
    seed: int
    device: str
    peak: int

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        run = {"scale": self.scale, "seed": self.seed, "device": self.device, "peak": self.peak}
        names = ", ".join(f"{claim.id}: {claim.verdict}" for claim in self.claims)
        return {RUN_MIME_TYPE: run, "text/plain": names, "text/html": self._table()}

    def _table(self) -> str:
        head = ("claim", "statement", "measured", "spread", "paper", "verdict")
        rows = [
            (
                claim.id,
                claim.statement,
                f"{claim.measured:.3g}",
                f"[{claim.spread[0]:.3g}, {claim.spread[1]:.3g}]",
                claim.expected,
                claim.verdict,
            )
            for claim in self.claims
        ]
        body = "".join(_table_row("td", row) for row in rows)
        return f"<table><thead>{_table_row('th', head)}</thead><tbody>{body}</tbody></table>"


def _table_row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def collect(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Reads the claims that executed notebooks hold.

    Args:
      paths: of the notebooks.

    Returns:
      One dictionary a claim, with the fields of `Claim`, ordered by chapter and place in it.

    Raises:
      ValueError: two claims have the same id.

    Example:
      >>> import json, tempfile
      >>> from pathlib import Path
      >>> from ntklib.book import claims
      >>> claim = {"id": "figure-1", "chapter": "01-spectral-bias"}
      >>> data = {"application/vnd.ntklib.claim+json": claim}
      >>> cell = {"outputs": [{"data": data}]}
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     notebook = Path(folder) / "01-spectral-bias.ipynb"
      ...     _ = notebook.write_text(json.dumps({"cells": [cell]}))
      ...     [found] = claims.collect([notebook])
      >>> found["id"]
      'figure-1'
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(paths):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                claim = output.get("data", {}).get(CLAIM_MIME_TYPE)
                if claim is None:
                    continue
                if claim["id"] in found:
                    raise ValueError(
                        f"claim {claim['id']} is recorded twice, by "
                        f"{found[claim['id']]['chapter']} and {claim['chapter']}: give each its "
                        "own id."
                    )
                found[claim["id"]] = claim
    return list(found.values())
