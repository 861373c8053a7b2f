"""Other doors to a page than the browser: a chapter's notebook to take along.

The notebook that a chapter offers for download runs away from the book: its first code cell sees
to `ntklib`, and its text is plain Markdown, with links to the book's site where it has one.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from companion import repository
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
    """Writes the notebook that a page offers for download."""
    source = Path(app.env.doc2path(pagename))
    if doctree is None or app.builder.name != "html" or source.suffix != ".ipynb":
        return
    root = Path(app.srcdir)
    site = repository.site(app.config, root)
    page = f"{site}{pagename}.html" if site else ""
    writer = Writer(lambda uri: on_site(uri, page), numbers(app, pagename))
    download = to_take_along(
        nbformat.read(source, as_version=4),
        writer.blocks(doctree.children),
        repository.setup_cell(repository.address(root)),
    )
    path = Path(app.outdir) / "_sources" / context["sourcename"]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(download, path)
    # Else Sphinx would copy the source over it.
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
