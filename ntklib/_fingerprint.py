"""What computed a number: the library's sources, the packages it rests on, a function's source.

Needs the standard library alone: `_ext.companion` loads this file without the package and JAX.
"""

import hashlib
import inspect
import json
import linecache
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

NUMERICAL_PACKAGES = (
    "diffrax",
    "equinox",
    "jax",
    "jax-cuda12-plugin",
    "jax-cuda13-plugin",
    "jaxlib",
    "neural-tangents",
    "numpy",
    "optax",
    "scipy",
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

    The whole of it, since a function leans on what stands beside it. What it imports from
    elsewhere, or finds in other cells of a notebook, isn't seen.

    Raises:
      TypeError: it is no plain function.
      ValueError: its source can't be found, or it carries values from the function around it,
        which its source doesn't tell.
    """
    plain = inspect.unwrap(function)
    name = getattr(plain, "__qualname__", repr(plain))
    if not inspect.isfunction(plain):
        raise TypeError(f"the study function must be defined with def, got {name}.")
    if str(plain.__module__).partition(".")[0] == __package__:
        return "ntklib"  # its fingerprint has it
    if plain.__closure__:
        raise ValueError(
            f"{name} uses {', '.join(plain.__code__.co_freevars)} of the function around it, "
            "which saved cells can't be told apart by: pass them as settings."
        )
    path = plain.__code__.co_filename
    linecache.checkcache(path)
    lines = linecache.getlines(path)  # knows the cells of notebooks too
    if not lines:
        raise ValueError(f"the source of {name} can't be found: define it in a file or notebook.")
    return digest("".join(lines))


def environment(*further: str) -> dict[str, str]:
    """Returns the versions behind a result, for its description."""
    return {"python": platform.python_version(), **versions(*further)}


def digest(content: str | list[Any] | Mapping[str, Any]) -> str:
    """Returns a short hash of text or of what JSON can hold."""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


LIBRARY = digest([of_sources(Path(__file__).parent), versions()])
"""Of the library as it was imported, which is what computes, whatever its files say by now."""
