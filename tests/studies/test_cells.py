"""Which cells of a study are computed again and which are not."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from places import ROOT
from small_studies import N, entries, run_logged
from study_cells import evaluations, wait_for

from ntklib import _device, _fingerprint, studies

HERE = Path(__file__).parent


def test_saved_cells_are_not_computed_again(log: Path) -> None:
    first = run_logged(log)
    again = run_logged(log)
    assert evaluations(log) == {(n, s): 1 for n in (1, 4, 9) for s in (0, 4)}
    assert json.loads(again.attrs["run"])["cells_reused"] == 6
    xr.testing.assert_identical(again.drop_attrs(), first.drop_attrs())
    assert again.attrs["configuration"] == first.attrs["configuration"]


def test_more_sizes_and_seeds_leave_saved_cells_as_they_are(log: Path) -> None:
    few = run_logged(log, seeds=2)
    many = run_logged(log, axes={"n": [9, 1, 4, 16]}, seeds=12)
    assert set(evaluations(log).values()) == {1}
    assert len(evaluations(log)) == 4 * 3
    np.testing.assert_array_equal(many.value.sel(n=[1, 4, 9], seed=[0, 1]), few.value)


def other_source(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "own_study.py"
    path.write_text(text)
    specification = importlib.util.spec_from_file_location("own_study", path)
    assert specification is not None
    assert specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.cell


OWN = """
def shift():
    return {}

def cell(point, seeds):
    return {{"x": seeds + shift()}}
"""


def test_another_source_of_the_function_or_of_its_helpers_is_another_cell(tmp_path: Path) -> None:
    found = [
        float(studies.run(other_source(tmp_path, OWN.format(shift)), seeds=1, batch=1).x[0])
        for shift in (1, 20, 300)
    ]
    assert found == [1, 20, 300]
    assert len(entries(tmp_path)) == 3


TWICE = """
def cell(point, seeds):
    return {"x": seeds + 1}

first = cell

def cell(point, seeds):
    return {"x": seeds + 20}
"""


def test_functions_of_one_name_in_one_file_are_told_apart(tmp_path: Path) -> None:
    second = other_source(tmp_path, TWICE)
    first = second.__globals__["first"]
    assert [float(studies.run(each, seeds=1, batch=1).x[0]) for each in (first, second)] == [1, 20]


def test_the_values_of_defaults_are_settings() -> None:
    found = []
    for default in (1, 20):

        def shifted(point: Mapping[str, Any], seeds: np.ndarray, c: int = default) -> Any:
            return {"x": seeds + c}

        found.append(studies.run(shifted, seeds=1, batch=1))
    assert [float(each.x[0]) for each in found] == [1, 20]
    assert json.loads(found[0].attrs["configuration"])["settings"] == {"c": 1}


def test_a_source_edited_after_import_is_another_one_only_when_imported_anew(
    tmp_path: Path,
) -> None:
    old = other_source(tmp_path, OWN.format(1))
    assert float(studies.run(old, seeds=1, batch=1).x[0]) == 1
    (tmp_path / "own_study.py").write_text(OWN.format(20))
    assert float(studies.run(old, {"n": [1]}, seeds=1, batch=1).x[0, 0]) == 1
    new = other_source(tmp_path, OWN.format(20))
    assert float(studies.run(new, {"n": [1]}, seeds=1, batch=1).x[0, 0]) == 20


@pytest.mark.parametrize(
    "what",
    [
        "library", "device", "x64", "matmul", "generator", "partitionable", "settings", "batch",
    ],
)  # fmt: skip
def test_whatever_determines_a_cell_is_in_its_name(
    what: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_logged(log)
    options: dict[str, Any] = {}
    if what == "library":
        monkeypatch.setattr(_fingerprint, "library", lambda: "another")
    elif what == "device":
        monkeypatch.setattr(_device, "kind", lambda: "abacus")
    elif what == "settings":
        options = {"settings": {"log": str(log), "pause": 0.001}}
    elif what == "batch":
        options = {"batch": 8}
    matmul = "highest" if what == "matmul" else None
    with (
        jax.enable_x64(what != "x64"),
        jax.default_matmul_precision(matmul),
        jax.default_prng_impl("rbg" if what == "generator" else "threefry2x32"),
        jax.threefry_partitionable(what != "partitionable"),
    ):
        run_logged(log, **options)
    assert evaluations(log)[1, 0] == 2


def test_the_library_is_known_in_every_thread() -> None:
    """Python 3.11.7 can't make syntax trees in several at once."""
    texts = {f"{name}.py": Path(__file__).read_bytes() for name in range(8)}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(_fingerprint._of_code, [texts] * 16))
    assert len(set(found)) == 1


def test_the_library_is_known_by_sources_and_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    module = tmp_path / "deep" / "a.py"
    module.write_text("x = 1\n")
    first = _fingerprint.of_sources(tmp_path)
    module.write_text("x = 2\n")
    second = _fingerprint.of_sources(tmp_path)
    module.rename(tmp_path / "deep" / "b.py")
    assert len({first, second, _fingerprint.of_sources(tmp_path)}) == 3
    assert {"jax", "jaxlib", "numpy"} <= set(_fingerprint.versions())
    versions = _fingerprint.versions()
    own = _fingerprint.of_library(
        ROOT / "ntklib", versions, without=(*_fingerprint.SHELL, *_fingerprint.BOOK)
    )
    assert own == _fingerprint.library()


def child(log: Path, cache: Path, *, pause: float) -> "subprocess.Popen[str]":
    """Starts a run in another process."""
    script = (
        "from study_cells import logged; from ntklib import studies; "
        f"studies.run(logged, {N!r}, seeds=8, batch=4, cache={str(cache)!r}, "
        f"settings={{'log': {str(log)!r}, 'pause': {pause}}})"
    )
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "JAX_ENABLE_X64": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_killed_run_goes_on_where_it_stopped(log: Path, tmp_path: Path) -> None:
    process = child(log, tmp_path / "cache", pause=0.4)
    wait_for(lambda: len(entries(tmp_path)) >= 2 or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    saved = len(entries(tmp_path))
    before = evaluations(log)
    assert 2 <= saved < 6
    found = run_logged(log, settings={"log": str(log), "pause": 0.4})
    assert json.loads(found.attrs["run"])["cells_reused"] == saved
    after = evaluations(log)
    assert len(after) == 6
    # At most the one that was under way is evaluated twice.
    assert sum(after.values()) == 6 + sum(before.values()) - saved <= 7
    fresh = run_logged(log, cache=tmp_path / "fresh")
    np.testing.assert_array_equal(found.value, fresh.value)


def test_two_processes_share_a_cache(log: Path, tmp_path: Path) -> None:
    process = child(log, tmp_path / "cache", pause=0.2)
    wait_for(lambda: evaluations(log) or process.poll() is not None)
    found = run_logged(log, settings={"log": str(log), "pause": 0.2})
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    again = run_logged(log, settings={"log": str(log), "pause": 0.2})
    assert json.loads(again.attrs["run"])["cells_reused"] == 6
    np.testing.assert_array_equal(found.value, again.value)
    folder = tmp_path / "cache" / "logged"
    assert sorted(folder.iterdir()) == entries(tmp_path)  # nothing half-written is left
