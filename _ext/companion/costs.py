"""What each chapter took in this build: `{costs}`, a table of seconds and memory."""

from typing import Any

import nbformat
from docutils import nodes
from myst_nb.sphinx_ext import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from companion.execution import executed_notebook
from companion.numbering import titled
from companion.tables import table
from ntklib.book._marks import RUN_MIME_TYPE

TITLES = ("Chapter", "Time", "Peak memory", "Scale and seed", "Device")


class CostsTable(nodes.General, nodes.Element):
    """Stands for the table of costs until every chapter has been executed."""


class CostsDirective(SphinxDirective):
    """`{costs}`: a table of what each chapter took when it was executed."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_tables` puts the table."""
        self.env.note_reread()
        return [CostsTable()]


def run_of(notebook: nbformat.NotebookNode) -> dict[str, Any] | None:
    """Returns what a chapter's summary says of its run, None in a notebook without one."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if found := output.get("data", {}).get(RUN_MIME_TYPE):
                return dict(found)
    return None


def seconds_of(notebook: nbformat.NotebookNode, execution: dict[str, Any] | None) -> float | None:
    """Returns how long a notebook ran: here, when its cached result was made, or in papermill."""
    if execution and execution.get("runtime"):
        return float(execution["runtime"])
    duration = notebook.metadata.get("papermill", {}).get("duration")
    return None if duration is None else float(duration)


def cost_row(
    link: nodes.Node, seconds: float | None, run: dict[str, Any]
) -> list[list[nodes.Node]]:
    """Returns the cells of a chapter's row."""
    texts = (
        "not measured" if seconds is None else f"{seconds:.0f} s",
        f"{run['peak'] / 2**30:.1f} GiB" if run["peak"] else "not measured",
        f"{run['scale']}, {run['seed']}",
        run["device"],
    )
    return [[nodes.paragraph("", "", link)], *([nodes.paragraph("", text)] for text in texts)]


def fill_tables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts the costs of all chapters where a page asks for them."""
    for stand_in in list(doctree.findall(CostsTable)):
        rows = []
        for chapter in app.config.companion_claims:
            if chapter not in app.env.found_docs:
                continue
            notebook = nbformat.read(executed_notebook(app, chapter), as_version=4)
            if (run := run_of(notebook)) is None:
                continue
            execution = NbMetadataCollector.get_exec_data(app.env, chapter)
            uri = app.builder.get_relative_uri(docname, chapter)
            link = nodes.reference("", titled(app.env, chapter), refuri=uri, internal=True)
            seconds = seconds_of(notebook, dict(execution) if execution else None)
            rows.append(cost_row(link, seconds, run))
        nothing = nodes.paragraph("", "No chapter of this build has said what it took.")
        stand_in.replace_self(table(TITLES, rows, "costs") if rows else nothing)
