"""Which names a function looks up outside of itself, and what an installed package defines."""

import builtins
import dis
import functools
import importlib
import importlib.util
import itertools
import os
import sys
import sysconfig
from collections import ChainMap
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
# Where what is installed lies: Python's own, and this library.
_FOLDERS = (
    *(sysconfig.get_path(each) for each in ("stdlib", "platstdlib")),
    Path(__file__).parents[1],
)
_PREFIXES = ("<frozen ", *(f"{folder}{os.sep}" for folder in _FOLDERS))


def read_by(function: FunctionType) -> dict[str, tuple[Any, bool]]:
    """Returns what a function looks up outside: by name the value, and whether of a package.

    Of modules the attributes that are taken, such as "settings.SCALE"; what is missing is left out.
    """
    scope = ChainMap(function.__globals__, vars(builtins))
    chains = [chain for chain in _lookups(function.__code__) if chain[0] in scope]
    found = [(scope[name], name, rest) for name, *rest in chains]
    package = str(function.__globals__.get("__package__") or "")
    for module, names in _imports(function.__code__, package):
        with suppress(ImportError):  # the function says so itself
            loaded = importlib.import_module(module)
            found += [(loaded, module, [each]) for each in names] or [(loaded, module, [])]
    values = {}
    for value, name, attributes in found:
        of_package = False
        for attribute in attributes:
            if not isinstance(value, ModuleType):
                break
            of_package = defined_by_package(value.__name__)
            name, value = f"{name}.{attribute}", getattr(value, attribute, None)
        values[name] = value, of_package
    return values


def _lookups(code: CodeType) -> Iterator[tuple[str, ...]]:
    """Yields the global names in code, each with the attributes that are taken of it."""
    steps = _steps(code)
    for at, step in enumerate(steps):
        if step.opname in _GLOBAL:
            following = itertools.islice(steps, at + 1, None)
            chain = itertools.takewhile(lambda each: each.opname in _ATTRIBUTE, following)
            yield (step.argval, *(each.argval for each in chain))
    for inner in inner_code(code):
        yield from _lookups(inner)


def _imports(code: CodeType, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the modules that code imports, each with the names that it takes from it."""
    steps = _steps(code)
    for level, names, step in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            module = f"{'.' * level.argval}{step.argval}"
            yield importlib.util.resolve_name(module, package), names.argval or ()
    for inner in inner_code(code):
        yield from _imports(inner, package)


def _steps(code: CodeType) -> list[dis.Instruction]:
    return [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]


def inner_code(code: CodeType) -> list[CodeType]:
    """Returns the code of the functions and classes inside of another one."""
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def in_package(value: Any) -> str:
    """Returns the dotted name of what an installed package defines, empty for anything else."""
    if isinstance(value, ModuleType):
        return value.__name__ if defined_by_package(value.__name__) else ""
    module, name = (getattr(value, each, None) for each in ("__module__", "__qualname__"))
    if not isinstance(name, str) or not defined_by_package(module):
        return ""
    found: Any = sys.modules.get(str(module))
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}.{name}" if found is value else ""


def defined_by_package(module: Any) -> bool:
    """Whether a module of this name is an installed one, or Python's own."""
    if not isinstance(module, str) or module == "__main__":
        return False
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    path = getattr(sys.modules.get(module), "__file__", None)
    return path is not None and installed(path)


def installed(path: str) -> bool:
    """Whether a source file is that of an installed package, or Python's own."""
    folders = {"site-packages", "dist-packages"}
    return path.startswith(_PREFIXES) or not folders.isdisjoint(Path(path).parts)


@functools.cache
def version(name: str) -> str:
    """Returns the version of the package that defines a dotted name, if it tells one."""
    root = name.partition(".")[0]
    try:
        return "" if root == "ntklib" else metadata.version(root)  # it has a hash of its own
    except metadata.PackageNotFoundError:
        return ""
