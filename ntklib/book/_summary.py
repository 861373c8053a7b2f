"""The table of a chapter's claims."""

from dataclasses import dataclass
from typing import Any

from ntklib.book._claim import Claim
from ntklib.book._marks import RUN_MIME_TYPE
from ntklib.book._table import Table


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
        return {RUN_MIME_TYPE: run, "text/plain": names, "text/html": self._table()._repr_html_()}

    def _table(self) -> Table:
        intervals = [f"[{low:.3g}, {high:.3g}]" for low, high in (c.spread for c in self.claims)]
        return Table(
            {
                "claim": [claim.id for claim in self.claims],
                "statement": [claim.statement for claim in self.claims],
                "measured": [f"{claim.measured:.3g}" for claim in self.claims],
                "spread": intervals,
                "paper": [claim.expected for claim in self.claims],
                "verdict": [claim.verdict for claim in self.claims],
            },
            kind="summary",
        )
