"""The data of each figure as CSV, beside its page: what was drawn, and where it is from.

Figures with sliders hold theirs in the page, which makes the same kind of file of it
(`_static/figures.js`).
"""

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from companion import outcomes
from companion.changes import git
from companion.citations import TEXT_LICENSE
from companion.execution import executed_notebook
from companion.numbering import titled
from ntklib import __version__
from ntklib.book._marks import FIGURE_MIME_TYPE

FOLDER = "_data"
FIRST = ("panel", "series", "curve", "part", "colour")
NUMBERS = ("x", "x low", "x high", "y", "y low", "y high", "value")
LINK = (
    '<p class="figure-data"><a href="{}" download aria-label="Data as CSV: {}">Data as CSV</a></p>'
)
SOURCE = '<meta name="{}" content="{}">'
SOURCE_NAME = "ntklib-source"
"""Under which figures with sliders find in their page what their numbers were made by."""


def provenance(root: Path, run: Mapping[str, Any] | None) -> str:
    """Returns by what a notebook's numbers were made.

    Args:
        root: folder of the book, as it was when the page was written.
        run: scale, seed and device, where its summary says them.
    """
    parts = [f"ntklib {__version__}"]
    if commit := git(root, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"):
        parts.append(f"commit {commit}")
    if run:
        parts += [f"scale {run['scale']}", f"seed {run['seed']}", f"computed on {run['device']}"]
    return ", ".join(parts)


def legend(data: Mapping[str, Any]) -> Iterator[str]:
    """Yields what the columns of a figure's file mean, a line each.

    Args:
        data: of the figure, as `ntklib.book` has it.
    """
    for number, panel in enumerate(data["panels"], start=1):
        own = [each for each in data["series"] if each["panel"] == number]
        valued = any("value" in each["columns"] for each in own)
        axes = [f"{name} is {panel[name]}" for name in ("x", "y") if panel[name]]
        axes += [f"value is {panel['value']}"] if valued and panel["value"] else []
        title = f", {panel['title']}" if panel["title"] else ""
        place = f"row {panel['row']}, column {panel['column']}"
        yield ": ".join(filter(None, (f"panel {number} ({place}{title})", "; ".join(axes))))
        for name, ticks in panel["ticks"].items():
            said = ", ".join(f"{plain(place)} is {text}" for place, text in ticks)
            yield from [f"panel {number}, on {name}: {said}"] if ticks else []
    for number, each in enumerate(data["series"], start=1):
        if each["every"] > 1:
            yield f"series {number}: one of every {each['every']} points"
    yield from (f"legend: {text}" for text in data["legend"])


def plain(number: float | None) -> str:
    """Returns a number with all its digits, "" for one that was not drawn."""
    return "" if number is None else repr(number).removesuffix(".0")


def table(data: Mapping[str, Any], head: Sequence[str]) -> str:
    """Returns a figure's data as CSV, one row a point.

    Args:
        data: of the figure, as `ntklib.book` has it.
        head: what is said above the columns, a line each.
    """
    every = [each["columns"] for each in data["series"]]
    names = [name for name in NUMBERS if any(name in columns for columns in every)]
    written = io.StringIO()
    for line in filter(None, (*head, *legend(data), TEXT_LICENSE)):
        written.write(f"# {' '.join(line.split())}\n")
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow([*FIRST, *names])
    for number, each in enumerate(data["series"], start=1):
        first = (each["panel"], number, each["curve"], each["part"], each["colour"])
        columns = each["columns"]
        length = len(next(iter(columns.values())))
        points = zip(*(columns.get(name, [None] * length) for name in names), strict=True)
        rows.writerows([*first, *map(plain, point)] for point in points)
    return written.getvalue()


def shown(cell: nbformat.NotebookNode) -> list[dict[str, Any] | None]:
    """Returns the data of each picture that a cell shows, None of one without."""
    outputs = (output.get("data", {}) for output in cell.get("outputs", ()))
    return [each.get(FIGURE_MIME_TYPE) for each in outputs if "image/png" in each]


def offer_data(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Writes the data of a chapter's figures, and puts a link to them below each."""
    if app.builder.name != "html" or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = nbformat.read(executed_notebook(app, docname), as_version=4)
    source = provenance(Path(app.srcdir), outcomes.of(app.env)[docname].run)
    book, chapter = app.config.html_title or app.config.project, titled(app.env, docname)
    folder = f"{FOLDER}/{Path(docname).name}"
    for container in list(doctree.findall(nodes.container)):
        if container.get("nb_element") != "cell_code":
            continue
        index = container["cell_index"]
        drawings = shown(notebook.cells[index])
        pictures = list(container.findall(nodes.image))
        for place, (picture, data) in enumerate(zip(pictures, drawings, strict=False)):
            if data is None:
                continue
            figure = picture.parent if isinstance(picture.parent, nodes.figure) else picture
            anchor = next(iter(figure["ids"]), "")
            name = anchor or f"cell-{index}" + (f"-{place + 1}" if place else "")
            page = f"{docname}.html" + (f"#{anchor}" if anchor else "")
            head = (f"{chapter} — {book}", picture.get("alt", ""), page, source)
            path = Path(app.outdir) / folder / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(table(data, head), encoding="utf-8")
            number = app.env.toc_fignumbers.get(docname, {}).get("figure", {}).get(anchor, ())
            said = f"Fig. {'.'.join(map(str, number))}" if number else name
            uri = relative_uri(app.builder.get_target_uri(docname), f"{folder}/{name}.csv")
            link = nodes.raw("", LINK.format(html.escape(uri), html.escape(said)), format="html")
            figure.parent.insert(figure.parent.index(figure) + 1, link)


def say_source(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Has a chapter's page say by what its numbers were made."""
    if doctree is None or not app.env.doc2path(pagename).endswith(".ipynb"):
        return
    said = html.escape(provenance(Path(app.srcdir), outcomes.of(app.env)[pagename].run))
    context["metatags"] += SOURCE.format(SOURCE_NAME, said)
