"""What the execution of each notebook showed, noted when Sphinx reads the notebook.

Pages that show something of several chapters take it from here, so that a build reads no notebook
that it hasn't to.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from myst_nb.sphinx_ext import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from companion import execution
from ntklib.book._marks import CLAIM_MIME_TYPE, RUN_MIME_TYPE


@dataclass(frozen=True)
class Outcome:
    """What a notebook showed.

    Attributes:
        claims: the fields of each claim that it recorded.
        run: what its summary says of the run, None without a summary.
        seconds: how long it ran, None where that wasn't measured.
        digest: of its code cells, with all that they showed.
    """

    claims: list[dict[str, Any]]
    run: dict[str, Any] | None
    seconds: float | None
    digest: str


def collect(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Reads the claims that executed notebooks hold.

    Args:
        paths: of the notebooks.

    Returns:
        One dictionary a claim, with the fields of `Claim`, ordered by chapter and place in it.

    Raises:
        ValueError: two claims have the same id.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(paths):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                claim = output.get("data", {}).get(CLAIM_MIME_TYPE)
                if claim is None:
                    continue
                if claim["id"] in found:
                    raise ValueError(
                        f"claim {claim['id']} is recorded twice, by "
                        f"{found[claim['id']]['chapter']} and {claim['chapter']}: give each its "
                        "own id."
                    )
                found[claim["id"]] = claim
    return list(found.values())


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


def of(env: BuildEnvironment) -> dict[str, Outcome]:
    """Returns the outcomes of all notebooks, by their names; `note` adds to them."""
    found: dict[str, Outcome] = vars(env).setdefault("companion_outcomes", {})
    return found


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Notes the outcome of a notebook that has been read, and completes its executed form."""
    docname = app.env.docname
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    path = execution.complete(app, docname)
    notebook = nbformat.read(path, as_version=4)
    ran = NbMetadataCollector.get_exec_data(app.env, docname)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    of(app.env)[docname] = Outcome(
        collect([path]),
        run_of(notebook),
        seconds_of(notebook, dict(ran) if ran else None),
        hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest(),
    )


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forgets the outcome of a notebook that is gone or will be read again."""
    of(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Takes the outcomes over that another process has noted."""
    of(env).update({name: each for name, each in of(other).items() if name in docnames})
