"""The floors of the library: a module sees its own package and the floors below it."""

import ast
import functools
import importlib
import itertools
import subprocess
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import pytest
from places import ROOT

import ntklib
from ntklib import studies

LIBRARY = ROOT / "ntklib"
FLOORS = (
    (
        "_arguments",
        "_axes",
        "_checks",
        "_device",
        "_files",
        "_fingerprint",
        "_host",
        "_lazy",
        "_matrices",
        "_progress",
        "_scale",
        "_shown",
    ),
    ("datasets", "measures", "networks", "statistics"),
    ("book", "kernels", "spectrum", "targets"),
    ("dynamics",),
    ("learning", "theory"),
    ("studies",),
)
"""From below; the shell, `__main__`, stands on top of them."""


def texts() -> dict[str, str]:
    """Returns the library's modules, by their dotted names without the library's own."""
    found = {
        path.relative_to(LIBRARY).with_suffix("").parts: path for path in LIBRARY.rglob("*.py")
    }
    named = {
        ".".join(part for part in parts if part != "__init__"): found[parts] for parts in found
    }
    return {name: path.read_text(encoding="utf-8") for name, path in named.items()}


@functools.cache
def imported(text: str) -> frozenset[str]:
    """Returns what of the library a module imports, anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    own = [name.split(".", 1)[1:] for name in names if name.split(".")[0] == "ntklib"]
    return frozenset(rest for each in own for rest in each)


def faults(library: Mapping[str, str]) -> list[str]:
    """Returns a sentence for each import that goes up or across, and for a circle."""
    floor = {name: height for height, names in enumerate(FLOORS) for name in names}
    floor["__main__"] = len(FLOORS)
    found, edges = [], {}
    for module, text in library.items():
        package = module.split(".")[0]
        # The front of all names the packages, for type checkers alone.
        seen = {each if each in library else each.rpartition(".")[0] for each in imported(text)}
        edges[module] = seen - {""} if module else set()
        if package not in floor:
            found += [f"{module} is on no floor"] if module else []
            continue
        for other in sorted(edges[module]):
            theirs = other.split(".")[0]
            if theirs != package and floor.get(theirs, -1) >= floor[package] > 0:
                found.append(f"{module} imports {other}, which is not below it")
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as circle:
        found.append("circle: " + " → ".join(circle.args[1]))
    return found


def test_no_module_looks_up_or_in_a_circle() -> None:
    assert faults(texts()) == []


def test_every_floor_is_inhabited() -> None:
    there = {module.split(".")[0] for module in texts()} - {"", "__main__"}
    assert there == set(itertools.chain(*FLOORS))


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("networks._dense", "from ntklib.kernels import rbf", "networks._dense imports kernels"),
        ("kernels._gram", "from ntklib import dynamics", "kernels._gram imports dynamics"),
        ("spectrum._rank", "import ntklib.kernels._gram", "spectrum._rank imports kernels._gram"),
        ("theory.onset", "def f():\n    from ntklib import studies", "theory.onset imports stud"),
        ("measures._measure", "from ntklib.measures import arcs", "circle: "),
        ("stray", "", "stray is on no floor"),
    ],
)
def test_a_turned_import_is_found(module: str, line: str, fault: str) -> None:
    library = texts()
    changed = library | {module: f"{library.get(module, '')}\n{line}\n"}
    assert any(each.startswith(fault) for each in faults(changed))


def test_the_front_doors_load_nothing() -> None:
    code = (
        "import sys, ntklib, ntklib.book, ntklib.studies; print(dir(ntklib), dir(ntklib.studies)); "
        "print(*{'jax', 'numpy', 'xarray', 'matplotlib'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True
    )
    offered = sorted([*ntklib.__all__, "__version__"]), sorted(studies.__all__)
    assert answer.stdout.split("\n")[:2] == [" ".join(map(str, offered)), ""]


@pytest.mark.parametrize("package", ["ntklib", "ntklib.studies", "ntklib.book"])
def test_a_name_that_is_not_there_is_named(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        importlib.import_module(package).nothing  # noqa: B018
