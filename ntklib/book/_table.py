"""Tables of text and formulas, for a notebook and its page."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Table:
    r"""A table for a notebook to show; the book's style sheet says how it looks.

    Attributes:
      columns: the cells of each column from top to bottom, by its title. The first column names
        the rows. `$…$` is a formula.
      kind: the table's class, for style sheets.

    Example:
      >>> from ntklib.book import Table
      >>> Table({"work": ["Theorem 1"], "width": [r"$T^4/\epsilon^2$"]})
      work | width
      Theorem 1 | $T^4/\epsilon^2$
    """

    columns: Mapping[str, Sequence[str]]
    kind: str = "plain"

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in (tuple(self.columns), *self._rows()))

    def _rows(self) -> Iterable[tuple[str, ...]]:
        return zip(*self.columns.values(), strict=True)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in self.columns)
        rows = "".join(
            f'<tr><th scope="row">{_inline(first)}</th>'
            + "".join(f"<td>{_inline(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in self._rows()
        )
        return (
            f'<table class="{html.escape(self.kind)}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )


def _inline(text: str) -> str:
    # The class by which the book's MathJax, which skips all else, finds formulas.
    return re.sub(r"\$([^$]+)\$", r'<span class="math">\\(\1\\)</span>', html.escape(text))
