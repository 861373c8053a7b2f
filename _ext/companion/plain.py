"""Pages in plain Markdown, for readers and tools that don't know the book's own software.

A page is written from the tree of which Sphinx makes its HTML, so that links, citations, numbers
and tables are those of the page. Admonitions are quoted under their titles, figures are their
captions, and formulas stay between dollar signs.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import singledispatchmethod
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import admonitionlabels

from companion import marks
from companion.marks import Cell

# What Markdown would read in a text that is meant as it stands. A bracket is harmless by itself.
SPECIAL = re.compile(r"[\\`*$]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!])")
TAG = re.compile(r"<[^>]*>")
UNSHOWN = (
    addnodes.index, nodes.comment, nodes.meta, nodes.pending, nodes.raw,
    nodes.substitution_definition, nodes.system_message, nodes.target,
)  # fmt: skip
MARKS = ((nodes.strong, "**"), (nodes.emphasis, "*"))
LANGUAGES = {"default": "", "none": "", "ipython3": "python", "ipython": "python"}


class Writer:
    """Writes a page, or a part of it, as pieces of Markdown with a notebook's code cells between.

    Args:
        link: gives the address to write for one of the page's links, "" for its text alone.
        numbers: of the page's figures, exercises and statements, by their ids.
    """

    def __init__(self, link: Callable[[str], str], numbers: Mapping[str, str]) -> None:
        self._link = link
        self._numbers = numbers

    def inline(self, node: nodes.Node) -> str:
        """Returns a part of a sentence."""
        if isinstance(node, nodes.Text):
            return SPECIAL.sub(r"\\\g<0>", marks.one_line(node.astext()))
        if isinstance(node, nodes.math):
            return f"${marks.one_line(node.astext()).strip()}$"
        if isinstance(node, nodes.literal):
            return marks.literal(node.astext())
        if isinstance(node, nodes.raw):
            return TAG.sub("", node.astext())
        if isinstance(node, nodes.image):
            return f"*{node['alt']}*" if node.get("alt") else ""
        text = "".join(map(self.inline, node.children))
        if isinstance(node, nodes.reference):
            uri = node.get("refuri")
            return self._linked(text, f"#{node['refid']}" if uri is None else uri)
        for kind, mark in MARKS:
            if isinstance(node, kind) and text:
                return f"{mark}{text}{mark}"
        return text

    def _linked(self, text: str, uri: str) -> str:
        address = self._link(uri)
        if not address:
            return text
        address = f"<{address}>" if re.search(r"[\s()]", address) else address
        # sphinx-exercise's links begin with the space before them, and sphinx-proof's end with one.
        before = " " if text.startswith(" ") else ""
        return f"{before}[{text.strip()}]({address})"

    def _number(self, node: nodes.Element) -> str:
        return next((self._numbers[i] for i in node["ids"] if i in self._numbers), "")

    def blocks(self, children: Iterable[nodes.Node], depth: int = 0) -> list[str | Cell]:
        """Returns what nodes hold; parts of a sentence that stand by themselves are a paragraph.

        Args:
            children: the nodes.
            depth: of the sections around them.
        """
        shown = (child for child in children if not isinstance(child, UNSHOWN))
        found: list[str | Cell] = []
        for inline, group in groupby(shown, lambda n: isinstance(n, nodes.Text | nodes.Inline)):
            if inline:
                text = "".join(map(self.inline, group)).strip()
                found += [text] if text else []
            else:
                for child in group:
                    found += self._block(child, depth)
        return found

    @singledispatchmethod
    def _block(self, node: Any, depth: int) -> list[str | Cell]:
        return self.blocks(node.children, depth)

    @_block.register(nodes.section)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return self.blocks(node.children, depth + 1)

    @_block.register(nodes.title)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return [f"{'#' * max(1, depth)} {self._text(node)}"]

    @_block.register(nodes.rubric)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return [f"**{self._text(node)}**"]

    @_block.register(nodes.paragraph)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        text = self._text(node)
        return [text] if text else []

    @_block.register(nodes.literal_block)
    @_block.register(nodes.doctest_block)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        language = node.get("language", "")
        return [marks.fenced(node.astext(), LANGUAGES.get(language, language))]

    @_block.register(nodes.math_block)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return [marks.displayed(node.astext())]

    @_block.register(nodes.block_quote)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return [marks.quoted(marks.joined(self.blocks(node.children, depth)))]

    @_block.register(nodes.transition)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return ["---"]

    @_block.register(nodes.bullet_list)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        return marks.listed(("- ", self.blocks(item.children, depth)) for item in node.children)

    @_block.register(nodes.enumerated_list)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        numbered = enumerate(node.children, node.get("start", 1))
        return marks.listed((f"{i}. ", self.blocks(item.children, depth)) for i, item in numbered)

    @_block.register(nodes.definition_list)
    @_block.register(nodes.field_list)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        items = []
        for item in node.children:
            *terms, meaning = item.children
            term = f"**{' '.join(map(self._text, terms))}**"
            items.append(("- ", [term, *self.blocks(meaning.children, depth)]))
        return marks.listed(items)

    @_block.register(nodes.citation)
    @_block.register(nodes.footnote)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        label, *content = node.children
        text = marks.joined(self.blocks(content, depth))
        return marks.listed([("- ", [f"**{self._text(label)}** {text}"])])

    @_block.register(nodes.table)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        rows = [[self._entry(entry) for entry in row.children] for row in node.findall(nodes.row)]
        if not any(node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        return ["\n".join(f"| {' | '.join(row)} |" for row in rows)]

    def _entry(self, entry: nodes.Element) -> str:
        paragraphs = marks.joined(self.blocks(entry.children)).replace("\n\n", "<br>")
        return marks.one_line(paragraphs).replace("|", r"\|")

    @_block.register(nodes.figure)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        number = self._number(node)
        said = [child for child in node.children if isinstance(child, nodes.caption | nodes.legend)]
        texts = [marks.joined(self.blocks(child.children)) for child in said]
        name = f"**{self._linked(f'Fig. {number}', '#' + node['ids'][0])}.**" if number else ""
        text = " ".join(filter(None, [name, *texts])) or marks.joined(self.blocks(node.children))
        return [text] if text else []

    @_block.register(nodes.Admonition)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        number, rest = self._number(node), list(node.children)
        titled = bool(rest) and isinstance(rest[0], nodes.title)
        title = self._text(rest.pop(0)) if titled else ""
        # sphinx-proof and sphinx-exercise put the kind and the number before the title in HTML.
        kind = node.get("realtype") or (node.get("type", "") if number else "")
        heading = " ".join(filter(None, [kind.title() if title or number else "", number, title]))
        heading = heading or str(admonitionlabels.get(node.tagname, ""))
        first = [f"**{heading}**"] if heading else []
        pieces = [*first, *self.blocks(rest, depth)]
        # A notebook's code can't be quoted with the text around it; a proof is one within another.
        alone = node.tagname == "proof_node" or any(isinstance(each, Cell) for each in pieces)
        return pieces if alone else [marks.quoted(marks.joined(pieces))]

    @_block.register(addnodes.desc)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        *signatures, content = node.children
        names = [
            # without the link to the source
            "".join(p.astext() for p in each.children if not isinstance(p, nodes.reference))
            for each in signatures
            if isinstance(each, addnodes.desc_signature)
        ]
        return [*(f"**{marks.literal(' '.join(name.split()))}**" for name in names),
                *self.blocks(content.children, depth)]  # fmt: skip

    @_block.register(nodes.container)
    def _(self, node: Any, depth: int) -> list[str | Cell]:
        if node.get("nb_element") != "cell_code":
            return self.blocks(node.children, depth)
        captions = [self._block(figure, depth) for figure in node.findall(nodes.figure)]
        return [Cell(node["cell_index"]), *(piece for each in captions for piece in each)]

    def _text(self, node: nodes.Node) -> str:
        return "".join(map(self.inline, node.children)).strip()
