"""One claim: a statement, what was measured of it, and the verdict."""

import html
import math
from dataclasses import asdict, dataclass
from typing import Any

from ntklib.book._criterion import Criterion
from ntklib.book._marks import CLAIM_MIME_TYPE


class RefutedClaimError(AssertionError):
    """What was measured contradicts the claim, and no explanation was given."""


@dataclass(frozen=True)
class Claim:
    """A statement and what was measured of it.

    Attributes:
      id: as in the book's table of claims, such as "corollary-2.width".
      chapter: the notebook's name without its ending.
      statement: what is claimed, in a sentence.
      source: where it is stated.
      measured: the number held against the bound.
      relation: "≤", "≥" or "=", between `measured` and `bound`, or "explored".
      bound: the number that the statement gives; of an explored one, that of no effect.
      resolution: the most that half the spread may be long, and how far an "=" may be missed; None
        for an explored one.
      spread: the interval of `measured` over draws.
      effect: the smallest effect that would have been noticed: for "=" the distance from the bound
        beyond which a number is measured outside of the tolerance wherever in its interval the
        measurement falls, `resolution` and half the spread; for "≤" and "≥" the shift that carries
        even the far end of the spread over the bound; for an explored one half the spread.
      verdict: "holds", "holds, conservative", "refuted" or "explored". The last one supports
        nothing.
      note: by how much a guarantee is conservative, or why a refuted claim stands.
      scale: "quick", "book" or "full".
      device: what JAX ran on.
      seed: of the chapter.
      seconds: from the chapter's first cell to this claim.

    Example:
      >>> from ntklib.book import claims
      >>> chapter = claims.Chapter("07-corollary-2", "quick", seed=0)
      >>> claim = chapter.record(
      ...     "corollary-2.width",
      ...     statement="The least ε falls at least like m^(−1/2).",
      ...     source="Corollary 2",
      ...     measured=-0.98,
      ...     spread=(-1.1, -0.9),
      ...     criterion=claims.at_most(-0.5, resolution=0.25, guarantee=True),
      ... )
      >>> claim.verdict, claim.expected, claim.note
      ('holds, conservative', '≤ -0.5', 'Better than guaranteed by 0.48.')
    """

    id: str
    chapter: str
    statement: str
    source: str
    measured: float
    relation: str
    bound: float
    resolution: float | None
    spread: tuple[float, float]
    effect: float
    verdict: str
    note: str
    scale: str
    device: str
    seed: int
    seconds: float

    @property
    def expected(self) -> str:
        """What the statement gives, such as "≤ 1" or "= -0.5 ± 0.05"."""
        return str(Criterion(self.relation, self.bound, self.resolution or math.inf))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        low, high = self.spread
        row = (
            f"{self.measured:.3g} {self.expected}, spread [{low:.3g}, {high:.3g}], smallest effect "
            f"noticed {self.effect:.2g}"
        )
        text = f"{self.id}: {self.verdict}. {self.statement} Measured {row}. {self.note}".strip()
        markup = (
            f'<div class="claim" id="recorded-{html.escape(self.id)}">'
            f"<strong>{html.escape(self.id)}: {self.verdict}.</strong> "
            f"{html.escape(self.statement)}<br>Measured {html.escape(row)}. "
            f"{html.escape(self.note)}</div>"
        )
        return {CLAIM_MIME_TYPE: asdict(self), "text/plain": text, "text/html": markup}
