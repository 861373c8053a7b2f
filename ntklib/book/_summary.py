"""The table of a chapter's claims."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ntklib.book._claim import Claim
from ntklib.book._marks import RUN_MIME_TYPE


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
