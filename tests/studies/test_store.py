"""Saved cells that are damaged are named, never trusted, and computed again."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from small_studies import entries, run_logged
from study_cells import evaluations

from ntklib.studies import _store


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
    with pytest.warns(_store.DamagedEntryWarning, match=f"the saved cell {path} is damaged "):
        again = run_logged(log)
    assert sum(evaluations(log).values()) == 6 + 1
    xr.testing.assert_identical(again.drop_attrs(), first.drop_attrs())
    run_logged(log)  # repaired, or it would warn


def test_an_entry_under_a_wrong_name_is_noticed(log: Path, tmp_path: Path) -> None:
    first = run_logged(log)
    one, other = entries(tmp_path)[:2]
    other.write_bytes(one.read_bytes())
    with pytest.warns(_store.DamagedEntryWarning, match="it holds another cell, or not"):
        again = run_logged(log)
    xr.testing.assert_identical(again.drop_attrs(), first.drop_attrs())


def test_an_entry_that_lacks_an_array_is_noticed(tmp_path: Path) -> None:
    """As one would whose directory has a wrong byte."""
    cache = _store.Cache(tmp_path)
    cache.save({}, {"x": np.arange(2), "y": np.arange(2)})
    with np.load(cache.path({})) as archive:
        kept = {name: archive[name] for name in archive.files if not name.endswith("y")}
    np.savez(cache.path({}), allow_pickle=False, **kept)
    with pytest.warns(_store.DamagedEntryWarning, match="or not all of it"):
        assert cache.load({}) is None


def test_no_wrong_byte_changes_a_number(tmp_path: Path) -> None:
    cache = _store.Cache(tmp_path)
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
    cache = _store.Cache(tmp_path)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        cache.save({}, {"x": np.array([object()])})
    assert list(tmp_path.iterdir()) == []
    np.savez(cache.path({}), x=np.array([{}], dtype=object))
    with pytest.warns(_store.DamagedEntryWarning, match="allow_pickle=False"):
        assert cache.load({}) is None


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = _store.Cache(tmp_path)
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
