"""How Markdown is written: code and formulas on lines of their own, quotations and lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent

ENVIRONMENT = re.compile(r"\{(align|gather)\*?\}")


@dataclass(frozen=True)
class Cell:
    """A code cell of a notebook, which stands between the texts around it.

    Attributes:
        index: its place among all cells of the notebook, from 0.
    """

    index: int


def fenced(text: str, language: str = "") -> str:
    """Returns code as a fenced block."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def quoted(text: str) -> str:
    """Returns text as a quoted block."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def displayed(formula: str) -> str:
    """Returns a formula on lines of its own, as MathJax, KaTeX and LaTeX all read it."""
    lines = "\n".join(line for line in formula.splitlines() if line.strip())
    lines = ENVIRONMENT.sub(r"{\1ed}", lines)
    if r"\\" in lines and r"\begin{" not in lines:  # Sphinx splits it at the page
        lines = f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"
    return f"$$\n{lines}\n$$"


def one_line(text: str) -> str:
    """Returns text without its line breaks, which a table, say, can't have."""
    return re.sub(r"\s*\n\s*", " ", text)


def literal(text: str) -> str:
    """Returns code within a sentence."""
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{one_line(text)}{space}{fence}"


def joined(pieces: Iterable[str | Cell]) -> str:
    """Returns the texts among these pieces, a blank line between them."""
    return "\n\n".join(piece for piece in pieces if isinstance(piece, str))


def listed(items: Iterable[tuple[str, list[str | Cell]]]) -> list[str | Cell]:
    """Returns a list of items, each with its mark; those of several paragraphs stand apart."""
    found = [
        mark + indent(joined(pieces), " " * len(mark)).removeprefix(" " * len(mark))
        for mark, pieces in items
    ]
    apart = any("\n\n" in each for each in found)
    return [("\n\n" if apart else "\n").join(found)]
