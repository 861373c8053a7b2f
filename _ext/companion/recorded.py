"""The claims that chapters recorded: checked, shown by `{claims}` and written to a file."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from myst_nb.core.render import MimeRenderPlugin
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from companion import glance, outcomes, typeset
from companion.numbering import titled
from companion.tables import table
from ntklib.book._marks import (
    CLAIM_MIME_TYPE,
    FIGURE_MIME_TYPE,
    PLOTLY_MIME_TYPE,
    RUN_MIME_TYPE,
)

TITLES = (
    "Claim",
    "Statement and source",
    "Measured, against its bound",
    "Smallest effect noticed",
    "Verdict",
    "Run",
)
SOUND = ("holds", "holds, conservative", "explored")
"""Verdicts that need no explanation."""

logger = logging.getLogger(__name__)


class ClaimRenderer(MimeRenderPlugin):
    """Shows nothing for data of claims, runs and figures: the same output carries what is shown."""

    mime_priority_overrides: ClassVar[list[tuple[str, str, int | None]]] = []

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Returns an empty rendering for such data, None for any other type."""
        silent = (CLAIM_MIME_TYPE, FIGURE_MIME_TYPE, PLOTLY_MIME_TYPE, RUN_MIME_TYPE)
        return [] if data.mime_type in silent else None


def audit(
    recorded: Mapping[str, Iterable[Mapping[str, Any]]], expected: Mapping[str, Iterable[str]]
) -> list[str]:
    """Compares the claims that chapters recorded with those they have to record.

    Args:
        recorded: claims by document name.
        expected: claim ids by document name.

    Returns:
        One sentence for each claim that is missing, unlisted, repeated, or refuted without an
        explanation.
    """
    problems = []
    for docname in sorted({*recorded, *expected}):
        claims = list(recorded.get(docname, ()))
        ids = {claim["id"] for claim in claims}
        wanted = set(expected.get(docname, ()))
        problems += [f"{docname} did not record the claim {i!r}" for i in sorted(wanted - ids)]
        problems += [
            f"{docname} recorded the claim {i!r}, which _config.yml doesn't list"
            for i in sorted(ids - wanted)
        ]
        problems += [
            f"the claim {claim['id']!r} of {docname} has the verdict {claim['verdict']!r}"
            for claim in claims
            if claim["verdict"] not in SOUND and not claim["note"]
        ]
    counts = Counter(claim["id"] for claims in recorded.values() for claim in claims)
    problems += [f"the claim {i!r} was recorded {n} times" for i, n in counts.items() if n > 1]
    return problems


def gather_claims(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Puts the claims of all notebooks together and warns of each that is not in order."""
    noted = outcomes.of(env)
    recorded = {docname: noted[docname].claims for docname in sorted(noted)}
    for problem in audit(recorded, app.config.companion_claims):
        logger.warning(problem, type="companion", subtype="claims")
    env.companion_recorded = recorded  # type: ignore[attr-defined]
    return []


def write_claims(app: Sphinx, exception: Exception | None) -> None:
    """Writes every recorded claim to `claims.json` beside the HTML, unless the build failed."""
    path = Path(app.outdir).parent / "claims.json"
    path.unlink(missing_ok=True)
    if exception is not None:
        return
    recorded = app.env.companion_recorded  # type: ignore[attr-defined]
    if not audit(recorded, app.config.companion_claims):
        claims = [claim for claims in recorded.values() for claim in claims]
        path.write_text(json.dumps(claims, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class ClaimsTable(nodes.General, nodes.Element):
    """Stands for the table of claims until every chapter has been executed."""


class ClaimsDirective(SphinxDirective):
    """`{claims}`: a table of every claim that the chapters recorded in this build."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_tables` puts the table."""
        return [ClaimsTable()]


class ClaimsFigure(nodes.General, nodes.Element):
    """Stands for the figure of all claims until every chapter has been executed."""


class ClaimsFigureDirective(SphinxDirective):
    """`{claims-figure}`: what the table of claims shows, at a glance."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_figures` puts the figure."""
        return [ClaimsFigure()]


def shown(value: Any) -> str:
    """Returns a recorded value as a reader wants to see it."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    return str(value)


def inline(text: str) -> list[nodes.Node]:
    """Returns text with `$…$` as docutils nodes."""
    parts = re.split(r"\$([^$]+)\$", text)
    return [
        nodes.math(part, part) if i % 2 else nodes.Text(part)
        for i, part in enumerate(parts)
        if part
    ]


def sentence(text: str) -> list[nodes.Node]:
    """Returns a statement as docutils nodes, with formulas where it has them typed."""
    found: list[nodes.Node] = []
    for node in inline(text):
        if isinstance(node, nodes.math):
            found.append(node)
            continue
        for part, formula in typeset.pieces(node.astext()):
            found.append(nodes.math(part, part) if formula else nodes.Text(part))
    return found


def bound(claim: Mapping[str, Any]) -> str:
    """Returns what a claim's number is held against."""
    if claim["relation"] == "explored":
        return f"({shown(claim['bound'])} means no effect)"
    margin = f" ± {shown(claim['resolution'])}" if claim["relation"] == "=" else ""
    return f"{claim['relation']} {shown(claim['bound'])}{margin}"


def badge(verdict: str) -> nodes.Node:
    """Returns a verdict with a class by its last word, for style sheets."""
    return nodes.inline("", verdict, classes=["verdict", verdict.split(", ")[-1]])


def tally(claims: Iterable[Mapping[str, Any]]) -> str:
    """Returns how many claims have which verdict, those that support nothing apart."""
    counts = Counter(claim["verdict"] for claim in claims)
    explored = counts.pop("explored", 0)
    listed = "; ".join(f"{verdict}: {count}" for verdict, count in sorted(counts.items()))
    return f"{listed}." + (f" Beside them, explored only: {explored}." if explored else "")


def claim_row(claim: Mapping[str, Any], link: nodes.Node) -> list[list[nodes.Node]]:
    """Returns the paragraphs of each cell in a claim's row."""
    target = nodes.paragraph(
        "", "", nodes.literal(claim["id"], claim["id"]), ids=[f"claim-{claim['id']}"]
    )
    run = (
        f"{claim['scale']} scale, {claim['device']}, seed {claim['seed']}, {claim['seconds']:.1f} s"
    )
    measured = f"{shown(claim['measured'])} {bound(claim)}"
    texts = (
        [sentence(claim["statement"]), [*inline(claim["source"])]],
        [[nodes.Text(measured)], [nodes.Text(f"spread {shown(claim['spread'])}")]],
        [[nodes.Text(shown(claim["effect"]))]],
        [[badge(claim["verdict"])], [*inline(claim["note"])]],
        [[nodes.Text(run)]],
    )
    return [
        [target, nodes.paragraph("", "", link)],
        *([nodes.paragraph("", "", *text) for text in cell] for cell in texts),
    ]


def fill_tables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts the recorded claims where a page asks for them."""
    recorded = app.env.companion_recorded  # type: ignore[attr-defined]
    for stand_in in list(doctree.findall(ClaimsTable)):
        rows = []
        for chapter, claims in recorded.items():
            uri = app.builder.get_relative_uri(docname, chapter)
            title = titled(app.env, chapter)
            for claim in claims:
                # The anchor that `ntklib.book` gives the cell's output.
                cell = f"{uri}#recorded-{claim['id']}"
                rows.append(
                    claim_row(claim, nodes.reference("", title, refuri=cell, internal=True))
                )
        every = [claim for claims in recorded.values() for claim in claims]
        counted = nodes.paragraph("", tally(every) if every else "This build has no chapters.")
        stand_in.replace_self([counted, *([table(TITLES, rows, "claims")] if rows else [])])


def in_words(claim: Mapping[str, Any]) -> str:
    """Returns what was measured of a claim and what it is held against."""
    measured = f"{shown(claim['measured'])} {bound(claim)}, spread {shown(claim['spread'])}"
    return f"{measured}: {claim['verdict']}"


def fill_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts the figure of all recorded claims where a page asks for it."""
    recorded = app.env.companion_recorded  # type: ignore[attr-defined]
    for stand_in in list(doctree.findall(ClaimsFigure)):
        titles = {chapter: titled(app.env, chapter).partition(":")[0] for chapter in recorded}
        words = {claim["id"]: in_words(claim) for claims in recorded.values() for claim in claims}
        drawing = nodes.raw("", glance.figure(recorded, titles, words), format="html")
        stand_in.replace_self([drawing] if words else [])
