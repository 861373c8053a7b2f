"""Plants a falsehood in a copy of the library or in a chapter, and says who noticed it.

A claim has noticed when its `record` refused: what was measured contradicts the statement, or its
interval is too long to say anything. An assertion of the chapter, or any other error, is told
apart: it protects the book, but a reader of the claims doesn't see it.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import nbclient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

LIMIT = 1800
"""Seconds that a cell may take."""
NOTICED = re.compile(r"claim (?P<id>\S+?):? (is refuted|half the spread)")


@dataclass(frozen=True)
class Change:
    """A text that is replaced in a file: one that occurs there once.

    Attributes:
      path: of the file, from the project's folder; of a notebook it is its cells' text that counts.
      old: what stands there.
      new: what is planted.
    """

    path: str
    old: str
    new: str

    def of(self, text: str) -> str:
        """Returns the text with the change."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(
                f"{self.old!r} occurs {count} times in {self.path}, and has to once: bring the "
                "falsehood up to date with the file."
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Falsehood:
    """Something false, and the claims that have to notice it.

    Attributes:
      name: what is false, in a few words.
      chapter: the notebook's name without its ending.
      claims: ids, one of which must turn red.
      changes: how it is planted.
    """

    name: str
    chapter: str
    claims: tuple[str, ...]
    changes: tuple[Change, ...]


def false(name: str, chapter: str, claims: str, *changes: tuple[str, str, str]) -> Falsehood:
    """Returns a falsehood; claims are separated by spaces, and in a path * is the chapter."""
    notebook = f"chapters/{chapter}.ipynb"
    return Falsehood(
        name,
        chapter,
        tuple(claims.split()),
        tuple(Change(path.replace("*", notebook), old, new) for path, old, new in changes),
    )


@dataclass(frozen=True)
class Outcome:
    """Who noticed a falsehood.

    Attributes:
      falsehood: which.
      red: ids of the claims that refused, in the order of their cells.
      errors: first lines of whatever else the chapter stopped at.
    """

    falsehood: Falsehood
    red: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def noticed(self) -> bool:
        """Whether a claim that has to notice did."""
        return not set(self.red).isdisjoint(self.falsehood.claims)

    def __str__(self) -> str:
        verdict = "red  " if self.noticed else "GREEN"
        if self.red:
            by = f"noticed by {', '.join(self.red)}"
        else:
            by = f"no verdict; {self.errors[0]}" if self.errors else "nobody noticed"
        return f"{verdict}  {self.falsehood.chapter:22s} {self.falsehood.name}: {by}"


def planted(falsehood: Falsehood, root: Path, folder: Path) -> Any:
    """Puts a library with the falsehood into the folder and returns the chapter with it."""
    shutil.copytree(
        root / "ntklib", folder / "ntklib", ignore=shutil.ignore_patterns("__pycache__")
    )
    notebook = load_notebook_node(str(root / "chapters" / f"{falsehood.chapter}.ipynb"))
    for change in falsehood.changes:
        if change.path.endswith(".ipynb"):
            _change_cell(notebook, change)
        else:
            file = folder / change.path
            file.write_text(change.of(file.read_text()))
    return notebook


def _change_cell(notebook: Any, change: Change) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [cell for cell in cells if change.old in cell.source]
    text = found[0].source if len(found) == 1 else "\n".join(cell.source for cell in found)
    changed = change.of(text)
    found[0].source = changed


def run(falsehood: Falsehood, root: Path, folder: Path, *, seed: int = 0) -> Outcome:
    """Runs the chapter with the falsehood at scale `quick`.

    Args:
      falsehood: what is planted.
      root: the project's folder.
      folder: an empty one.
      seed: of the chapter.

    Returns:
      Who noticed. Cells after one that fails run too, so that an assertion hides no verdict.
    """
    notebook = parameterize_notebook(
        planted(falsehood, root, folder), {"scale": "quick", "seed": seed},
        kernel_name="python3", language="python",
    )  # fmt: skip
    own = {"PYTHONPATH": str(folder), "NTKLIB_CACHE": str(folder / "studies")}
    client = nbclient.NotebookClient(
        notebook,
        timeout=LIMIT,
        startup_timeout=LIMIT,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(root / "chapters")}},
    )
    with mock.patch.dict(os.environ, own):
        client.execute()
    return judged(falsehood, _errors(notebook))


def judged(falsehood: Falsehood, errors: Iterable[str]) -> Outcome:
    """Returns who noticed, from the errors of a chapter's cells."""
    red, others = [], []
    for error in errors:
        match = NOTICED.search(error)
        if match:
            red.append(match["id"])
        else:
            others.append(error.splitlines()[0])
    return Outcome(falsehood, tuple(red), tuple(others))


def _errors(notebook: Any) -> list[str]:
    return [
        f"{output.ename}: {output.evalue}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
