"""A claim of the paper, what was measured of it, and the verdict.

A chapter makes one `Chapter` and ends the cell of each claim with `chapter.record(...)`. The
claim then travels in the executed notebook, as an output of a type of its own, wherever that
notebook comes from: papermill, the book's execution cache or a reader's own session.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsFloat

from ntklib import _arguments, _checks, _device
from ntklib._scale import SCALES
from ntklib.book._claim import Claim, RefutedClaimError
from ntklib.book._criterion import (
    CONSERVATIVE,
    EXPLORED,
    REFUTED,
    Criterion,
    at_least,
    at_most,
    equal_to,
    explored,
)
from ntklib.book._summary import Summary

__all__ = ["Chapter", "Claim", "at_least", "at_most", "equal_to", "explored"]

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
        spread: Sequence[SupportsFloat],
        criterion: Criterion,
        note: str = "",
        explanation: str = "",
    ) -> Claim:
        """Holds a measurement against a statement.

        An inequality holds when the measured number and both ends of its spread satisfy it; a
        guarantee that the whole spread beats is conservative. An equality holds when the measured
        number is within the tolerance of the bound. In either case half the spread must not be
        longer than the criterion's resolution: a longer one says too little. What was explored has
        that verdict, whatever was measured.

        Args:
          id: as in the book's table of claims.
          statement: what is claimed, in a sentence.
          source: where it is stated.
          measured: the number held against the criterion.
          spread: the interval of `measured` over draws, low and high.
          criterion: `at_most`, `at_least` or `equal_to` a bound, or only `explored`.
          note: what a reader of the number should know.
          explanation: why a refuted claim stands; without it the chapter fails.

        Returns:
          The claim. Make it the last expression of its cell, so that the notebook holds it.

        Raises:
          RefutedClaimError: the criterion is not met and there is no explanation.
          ValueError: a number is not finite, or the spread doesn't contain the measured number or
            is too long.
        """
        low, high = (float(end) for end in spread)
        value = float(measured)
        if not all(math.isfinite(number) for number in (value, low, high)):
            raise ValueError(
                f"claim {id}: measured = {value} and spread = [{low}, {high}] must be finite: find "
                "out what was not computed."
            )
        if not low <= value <= high:
            raise ValueError(
                f"claim {id}: spread = [{low}, {high}] must contain measured = {value}: "
                "give its low end first."
            )
        if not criterion.resolves(low, high):
            raise ValueError(
                f"claim {id}: half the spread [{low:.4g}, {high:.4g}] is {(high - low) / 2:.3g}, "
                f"longer than the resolution {criterion.resolution:.3g}, and says too little: take "
                "more draws or a wider range of sizes."
            )
        verdict = criterion.verdict(value, low, high)
        if verdict == REFUTED and not explanation:
            raise RefutedClaimError(
                f"claim {id} is refuted: measured {value:.4g} (spread [{low:.4g}, {high:.4g}]) is "
                f"not {criterion}. Doubt the code, then the integrator, then the sample size; if "
                "it stands, record it with an explanation."
            )
        if verdict == CONSERVATIVE:
            note = f"{note} Better than guaranteed by {abs(value - criterion.bound):.2g}.".strip()
        claim = Claim(
            id=id,
            chapter=self.name,
            statement=statement,
            source=source,
            measured=value,
            relation=criterion.relation,
            bound=criterion.bound,
            resolution=None if verdict == EXPLORED else criterion.resolution,
            spread=(low, high),
            effect=criterion.effect(low, high),
            verdict=verdict,
            note=explanation if verdict == REFUTED else note,
            scale=self.scale,
            device=_device.kind(),
            seed=self.seed,
            seconds=round(time.perf_counter() - self.started, 2),
        )
        self.recorded.append(claim)
        return claim

    def summary(self) -> Summary:
        """Returns the table of the claims recorded so far, paper against measured."""
        return Summary(tuple(self.recorded), self.scale, self.seed, _device.kind(), _device.peak())
