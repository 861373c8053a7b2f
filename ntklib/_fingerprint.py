"""What computed a number: the library's sources, the packages it rests on, a function's source.

Needs the standard library alone: `_ext.companion` loads this file without the package and JAX.
"""

import functools
import hashlib
import inspect
import json
import linecache
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any

NUMERICAL_PACKAGES = (
    "diffrax",
    "equinox",
    "jax",
    "jax-cuda12-plugin",
    "jax-cuda13-plugin",
    "jaxlib",
    "mlxtend",
    "neural-tangents",
    "numpy",
    "optax",
    "scikit-learn",
    "scipy",
    "xarray",
)
"""Packages whose version can change a number."""


def versions(*further: str) -> dict[str, str]:
    """Returns the version of each numerical package, and of further ones, or "absent"."""
    found = {}
    for package in (*NUMERICAL_PACKAGES, *further):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def of_sources(folder: Path) -> str:
    """Returns a short hash of the names and contents of every Python file below a folder."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.py")
    }
    return digest(files)


def of_function(function: Callable[..., Any]) -> str:
    """Returns a short hash of the file, or of the notebook's cell, that defines a function.

    The whole of it, since a function leans on what stands beside it, and the line where it begins.
    It is read once for each function: a file that is edited after it was imported has to be
    imported anew. The values of what it reads, and functions from elsewhere, are in `_reads`; those
    of its defaults are settings.

    Raises:
      TypeError: it was not made with def, or is wrapped in something.
      ValueError: its source can't be found, or it carries values from the function around it,
        which its source doesn't tell.
    """
    if _of_library(function):
        return "ntklib"  # its fingerprint has it
    require_def(function)
    if function.__closure__:
        raise ValueError(
            f"{function.__qualname__} uses {', '.join(function.__code__.co_freevars)} of the "
            "function around it, which saved cells can't be told apart by: pass them as settings."
        )
    return of_source(function)


def require_def(function: Callable[..., Any]) -> None:
    """Raises a TypeError unless a function was made with def."""
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"the study function must be defined with def, got {name}.")


def _of_library(function: Callable[..., Any]) -> bool:
    """Whether a function is one of the library's own, and not one that bears its name."""
    module = str(getattr(function, "__module__", ""))
    name = getattr(function, "__name__", "")
    own = module.partition(".")[0] == __package__
    return own and getattr(sys.modules.get(module), name, None) is function


@functools.cache
def of_source(function: FunctionType) -> str:
    """Returns a short hash of the file or notebook cell that has a function, and of its line.

    Raises:
      ValueError: it can't be found.
    """
    path, line = function.__code__.co_filename, function.__code__.co_firstlineno
    linecache.checkcache(path)
    lines = linecache.getlines(path)  # knows the cells of notebooks too
    if not lines:
        raise ValueError(
            f"the source of {function.__qualname__} can't be found: define it in a file or "
            "notebook."
        )
    return digest(["".join(lines), line])


def environment(*further: str) -> dict[str, str]:
    """Returns the versions behind a result, for its description."""
    return {"python": platform.python_version(), **versions(*further)}


def digest(content: str | list[Any] | Mapping[str, Any]) -> str:
    """Returns a short hash of text or of what JSON can hold."""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


LIBRARY = digest([of_sources(Path(__file__).parent), versions()])
"""Of the library as it was imported, which is what computes, whatever its files say by now."""
