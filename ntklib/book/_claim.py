"""One claim: what was measured of a statement, and how it is held against its bound."""

import html
from dataclasses import asdict, dataclass
from typing import Any

from ntklib.book._marks import CLAIM_MIME_TYPE

RELATIONS = ("≤", "≥", "=")


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
      relation: "≤", "≥" or "=", between `measured` and `bound`.
      bound: the number that the statement gives.
      tolerance: how far an "=" may be missed.
      spread: the interval of `measured` over draws.
      verdict: "holds", "holds, conservative" or "refuted".
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
      ...     relation="≤",
      ...     bound=-0.5,
      ...     spread=(-1.1, -0.9),
      ...     guarantee=True,
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
    tolerance: float
    spread: tuple[float, float]
    verdict: str
    note: str
    scale: str
    device: str
    seed: int
    seconds: float

    @property
    def expected(self) -> str:
        """What the statement gives, such as "≤ 1" or "= -0.5 ± 0.05"."""
        return expected(self.relation, self.bound, self.tolerance)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        low, high = self.spread
        row = f"{self.measured:.3g} {self.expected}, spread [{low:.3g}, {high:.3g}]"
        text = f"{self.id}: {self.verdict}. {self.statement} Measured {row}. {self.note}".strip()
        markup = (
            f'<div class="claim" id="recorded-{html.escape(self.id)}">'
            f"<strong>{html.escape(self.id)}: {self.verdict}.</strong> "
            f"{html.escape(self.statement)}<br>Measured {html.escape(row)}. "
            f"{html.escape(self.note)}</div>"
        )
        return {CLAIM_MIME_TYPE: asdict(self), "text/plain": text, "text/html": markup}


def expected(relation: str, bound: float, tolerance: float) -> str:
    return f"{relation} {bound:.4g}" + (f" ± {tolerance:.3g}" if tolerance else "")


def margin(id: str, relation: str, tolerance: float, low: float, high: float) -> float:
    """Returns the tolerance of a claim, or says what is wrong with it."""
    if tolerance < 0 or (tolerance > 0 and relation != "="):
        raise ValueError(
            f"claim {id}: tolerance must be 0 for '≤' and '≥' and not negative for '=', "
            f"got {tolerance}."
        )
    if relation == "=" and high - low > 4 * tolerance:
        raise ValueError(
            f"claim {id}: spread = [{low:.4g}, {high:.4g}] is longer than four tolerances of "
            f"{tolerance:.3g} and says too little: take more draws or a wider range of sizes."
        )
    return tolerance
