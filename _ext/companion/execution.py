"""When a notebook is executed, at which scale, and where its executed form lies."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from companion import folding
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


def scaled(app: Sphinx, notebook: str) -> str:
    """Returns a notebook's text at the scale that the configuration or `NTKLIB_SCALE` asks for."""
    scale = app.config.companion_scale
    if not scale:
        return notebook
    if scale not in SCALES:
        raise ExtensionError(f"the scale is {scale!r}: choose one of {', '.join(SCALES)}")
    return at_scale(notebook, scale)


def as_read(app: Sphinx, notebook: str) -> str:
    """Returns a notebook's text as Sphinx reads it, and as the execution cache knows it by.

    The cache tells notebooks apart by the cells' metadata too, which folding adds to.
    """
    return folding.folded(scaled(app, notebook))


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lets Sphinx read every notebook so."""
    if app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = as_read(app, source[0])


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


def executed_notebook(app: Sphinx, docname: str) -> Path:
    """Returns the path of an executed notebook, with its outputs once it has been read."""
    return Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"


def complete(app: Sphinx, docname: str) -> Path:
    """Writes the outputs into an executed notebook that has just been read, and returns its path.

    On a hit in the execution cache myst-nb leaves the notebook there without them.
    """
    path = executed_notebook(app, docname)
    cache = get_cache(app.env.mystnb_config.execution_cache_path)  # type: ignore[attr-defined]
    with suppress(KeyError):
        _, notebook = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        nbformat.write(notebook, path)
    return path
