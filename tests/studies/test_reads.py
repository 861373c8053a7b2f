"""Saved cells are told apart by what a study's function reads around it, or it is refused."""

import dataclasses
import functools
import json
import os
import random
import sys
import threading
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import measures, networks, studies
from ntklib.studies import _reads

SCALE = 1.0
TABLE = {"scale": [1.0]}
ARRAY = np.ones(2)
ON_DEVICE = jnp.ones(2)
OTHER = types.ModuleType("other")
LOCK = threading.Lock()


def helper() -> float:
    return SCALE


def with_default(scale: float = 1.0) -> float:
    return scale


def enclosing(scale: float) -> Callable[[], float]:
    return lambda: scale


@dataclasses.dataclass
class Model:
    """A class of one's own, and its objects."""

    weight: float = 1.0

    factor = 1.0

    def scale(self) -> float:
        """Reads a global too."""
        return self.weight * self.factor * SCALE


ENCLOSED = enclosing(1.0)
PART = functools.partial(with_default, 1.0)
JITTED = jax.jit(with_default)
MODEL = Model()
NETWORK = networks.fully_connected(2, (3,))
MEASURE = measures.circle(8)

Cell = Callable[[Mapping[str, Any], np.ndarray], dict[str, Any]]


def by_global(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + SCALE}


def by_helper(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": np.array([helper() for _ in seeds])}


def by_table(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + TABLE["scale"][0]}


def by_array(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + ARRAY[0]}


def by_device_array(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + float(ON_DEVICE[0])}


def by_module(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + OTHER.constants.scale}


def by_import(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    from other_of_tests import scale  # type: ignore[import-not-found]

    return {"x": seeds * 0 + scale}


def by_class(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + Model.factor}


def by_object(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + MODEL.scale()}


def by_closure(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + ENCLOSED()}


def by_default(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + with_default()}


def by_partial(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + PART()}


def by_jitted(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + float(JITTED())}


def by_attribute(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * 0 + helper.scale}  # type: ignore[attr-defined]


@pytest.fixture
def _own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = types.ModuleType("other_of_tests")
    constants.scale = 1.0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_of_tests", constants)
    monkeypatch.setattr(OTHER, "constants", constants, raising=False)
    monkeypatch.setattr(helper, "scale", 1.0, raising=False)


def change_default(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(with_default, "__defaults__", (5.0,))


HERE = sys.modules[__name__]
CHANGES: dict[Cell, Callable[[pytest.MonkeyPatch], None]] = {
    by_global: lambda patch: patch.setattr(HERE, "SCALE", 5.0),
    by_helper: lambda patch: patch.setattr(HERE, "SCALE", 5.0),
    by_table: lambda patch: patch.setitem(TABLE, "scale", [5.0]),
    by_array: lambda patch: patch.setattr(HERE, "ARRAY", 5 * ARRAY),
    by_device_array: lambda patch: patch.setattr(HERE, "ON_DEVICE", 5 * ON_DEVICE),
    by_module: lambda patch: patch.setattr(OTHER.constants, "scale", 5.0),
    by_import: lambda patch: patch.setattr(OTHER.constants, "scale", 5.0),
    by_class: lambda patch: patch.setattr(Model, "factor", 5.0),
    by_object: lambda patch: patch.setattr(MODEL, "weight", 5.0),
    by_closure: lambda patch: patch.setattr(HERE, "ENCLOSED", enclosing(5.0)),
    by_default: change_default,
    by_partial: lambda patch: patch.setattr(HERE, "PART", functools.partial(with_default, 5.0)),
    by_jitted: lambda patch: patch.setattr(HERE, "JITTED", jax.jit(lambda: 5.0)),
    by_attribute: lambda patch: patch.setattr(helper, "scale", 5.0),
}


@pytest.mark.usefixtures("_own_module")
@pytest.mark.parametrize("cell", CHANGES, ids=lambda cell: cell.__name__)
def test_a_changed_value_is_another_cell(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> tuple[float, int]:
        found = studies.run(cell, seeds=1, batch=1, progress=False)
        return float(found.x[0]), json.loads(found.attrs["run"])["cells_reused"]

    assert measured() == (1.0, 0)
    assert measured() == (1.0, 1)
    with monkeypatch.context() as patch:
        CHANGES[cell](patch)
        assert measured() == (5.0, 0)
    assert measured() == (1.0, 1)


def many(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """Reads what other processes must find the same."""
    return {"x": [NETWORK, MEASURE, MODEL, JITTED, np.exp, jnp.dot, jax.nn.relu, {"a", "b"}, TABLE]}


def test_equal_values_are_the_same_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _reads.values(many)
    assert {"NETWORK", "MEASURE", "MODEL", "JITTED", "np.exp", "jnp.dot", "TABLE"} <= set(first)
    monkeypatch.setattr(HERE, "NETWORK", networks.fully_connected(2, (3,)))
    monkeypatch.setattr(HERE, "MEASURE", measures.circle(8))
    monkeypatch.setattr(HERE, "MODEL", Model())
    monkeypatch.setattr(HERE, "TABLE", {"scale": [1.0]})
    assert _reads.values(many) == first
    monkeypatch.setattr(HERE, "NETWORK", networks.fully_connected(2, (4,)))
    monkeypatch.setattr(HERE, "MEASURE", measures.circle(9))
    other = _reads.values(many)
    assert {name for name in first if other[name] != first[name]} == {"NETWORK", "MEASURE"}


def by_lock(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    with LOCK:
        return {"x": seeds}


def by_environment(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": seeds * float(os.environ["SCALE"])}


def by_numpys_generator(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": np.random.normal(size=len(seeds))}  # noqa: NPY002


def by_pythons_generator(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": [random.random() for _ in seeds]}  # noqa: S311


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            by_lock,
            "by_lock reads LOCK, a lock, and saved cells can't be told apart by its value: pass ",
        ),
        (by_environment, "by_environment reads the environment (os.environ), and saved cells"),
        (by_numpys_generator, "reads a global generator (np.random.normal), and saved cells"),
        (by_pythons_generator, "reads a global generator (random.random), and saved cells"),
    ],
)
def test_what_cells_can_not_be_told_apart_by_is_refused(cell: Cell, sentence: str) -> None:
    with refused(sentence):
        studies.run(cell, seeds=1)


def counting(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    TABLE["count"] = [*TABLE.get("count", []), 1.0]
    return {"x": seeds}


def test_a_function_that_changes_what_it_reads_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(HERE, "TABLE", {})
    with refused("TABLE, which counting reads, changed while it computed, and so would the next"):
        studies.run(counting, seeds=1)
    assert not list((tmp_path / "cache").rglob("*.npz"))
