"""Other doors to a page than the browser: its Markdown, and a chapter's notebook to take along.

Beside each page of the site lies its text as Markdown. The notebook that a chapter offers for
download runs away from the book: its first code cell sees to `ntklib`, and its text is plain
Markdown too, with links to the book's site where it has one.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from companion import marks, repository
from companion.execution import executed_notebook
from companion.marks import Cell
from companion.plain import Writer


def numbers(app: Sphinx, docname: str) -> dict[str, str]:
    """Returns the numbers of a page's figures, exercises and statements, by their ids."""
    kinds: Mapping[str, Mapping[str, tuple[int, ...]]] = app.env.toc_fignumbers.get(docname, {})
    return {
        anchor: ".".join(map(str, number))
        for found in kinds.values()
        for anchor, number in found.items()
    }


def printed(cell: NotebookNode) -> Iterator[str]:
    """Returns what a cell showed as text; a figure's caption says what the figure shows."""
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        shown = data.get("text/plain", "") if "image/png" not in data else ""
        if text := str(output.get("text", shown)).strip("\n"):
            yield text


def written(pieces: Iterable[str | Cell], executed: NotebookNode | None) -> str:
    """Returns a page's Markdown.

    Args:
        pieces: texts, and the code cells among them.
        executed: the notebook with these cells and what they showed, None on other pages.
    """
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif executed is not None:
            cell = executed.cells[piece.index]
            shown = "\n".join(printed(cell))
            parts.append(marks.fenced(cell.source, "python"))
            parts += [marks.fenced(shown, "text")] if shown else []
    return "\n\n".join(parts) + "\n"


def to_take_along(notebook: NotebookNode, pieces: Iterable[str | Cell], setup: str) -> NotebookNode:
    """Returns a notebook with its text in plain Markdown, and first of its code what sets it up.

    Args:
        notebook: as it was written.
        pieces: its texts, and its code cells among them, in their order.
        setup: the code of the first cell.
    """
    cells: list[NotebookNode] = []
    done = 0
    for text, group in groupby(pieces, lambda piece: isinstance(piece, str)):
        if text:
            content = "\n\n".join(map(str, group))
            cells.append(nbformat.v4.new_markdown_cell(content, id=f"text-{len(cells)}"))
            continue
        last = max(piece.index for piece in group if isinstance(piece, Cell))
        cells += _code(notebook.cells[done : last + 1])
        done = last + 1
    cells += _code(notebook.cells[done:])
    first = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    cells.insert(first, nbformat.v4.new_code_cell(setup, id="setup"))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def _code(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def open_doors(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Writes a page's Markdown and its notebook, and puts them among its downloads."""
    if doctree is None or app.builder.name != "html":
        return
    source, out = Path(app.env.doc2path(pagename)), Path(app.outdir)
    numbered, is_notebook = numbers(app, pagename), source.suffix == ".ipynb"

    page = posixpath.basename(f"{pagename}.html")
    beside = Writer(lambda uri: f"{page}{uri}" if uri.startswith("#") else uri, numbered)
    executed = None
    if is_notebook:
        executed = nbformat.read(executed_notebook(app, pagename), as_version=4)
    markdown = out / f"{pagename}.md"
    markdown.parent.mkdir(parents=True, exist_ok=True)
    markdown.write_text(written(beside.blocks(doctree.children), executed), encoding="utf-8")
    offer(context, pagename, only=not is_notebook)

    if is_notebook:
        root = Path(app.srcdir)
        site = repository.site(app.config, root)
        away = Writer(lambda uri: on_site(uri, f"{site}{pagename}.html" if site else ""), numbered)
        download = to_take_along(
            nbformat.read(source, as_version=4),
            away.blocks(doctree.children),
            repository.setup_cell(repository.address(root)),
        )
        path = out / "_sources" / context["sourcename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(download, path)
    # Sphinx would copy the page's source, which the book's own software alone reads in full.
    context["sourcename"] = ""


def on_site(uri: str, page: str) -> str:
    """Returns where a link leads from any place, "" if that isn't known.

    Args:
        uri: the link, relative to its page.
        page: the page's address on the web, empty if it has none.
    """
    if urlsplit(uri).scheme:
        return uri
    return urljoin(page, uri) if page else ""


def offer(context: dict[str, Any], pagename: str, *, only: bool) -> None:
    """Puts a page's Markdown among its downloads.

    Args:
        context: of the page's template.
        pagename: the page's name.
        only: whether it takes the place of the source.
    """
    button = {
        "type": "link",
        "url": context["pathto"](f"{pagename}.md", True),
        "text": "Markdown source",
        "tooltip": "Markdown source of this page",
        "icon": "fas fa-file-lines",
        "label": "download-markdown-button",
    }
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            source, *others = group["buttons"]
            group["buttons"] = [button, *others] if only else [source, button, *others]
