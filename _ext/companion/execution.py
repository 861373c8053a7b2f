"""When a notebook is executed, at which scale, and where its executed form lies."""

import functools
import os
import re
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.executors.utils import ExecutionResult
from myst_nb.core.execute import cache as cached_execution
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from ntklib import _fingerprint
from ntklib._scale import SCALES

# Packages whose version can change a figure, besides those that can change a number.
PLOTTING_PACKAGES = ("matplotlib", "plotly")
LINES = 5
"""Of a cell, by which a reader finds it."""


def environment() -> dict[str, str]:
    """Returns what an executed notebook depends on besides its own text and `ntklib`."""
    platforms = {"platforms": os.environ.get("JAX_PLATFORMS", "")}
    return platforms | dict(_fingerprint.environment(*PLOTTING_PACKAGES))


def fingerprint(root: Path, versions: Mapping[str, str]) -> str:
    """Returns a short hash of the code in `root/ntklib`, but for its shell, and of `versions`."""
    return _fingerprint.of_library(root / "ntklib", versions, without=_fingerprint.SHELL)


def at_scale(notebook: str, scale: str) -> str:
    """Returns a notebook's text with the scale in its `parameters` cell replaced."""
    content = nbformat.reads(notebook, as_version=4)
    cells = [c for c in content.cells if "parameters" in c.metadata.get("tags", [])]
    replaced = 0
    for cell in cells:
        cell.source, count = re.subn(
            r'^scale = "\w+"', f'scale = "{scale}"', cell.source, flags=re.MULTILINE
        )
        replaced += count
    if replaced != 1:
        raise ExtensionError(
            f'expected one line `scale = "…"` in the cell tagged `parameters`, found {replaced}'
        )
    return str(nbformat.writes(content))


def choose_cache(app: Sphinx, config: Config) -> None:
    """Gives each state of the library and of its environment an execution cache of its own."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(caches / fingerprint(Path(app.srcdir), environment()))


def set_scale(app: Sphinx, docname: str, source: list[str]) -> None:
    """Runs every notebook at the scale that the configuration or `NTKLIB_SCALE` asks for."""
    scale = app.config.companion_scale
    if not scale or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    if scale not in SCALES:
        raise ExtensionError(f"the scale is {scale!r}: choose one of {', '.join(SCALES)}")
    source[0] = at_scale(source[0], scale)


def death(number: int, source: str) -> str:
    """Returns what there is to say of a kernel that died in a cell.

    Args:
      number: of the cell among all of its notebook, from 1.
      source: of the cell.
    """
    begin = "\n".join(f"    {line}" for line in source.strip().splitlines()[:LINES])
    return (
        f"the kernel died while it ran cell {number}, which begins\n\n{begin}\n\n"
        "A system that runs out of memory kills it without a word: close other programs, or choose "
        "a smaller scale (make book SCALE=quick)."
    )


def telling_of_deaths(execute: Callable[..., ExecutionResult]) -> Callable[..., ExecutionResult]:
    """Lets jupyter-cache's execution of a notebook fail like any other where its kernel dies.

    By itself it lets nbclient's error through, which is "Kernel died", without notebook and cell.
    """

    @functools.wraps(execute)
    def wrapped(nb: NotebookNode, cwd: str | None, **options: Any) -> ExecutionResult:
        running = [0]

        def note(cell_index: int, **_: Any) -> None:
            running[0] = cell_index

        try:
            return execute(nb, cwd, on_cell_execute=note, **options)
        except DeadKernelError:
            text = death(running[0] + 1, nb.cells[running[0]].source)
            return ExecutionResult(nb, cwd, 0.0, DeadKernelError(text), traceback.format_exc())

    return wrapped


def name_deadly_cells(*_: Any) -> None:
    """Lets myst-nb, which has no setting for it, execute notebooks with `telling_of_deaths`."""
    execute = cached_execution.single_nb_execution
    if not hasattr(execute, "__wrapped__"):
        cached_execution.single_nb_execution = telling_of_deaths(execute)


def executed_notebook(app: Sphinx, docname: str) -> Path:
    """Returns the path of an executed notebook, with its outputs.

    On a hit in the execution cache myst-nb leaves the notebook there without them.
    """
    path = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    cache = get_cache(app.env.mystnb_config.execution_cache_path)  # type: ignore[attr-defined]
    with suppress(KeyError):
        _, notebook = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        nbformat.write(notebook, path)
    return path
