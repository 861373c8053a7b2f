"""What each chapter took in this build: `{costs}`, a table of seconds and memory."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from companion import outcomes
from companion.numbering import titled
from companion.tables import table

TITLES = ("Chapter", "Time", "Peak memory", "Scale and seed", "Device")


class CostsTable(nodes.General, nodes.Element):
    """Stands for the table of costs until every chapter has been executed."""


class CostsDirective(SphinxDirective):
    """`{costs}`: a table of what each chapter took when it was executed."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_tables` puts the table."""
        return [CostsTable()]


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
            outcome = outcomes.of(app.env).get(chapter)
            if outcome is None or outcome.run is None:
                continue
            uri = app.builder.get_relative_uri(docname, chapter)
            link = nodes.reference("", titled(app.env, chapter), refuri=uri, internal=True)
            rows.append(cost_row(link, outcome.seconds, outcome.run))
        nothing = nodes.paragraph("", "No chapter of this build has said what it took.")
        stand_in.replace_self(table(TITLES, rows, "costs") if rows else nothing)
