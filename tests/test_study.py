"""Studies: what a dataset says, what is computed again and what is not, and what is refused."""

import contextlib
import dataclasses
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import jax
import numpy as np
import pytest
import xarray as xr
from cases import refused
from study_cells import evaluations, failing, logged, wait_for

from ntklib import (
    _cache,
    _cluster,
    _device,
    _fingerprint,
    _memory,
    _progress,
    studies,
    study,
)
from ntklib._cluster import Pool
from ntklib.study import Axis, Study, Variable

HERE = Path(__file__).parent
N = {"n": [1, 4, 9]}


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.npz"))


def run_logged(log: Path, **options: Any) -> xr.Dataset:
    given: dict[str, Any] = {"axes": N, "seeds": 8, "batch": 4, "settings": {"log": str(log)}}
    return study.run(logged, **{**given, **options})


# ---- the dataset -------------------------------------------------------------------------------


def curves(
    point: Mapping[str, Any], seeds: np.ndarray, *, count: int = 3, name: str = "x"
) -> dict[str, Any]:
    """Every type of axis, result and setting."""
    n = min(point["n"], 100.0)
    time = np.linspace(0.0, 1.0, count)
    return {
        "curve": n * seeds[:, None] + time[None, :] + (point["activation"] == "tanh") / 2,
        "converged": seeds % 2 == 0,
        "steps": seeds * 2,
        "label": np.array([f"{point['activation']}, {seed}" for seed in seeds]),
        "time": time,
    }


CURVES = Study(
    name="curves",
    description="Curves, ε > 0.",
    cell=curves,
    axes={
        "n": Axis({"quick": (1.0, np.inf), "book": (1.0, 2.0, np.inf)}, "samples", "sample size"),
        "activation": Axis({"quick": ("erf", "tanh"), "book": ("erf",)}, long_name="ω"),
    },
    variables={
        "curve": Variable("m", "a curve", ("time",)),
        "time": Variable("s", "time t", ("time",)),
        "converged": Variable(long_name="whether it converged"),
        "steps": Variable(),
        "label": Variable(),
    },
    settings={"quick": {"count": 4}},
    seeds={"quick": 5},
    batch=2,
)


def test_a_dataset_has_every_cell_in_its_place() -> None:
    found = study.run(CURVES, scale="quick", seeds=[4, 0, 3])
    assert found.curve.dims == ("n_label", "activation", "seed", "time")
    assert found.n_label.values.tolist() == ["1", "∞"]
    assert found.seed.values.tolist() == [4, 0, 3]
    for n in (1.0, np.inf):
        for activation in ("erf", "tanh"):
            for seed in (4, 0, 3):
                cell = found.sel(n=n, activation=activation, seed=seed)
                expected = min(n, 100) * seed + np.linspace(0, 1, 4) + (activation == "tanh") / 2
                np.testing.assert_array_equal(cell.curve, expected)
                assert cell.label == f"{activation}, {seed}"
                assert (bool(cell.converged), int(cell.steps)) == (seed % 2 == 0, 2 * seed)


def test_a_dataset_tells_units_and_all_that_determines_it() -> None:
    found = study.run(CURVES, {"activation": ["gelu"]}, scale="quick", settings={"name": "y"})
    assert found.curve.attrs == {"units": "m", "long_name": "a curve"}
    assert found.time.attrs == {"units": "s", "long_name": "time t"}
    assert found.n.attrs == {"units": "samples", "long_name": "sample size"}
    assert found.attrs["title"] == "curves"
    configuration = json.loads(found.attrs["configuration"])
    assert configuration["axes"] == {"n": [1.0, "inf"], "activation": ["gelu"]}
    assert configuration["settings"] == {"count": 4, "name": "y"}
    assert configuration["seeds"] == [0, 1, 2, 3, 4]
    assert (configuration["batch"], configuration["x64"]) == (2, True)
    assert configuration["device"] == jax.devices()[0].device_kind
    assert configuration["ntklib_fingerprint"] == _fingerprint.LIBRARY
    about = json.loads(found.attrs["run"])
    assert (about["cells_computed"], about["cells_reused"]) == (6, 0)
    assert about["versions"]["jax"] == jax.__version__
    assert about["seconds"] > 0


def test_a_dataset_survives_netcdf(tmp_path: Path) -> None:
    """Text, truth values, infinities and units."""
    found = study.run(CURVES, scale="quick")
    path = tmp_path / "curves.nc"
    found.to_netcdf(path, engine="h5netcdf")
    plain = xr.load_dataset(path, engine="h5netcdf")
    xr.testing.assert_identical(plain.set_xindex("n"), found)
    study.save(found, path)
    again = study.load(path)
    xr.testing.assert_identical(again, found)
    xr.testing.assert_identical(xr.load_dataset(path).set_xindex("n"), found)
    assert again.sel(n=np.inf, activation="tanh", seed=1).label == "tanh, 1"
    for each in (plain, again):
        assert {name: each[name].dtype for name in each} == {n: found[n].dtype for n in found}


# ---- what is computed again --------------------------------------------------------------------


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
        float(study.run(other_source(tmp_path, OWN.format(shift)), seeds=1, batch=1).x[0])
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
    assert [float(study.run(each, seeds=1, batch=1).x[0]) for each in (first, second)] == [1, 20]


def test_the_values_of_defaults_are_settings() -> None:
    found = []
    for default in (1, 20):

        def shifted(point: Mapping[str, Any], seeds: np.ndarray, c: int = default) -> Any:
            return {"x": seeds + c}

        found.append(study.run(shifted, seeds=1, batch=1))
    assert [float(each.x[0]) for each in found] == [1, 20]
    assert json.loads(found[0].attrs["configuration"])["settings"] == {"c": 1}


def test_a_source_edited_after_import_is_another_one_only_when_imported_anew(
    tmp_path: Path,
) -> None:
    old = other_source(tmp_path, OWN.format(1))
    assert float(study.run(old, seeds=1, batch=1).x[0]) == 1
    (tmp_path / "own_study.py").write_text(OWN.format(20))
    assert float(study.run(old, {"n": [1]}, seeds=1, batch=1).x[0, 0]) == 1
    new = other_source(tmp_path, OWN.format(20))
    assert float(study.run(new, {"n": [1]}, seeds=1, batch=1).x[0, 0]) == 20


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
        monkeypatch.setattr(_fingerprint, "LIBRARY", "another")
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
    own = [_fingerprint.of_sources(HERE.parent / "ntklib"), _fingerprint.versions()]
    assert _fingerprint.digest(own) == _fingerprint.LIBRARY


def child(log: Path, cache: Path, *, pause: float) -> "subprocess.Popen[str]":
    """Starts a run in another process."""
    script = (
        "from study_cells import logged; from ntklib import study; "
        f"study.run(logged, {N!r}, seeds=8, batch=4, cache={str(cache)!r}, "
        f"settings={{'log': {str(log)!r}, 'pause': {pause}}})"
    )
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "JAX_ENABLE_X64": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, cwd=HERE.parent, text=True,
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
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    again = run_logged(log, settings={"log": str(log), "pause": 0.2})
    assert json.loads(again.attrs["run"])["cells_reused"] == 6
    np.testing.assert_array_equal(found.value, again.value)
    folder = tmp_path / "cache" / "logged"
    assert sorted(folder.iterdir()) == entries(tmp_path)  # nothing half-written is left


# ---- damaged entries ---------------------------------------------------------------------------


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def garbled(content: bytes) -> bytes:
    """One bit of a saved number is wrong: the file can still be read."""
    at = content.index(b"variables/value.npy") + 160
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("damage", [truncated, garbled, lambda content: b""])
def test_a_damaged_entry_is_named_and_computed_again(
    damage: Any, log: Path, tmp_path: Path
) -> None:
    first = run_logged(log)
    path = entries(tmp_path)[2]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(study.DamagedEntryWarning, match=f"the saved cell {path} is damaged "):
        again = run_logged(log)
    assert sum(evaluations(log).values()) == 6 + 1
    xr.testing.assert_identical(again.drop_attrs(), first.drop_attrs())
    run_logged(log)  # repaired, or it would warn


def test_an_entry_under_a_wrong_name_is_noticed(log: Path, tmp_path: Path) -> None:
    first = run_logged(log)
    one, other = entries(tmp_path)[:2]
    other.write_bytes(one.read_bytes())
    with pytest.warns(study.DamagedEntryWarning, match="it holds another cell, or not"):
        again = run_logged(log)
    xr.testing.assert_identical(again.drop_attrs(), first.drop_attrs())


def test_an_entry_that_lacks_an_array_is_noticed(tmp_path: Path) -> None:
    """As one would whose directory has a wrong byte."""
    cache = _cache.Cache(tmp_path)
    cache.save({}, {"x": np.arange(2), "y": np.arange(2)})
    with np.load(cache.path({})) as archive:
        kept = {name: archive[name] for name in archive.files if not name.endswith("y")}
    np.savez(cache.path({}), allow_pickle=False, **kept)
    with pytest.warns(study.DamagedEntryWarning, match="or not all of it"):
        assert cache.load({}) is None


def test_no_wrong_byte_changes_a_number(tmp_path: Path) -> None:
    cache = _cache.Cache(tmp_path)
    saved, configuration = np.arange(4.0), {"n": 1}
    cache.save(configuration, {"x": saved})
    path = cache.path(configuration)
    content = path.read_bytes()
    noticed = 0
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = cache.load(configuration)
        assert found is None or (set(found) == {"x"} and found["x"].tolist() == saved.tolist())
        assert (found is None) == bool(caught)
        noticed += found is None
    assert noticed > len(content) / 2


def test_no_entry_is_unpickled(tmp_path: Path) -> None:
    cache = _cache.Cache(tmp_path)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        cache.save({}, {"x": np.array([object()])})
    assert list(tmp_path.iterdir()) == []
    np.savez(cache.path({}), x=np.array([{}], dtype=object))
    with pytest.warns(study.DamagedEntryWarning, match="allow_pickle=False"):
        assert cache.load({}) is None


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = _cache.Cache(tmp_path)
    cache.save({}, {"x": np.arange(2)})

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        cache.save({}, {"x": np.arange(3)})
    found = cache.load({})
    assert found is not None
    assert found["x"].tolist() == [0, 1]
    assert len(list(tmp_path.iterdir())) == 1


# ---- memory and progress -----------------------------------------------------------------------


def wide(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"value": seeds}


WIDE = Study(
    name="wide",
    description="",
    cell=wide,
    axes={"m": Axis({"book": (10, 100)}), "n": Axis({"book": (1, 5)}), "ω": Axis({"book": ("a",)})},
    batch=4,
    memory=lambda point, batch, settings: 8.0 * batch * (point["m"] ** 2 + point["n"]),
)


def test_too_large_a_cell_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    need = 8 * 4 * (100**2 + 5)
    assert study.run(WIDE, seeds=1, memory=need).sizes["m"] == 2
    for path in entries(tmp_path):
        path.unlink()
    sentence = (
        "the cell m=100, n=5, ω=a needs about 313 KiB for 4 seed(s) at a time, more than the "
        "budget of 293 KiB: lower m (at m=10 it needs 3.28 KiB) or the batch, or raise the budget "
        "(memory)."
    )
    with refused(sentence, MemoryError):
        study.run(WIDE, seeds=1, memory=300_000)
    assert entries(tmp_path) == []


def test_saved_cells_need_no_memory() -> None:
    study.run(WIDE, seeds=1)
    study.run(WIDE, seeds=1, memory=1)


def test_the_budget_is_a_share_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    need = 8 * 4 * (100**2 + 5)
    monkeypatch.setattr(_memory, "available", lambda: int(need / 0.7 + 2))
    study.run(WIDE, {"m": [100]}, seeds=1)
    monkeypatch.setattr(_memory, "available", lambda: int(need / 0.7 - 2))
    with refused("lower the batch, or raise", MemoryError):
        study.run(WIDE, {"m": [100], "n": [5]}, seeds=[4])


def test_available_memory_is_what_a_container_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1e6 < _memory.available() < 1e15
    for name, text in (("max", "5000000\n"), ("current", "1000000\n"), ("no", "max\n")):
        (tmp_path / name).write_text(text)
    limits = [("no", "current"), ("absent", "current"), ("max", "current")]
    paths = [(str(tmp_path / limit), str(tmp_path / used)) for limit, used in limits]
    monkeypatch.setattr(_memory, "_LIMITS", paths)
    assert _memory.available() == 4_000_000
    # Files that Linux keeps while there is room count as used: version 2 and version 1 say so.
    stat = tmp_path / "memory.stat"
    stat.write_text("anon 400000\ninactive_file 250000\nactive_file 9\n")
    assert _memory.available() == 4_250_000
    stat.write_text("inactive_file 1\ntotal_cache 700000\ntotal_inactive_file 300000\n")
    assert _memory.available() == 4_300_000
    stat.write_text("unreadable\n")
    assert _memory.available() == 4_000_000


def test_the_device_is_the_one_that_jax_is_told_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = jax.devices("cpu")[0]
    abacus = Mock(spec=jax.Device, platform="abacus", device_kind="Abacus 3000")
    abacus.memory_stats.return_value = {"bytes_limit": 100, "bytes_in_use": 30}
    monkeypatch.setattr(jax, "devices", lambda name=None: [cpu if name == "cpu" else abacus])
    assert _device.kind() == "Abacus 3000"
    assert _memory.available() == 70
    assert _device.side_by_side()
    for chosen in (cpu, "cpu"):
        with jax.default_device(chosen):
            assert _device.kind() == "cpu"
            assert _memory.available() > 1e6
            assert not _device.side_by_side()


def test_an_estimate_is_for_the_kind_of_device_that_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def memory(
        point: Mapping[str, Any], batch: int, settings: Mapping[str, Any], device: str
    ) -> float:
        return {"abacus": 1e6, "cpu": 1.0}[device] * batch

    chosen = dataclasses.replace(WIDE, memory=memory)
    assert study.run(chosen, seeds=1, memory=4).sizes["m"] == 2
    pool = Pool("abacus", 1e9, lambda tasks: pytest.fail("it was let through"))
    monkeypatch.setattr(_cluster, "pool", lambda scheduler: contextlib.nullcontext(pool))
    with refused("needs about 3.81 MiB for 4 seed(s) at a time, more than the budget", MemoryError):
        study.run(chosen, seeds=1, memory=4)


def test_where_no_memory_is_left_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = (
        "the cell m=100, n=5, ω=a needs about 313 KiB for 4 seed(s) at a time, and no memory is "
        "left: free some, or give a budget (memory)."
    )
    monkeypatch.setattr(_memory, "available", lambda: 0)
    with refused(sentence, MemoryError):
        study.run(WIDE, seeds=1)
    with refused(sentence, MemoryError):
        study.along(WIDE, [{"m": 100, "n": 5, "ω": "a"}], seeds=1)
    study.run(WIDE, seeds=1, memory=1e6)
    study.run(WIDE, seeds=1)  # saved


@pytest.mark.parametrize(
    ("text", "size"),
    [("2e9", 2e9), ("500MB", 5e8), ("1.5 kb", 1500), ("6GiB", 6 * 2**30), ("1T", 1e12)],
)
def test_sizes_are_read(text: str, size: float) -> None:
    assert _memory.parse(text) == size


@pytest.mark.parametrize(
    "text", ["", "B", "k", "much", "-1GB", "0", "nan", "inf", "1XB", "6mGB", "6kk", "6iB"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with refused("is no size: give bytes, or such as 500MB or 6GiB."):
        _memory.parse(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0.0, "0 B"), (1.0, "1 B"), (999.7, "1000 B"), (1e3, "1000 B"), (1024.0, "1 KiB"),
        (1234567.0, "1.18 MiB"), (1020.0 * 2**30, "1020 GiB"), (2.5 * 2**40, "2.5 TiB"),
        (3000.0 * 2**40, "3000 TiB"),
    ],
)  # fmt: skip
def test_sizes_are_shown_without_exponents(size: float, text: str) -> None:
    assert _memory.shown(size) == text


def test_a_bar_shows_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    run_logged(log, progress=False)
    assert capsys.readouterr().err == ""
    run_logged(log, axes={"n": [1, 4, 9, 16]}, settings={"log": str(log)})
    shown = capsys.readouterr().err
    assert "logged, 8 cells:  75%" in shown  # what is saved counts as done
    assert "logged, 8 cells: 100%" in shown
    assert "<00:00]" in shown


# ---- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axes": {"n": []}}, "the axis n is empty"),
        ({"axes": {"n": [1, 1]}}, "the axis n has a value twice"),
        ({"axes": {"n": [1, "a"]}}, "the axis n mixes names and numbers"),
        ({"axes": {"n": [[1, 2]]}}, "the axis n must list numbers or names"),
        ({"axes": {"n": [None]}}, "the axis n must list numbers or names"),
        ({"axes": {"n": [1], "seed": [1]}}, "give it as seeds="),
        ({"seeds": None}, "seeds is missing: say how many, such as seeds=16."),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": [1, 1]}, "seeds has one twice"),
        ({"seeds": []}, "seeds is empty: give at least one."),
        ({"seeds": [-1]}, "a seed must be at least 0, got -1."),
        ({"seeds": [2**32]}, "seeds must lie between 0 and 2**32 - 1"),
        ({"batch": 0}, "batch must be at least 1, got 0."),
        ({"scale": "huge"}, "scale must be one of quick, book, full, got 'huge'."),
        ({"memory": 0.0}, "memory must be a positive finite number"),
    ],
)
def test_senseless_arguments_are_refused(options: dict[str, Any], sentence: str, log: Path) -> None:
    with refused(sentence):
        run_logged(log, **options)
    assert not evaluations(log)


@pytest.mark.parametrize(("seeds", "name"), [(16.0, "seeds"), ([0, 1.0], "a seed")])
def test_seeds_that_are_no_whole_numbers_are_refused(seeds: Any, name: str, log: Path) -> None:
    with refused(f"{name} must be a whole number, got ", TypeError):
        run_logged(log, seeds=seeds)


def test_axes_and_settings_that_a_study_has_not_are_refused() -> None:
    with refused("the study has no axis width: choose from n, activation."):
        study.run(CURVES, {"width": [1]}, scale="quick")
    with refused("the axis n takes values such as 1.0, got ['many']."):
        study.run(CURVES, {"n": ["many"]}, scale="quick")
    with refused("the axis m takes values such as 10, got [0.5]."):
        study.run(WIDE, {"m": [0.5]}, seeds=1)
    with refused("the axis m takes values such as 10, got [inf]."):
        study.run(WIDE, {"m": [np.inf]}, seeds=1)
    with refused("curves has no setting colour: choose from count, name."):
        study.run(CURVES, scale="quick", settings={"colour": 1})
    with refused("the setting log of logged is missing."):
        study.run(logged, N, seeds=1)
    with refused("settings['log'] must be a number, a string", TypeError):
        study.run(logged, N, seeds=1, settings={"log": Path()})


def test_names_that_clash_are_refused() -> None:
    axes = {"n": Axis({"book": (1, 2)})}
    for variables, name in (
        ({"n": Variable()}, "n"),
        ({"seed": Variable()}, "seed"),
        ({"x": Variable(dims=("n", "t"))}, "n"),
    ):
        with refused(f"the study returns {name}, which is an axis of it: give it another name."):
            study.run(Study("clash", "", failing, axes, variables), seeds=1)
    with refused("the study returns value, which is an axis of it"):
        study.run(failing, {"n": [1], "value": [2]}, seeds=1)


def test_functions_whose_source_does_not_tell_all_are_refused() -> None:
    hidden = 3

    def inner(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
        return {"value": seeds + hidden}

    with refused("uses hidden of the function around it"):
        study.run(inner, seeds=1)

    @functools.wraps(failing)
    def wrapping(*given: Any) -> dict[str, Any]:
        return inner(*given)

    with refused("uses inner of the function around it"):
        study.run(wrapping, seeds=1)
    with refused("uses inner of the function around it"):
        study.run(functools.wraps(studies.linear_width)(lambda *given: inner(*given)), seeds=1)
    for function in (max, lambda point, seeds: {"value": seeds}, functools.partial(failing)):
        with refused("the study function must be defined with def", TypeError):
            study.run(function, seeds=1)
    space: dict[str, Any] = {}
    exec("def nowhere(point, seeds): return {'x': seeds}", space)  # noqa: S102
    with refused("the source of nowhere can't be found"):
        study.run(space["nowhere"], seeds=1)


def test_a_failing_cell_is_named_and_the_others_stay(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        study.run(failing, {"n": [1, 2, 3]}, seeds=[9], batch=4)
    assert failure.value.__notes__ == ["In the cell n=2, seeds 8 to 11."]
    assert len(entries(tmp_path)) == 1


def returns(value: Any, **variables: Variable) -> Study:
    """A study whose function returns what `RETURNED` holds."""
    RETURNED.append(value)
    return Study("returns", "", returning, {"n": Axis({"book": (1, 2)})}, variables, batch=3)


RETURNED: list[Any] = []


def returning(point: Mapping[str, Any], seeds: np.ndarray) -> Any:
    value = RETURNED[-1]
    return value(point["n"]) if callable(value) else value


@pytest.mark.parametrize(
    ("value", "variables", "sentence"),
    [
        (np.ones(3), {}, "must return a dict of arrays by name, got ndarray."),
        ({}, {}, "must return a dict of arrays by name, got an empty one."),
        ({"x": [None] * 3}, {}, "returned 'x' of type object"),
        (
            {"x": np.ones(2)},
            {},
            "returned 'x' of shape (2,): its first axis must count the 3",
        ),
        ({"x": np.ones(())}, {}, "returned 'x' of shape (): its first axis must count"),
        ({"x": np.ones((3, 2))}, {}, "returned 'x' with 1 axes after that of the seeds, and the"),
        ({"x": np.ones(3)}, {"y": Variable()}, "returned x and should return y."),
        (
            lambda n: {"x": np.ones((3, n))},
            {"x": Variable(dims=("t",))},
            "the cell n=2, seeds 0 to 2, returned 'x' of shape (3, 2), another one of shape (3, 1)",
        ),
        (
            lambda n: {"x": np.ones((3, 1)), "t": np.array([n])},
            {"x": Variable(dims=("t",)), "t": Variable(dims=("t",))},
            "the cell n=2, seeds 0 to 2, returned other coordinates 't' than another one.",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    value: Any, variables: dict[str, Variable], sentence: str
) -> None:
    kind = TypeError if "must return" in sentence or "type" in sentence else ValueError
    with refused(sentence, kind):
        study.run(returns(value, **variables), seeds=1)
