"""What computed a number: the library's sources, the packages it rests on, a function's source.

Needs the standard library alone: the book's extension reads it without JAX.
"""

import functools
import hashlib
import inspect
import io
import itertools
import json
import linecache
import platform
import sys
import tokenize
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any

NUMERICAL_PACKAGES = (
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
SHELL = ("__main__.py", "studies/_command.py", "studies/_described.py")
"""Files of the command line, which decide no number and no figure."""
_ENDS = (tokenize.ENCODING, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
"""Kinds of tokens after which a statement begins."""
BOOK = ("book",)
"""Files of claims and figures, which decide no number."""


def versions(*further: str) -> dict[str, str]:
    """Returns the version of each numerical package, and of further ones, or "absent"."""
    found = {}
    for package in (*NUMERICAL_PACKAGES, *further):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def of_sources(folder: Path, *, without: Sequence[str] = ()) -> str:
    """Returns a short hash of the names and the code of the Python files below a folder.

    What computes nothing doesn't count: comments, docstrings, where lines break.

    Args:
      folder: that has them.
      without: files and folders in it, by their paths there, that are left out.
    """
    return _of_code(_texts(folder, without))


def _texts(folder: Path, without: Sequence[str]) -> dict[str, bytes]:
    """Returns the contents of the Python files below a folder, by their paths there."""
    files = {path.relative_to(folder): path for path in folder.rglob("*.py")}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in files.items()
        if not any(name.is_relative_to(each) for each in without)
    }


def _of_code(texts: Mapping[str, bytes]) -> str:
    return digest({name: digest(_code(text)) for name, text in texts.items()})


def _code(text: bytes) -> list[Any]:
    """Returns what a file does, however it is laid out and described.

    By tokens: until Python 3.11.7 at least, making a tree of them in several threads, as studies
    do, may end with "AST constructor recursion depth mismatch" (CPython issue 106905).
    """
    tokens = [
        each
        for each in tokenize.tokenize(io.BytesIO(text).readline)
        if each.type not in (tokenize.COMMENT, tokenize.NL)
    ]
    kept: list[Any] = []
    before = tokenize.ENCODING
    for token, following in itertools.pairwise(tokens):
        begins = before in _ENDS
        if begins and token.type == tokenize.STRING and following.type == tokenize.NEWLINE:
            continue  # a docstring, of data too
        if begins and token.type == tokenize.NEWLINE:
            continue  # its end
        kept.append([token.type, "" if token.type in _ENDS else token.string])
        before = token.type
    return kept


def of_library(folder: Path, versions: Mapping[str, str], *, without: Sequence[str]) -> str:
    """Returns a short hash of a library's code and of the packages that it rests on."""
    return digest([of_sources(folder, without=without), dict(versions)])


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


_IMPORTED = _texts(Path(__file__).parent, (*SHELL, *BOOK))
# Read at once, for what was imported computes, whatever its files say by now.


@functools.cache
def library() -> str:
    """Returns a short hash of what can decide a number: the library's code and the packages."""
    return digest([_of_code(_IMPORTED), versions()])
