"""What studies write: full disks, wrong bytes, names, and results that are no numbers."""

import json
import random
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from refusals import refused

from ntklib import __main__ as command
from ntklib import studies
from ntklib.studies import Axis, Study, Variable, _store

N = {"n": [1, 2, 3]}


def roots(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": np.sqrt(point["n"]) + seeds}


def table(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """Every type of array."""
    time = np.linspace(0, 1, 20)
    return {
        "curve": np.random.default_rng(0).normal(size=(len(seeds), 20)) + min(point["n"], 9),
        "time": time,
        "even": seeds % 2 == 0,
        "label": np.array([f"{point['kind']}, {seed}" for seed in seeds]),
    }


TABLE = Study(
    "table", "Every type.", table,
    axes={"n": Axis({"book": (1.0, 2.0, np.inf)}), "kind": Axis({"book": ("erf", "tanh")})},
    variables={
        "curve": Variable("m", "a curve", ("time",)), "time": Variable("s", dims=("time",)),
        "even": Variable(), "label": Variable(),
    },
    seeds={"book": 8},
)  # fmt: skip


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writing more than so many bytes fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def cells(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.npz"))


def reused(found: xr.Dataset) -> int:
    return int(json.loads(found.attrs["run"])["cells_reused"])


# ---- saved cells -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [lambda x: x + 100, lambda x: np.ones((8, 2)), lambda x: x.astype(np.float32)]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_saved_cell_with_other_arrays_is_computed_again(
    change: Any, place: int, tmp_path: Path
) -> None:
    first = studies.run(roots, N, seeds=1, progress=False)
    path = cells(tmp_path)[place]
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    members["variables/x"] = change(members["variables/x"])
    np.savez(path, **members)
    with pytest.warns(_store.DamagedEntryWarning, match=f"the saved cell {path} is damaged"):
        again = studies.run(roots, N, seeds=1, progress=False)
    assert reused(again) == 2
    np.testing.assert_array_equal(again.x, first.x)
    assert reused(studies.run(roots, N, seeds=1, progress=False)) == 3


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_saved_cell_that_fits_no_other_is_computed_again(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hashes are right, as those of a cell from a function that was not the same twice."""
    first = studies.run(roots, N, seeds=1, progress=False)
    path = cells(tmp_path)[place]
    with np.load(path) as archive:
        configuration = json.loads(archive[_store.CONTENTS].tobytes())["configuration"]
    cache = _store.Cache(path.parent)
    for arrays in ({"x": np.ones((8, 2))}, {"y": np.ones(8)}, {"x": np.ones(3)}):
        cache.save(configuration, arrays)
        with pytest.warns(_store.DamagedEntryWarning, match="computing it again"):
            again = studies.run(roots, N, seeds=1, progress=False)
        np.testing.assert_array_equal(again.x, first.x)


def failing(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    pytest.fail("it was computed")


def test_a_folder_without_room_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with refused(f"the saved cell {file}/failing/", OSError):
        studies.run(failing, N, seeds=1, cache=file)
    nowhere = Path("/proc/nowhere")
    with refused(f"the folder {nowhere}/failing can't be written to (No such file", OSError):
        studies.run(failing, N, seeds=1, cache=nowhere)
    with no_file_above(0), refused(" or name another folder with cache=, or in the env", OSError):
        studies.run(failing, N, seeds=1)


def test_a_folder_in_a_cells_place_is_named(tmp_path: Path) -> None:
    studies.run(roots, N, seeds=1)
    path = cells(tmp_path)[0]
    path.unlink()
    path.mkdir()
    with refused(f"the saved cell {path} can't be read (Is a directory): move what is in", OSError):
        studies.run(roots, N, seeds=1)


def test_a_disk_that_gets_full_leaves_whole_cells_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "roots"
    with no_file_above(500), refused(f"the folder {folder} can't be written to (File", OSError):
        studies.run(roots, N, seeds=1)
    assert list(folder.iterdir()) == []
    studies.run(roots, N, seeds=1)
    with no_file_above(0):
        assert reused(studies.run(roots, N, seeds=1)) == 3  # who only reads needs no room


# ---- results that are no numbers, and names that are none ---------------------------------------


def undefined(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    return {"x": np.where((seeds == 5) & (point["n"] == 2), np.nan, 1.0), "steps": seeds}


def test_results_that_are_no_numbers_are_refused_and_not_saved(tmp_path: Path) -> None:
    sentence = (
        "the cell n=2, seeds 0 to 7, returned 'x' with 1 NaN or infinite value(s) among 8, nan "
        "first, of seed 5, and was not saved: find out where they come from, or let the study"
    )
    for _ in range(2):
        with refused(sentence):
            studies.run(undefined, N, seeds=1)
    assert len(cells(tmp_path)) == 1
    known = {"x": Variable(finite=False), "steps": Variable()}
    expected = Study("undefined", "", undefined, variables=known)
    for kept in (0, 3):
        found = studies.run(expected, N, seeds=8)
        assert int(np.isnan(found.x).sum()) == 1
        assert reused(found) == max(kept, 1)
    with pytest.warns(_store.DamagedEntryWarning), refused(sentence):  # no saved one gets by
        studies.run(undefined, N, seeds=1)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a/b", "a\\b", "a\0", " a", "a.", "NUL", "com1.x", "a:b",
     51 * "é"],
)  # fmt: skip
def test_a_name_that_is_none_for_a_folder_is_refused(name: str) -> None:
    with refused("name must "):
        Study(name, "", roots)


def test_names_that_a_file_can_not_hold_are_refused() -> None:
    for given in ({"axes": {"a/b": Axis({})}}, {"variables": {"x": Variable(dims=("a/b",))}}):
        with refused("'a/b' is no name for an axis or variable"):
            Study("a", "", roots, **given)
    Study("ε over 1+1 (m=n), v1.5_a", "", roots)


def test_memory_without_an_estimate_is_refused() -> None:
    sentence = "memory can't be kept to: roots has no estimate of what a cell takes. Leave it away"
    with refused(sentence):
        studies.run(roots, N, seeds=1, memory=1e9)
    with refused(sentence):
        studies.along(roots, [{"n": 1}], seeds=1, memory=1e9)
    for estimate in (np.nan, np.inf, -1.0):
        wrong = Study("roots", "", roots, memory=lambda *_, size=estimate: size)
        with refused(f"the study's estimate of the memory of the cell n=1 is {estimate}: its"):
            studies.run(wrong, N, seeds=1)


# ---- the dataset and its file ------------------------------------------------------------------


def test_an_axis_with_infinity_can_be_drawn_and_selected() -> None:
    found = studies.run(TABLE)
    assert found.n.values.tolist() == [1.0, 2.0, np.inf]
    plane = found.curve.sel(seed=3).isel(time=1)
    plane.plot(x="n_label")
    assert [each.get_text() for each in plt.gca().get_xticklabels()][-1] == "∞"
    for drawn in (plane, plane.sel(kind="erf"), found.curve.sel(n=np.inf)):
        plt.figure()
        drawn.plot()
        plt.gcf().canvas.draw()
    plt.close("all")
    expected = found.curve.isel(n_label=2)
    xr.testing.assert_identical(found.curve.sel(n=np.inf), expected)
    xr.testing.assert_identical(found.curve.sel(n_label="∞"), expected)
    assert "n_label" not in studies.run(TABLE, {"n": [1.0, 2.0]}).dims
    with refused("the axis n has NaN for a value"):
        studies.run(TABLE, {"n": [1.0, np.nan]})


def test_no_wrong_byte_of_a_file_goes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "found.nc"
    found = studies.run(TABLE)
    studies.save(found, path)
    whole, unseen, draw = path.read_bytes(), [], random.Random(0)  # noqa: S311
    for at in draw.sample(range(len(whole)), 150):
        wrong = bytes([whole[at] ^ 1 << draw.randrange(8)])
        path.write_bytes(whole[:at] + wrong + whole[at + 1 :])
        try:
            studies.load(path)
            unseen.append(at)
        except ValueError as problem:
            assert str(path) in str(problem)  # noqa: PT017
    assert unseen == []
    path.write_bytes(whole[:-100])
    with refused("has no checksum at its end, so it is cut off, or studies.save didn't write"):
        studies.load(path)


def test_other_readers_notice_wrong_numbers(tmp_path: Path) -> None:
    """By HDF5's own checksums."""
    path = tmp_path / "found.nc"
    found = studies.run(TABLE)
    studies.save(found, path)
    whole = path.read_bytes()
    for number in (found.curve.values, found.seed.values):
        at = whole.index(number.ravel()[:8].tobytes()) + 3
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(OSError, match="fletcher32|filter|checksum|read"):
            xr.load_dataset(path, engine="h5netcdf")


@pytest.fixture
def in_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(studies, "STUDIES", {"table": TABLE})
    monkeypatch.setattr(command, "DESCRIPTIONS", {"table": ""})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_full_disk_ends_the_command_with_a_word_and_leaves_nothing(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies.run(TABLE, progress=False)
    before = set(in_folder.iterdir())
    with no_file_above(20_000):
        assert command.main(["study", "table", "--out", "found.nc"]) == 1
    assert capsys.readouterr().err == (
        "error: the folder . can't be written to (File too large): free space, or give another "
        "file.\n"
    )
    assert set(in_folder.iterdir()) == before
    assert command.main(["study", "table", "--out", "found.nc"]) == 0
    xr.testing.assert_equal(studies.load("found.nc"), studies.run(TABLE))


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("folder.nc", "folder.nc is a folder: free space, or give another file."),
        ("folder.zarr", "folder.zarr is there already"),
        (f"{'a' * 254}.nc", "the folder . can't be written to (File name too long): "),
        ("/proc/nowhere/a.nc", "the folder /proc/nowhere can't be written to (No such file or"),
        ("file/a.nc", "the folder file can't be written to (Not a directory): free space, or"),
    ],
)
def test_a_file_that_can_not_be_written_is_refused_before_computing(
    out: str, sentence: str, in_folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    for name in ("folder.nc", "folder.zarr"):
        (in_folder / name).mkdir()
    (in_folder / "file").touch()
    with pytest.raises(SystemExit):
        command.main(["study", "table", "--out", out])
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert cells(in_folder) == []
    assert len(list(in_folder.iterdir())) == 3
