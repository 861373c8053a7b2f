"""How much memory a study's cells may take, and the bar while they are computed."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import jax
import pytest
from refusals import refused
from small_studies import WIDE, entries, run_logged

from ntklib import _device, _host, _progress, studies
from ntklib.studies import _cluster, _memory
from ntklib.studies._cluster import Pool


def test_too_large_a_cell_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    need = 8 * 4 * (100**2 + 5)
    assert studies.run(WIDE, seeds=1, memory=need).sizes["m"] == 2
    for path in entries(tmp_path):
        path.unlink()
    sentence = (
        "the cell m=100, n=5, ω=a needs about 313 KiB for 4 seed(s) at a time, more than the "
        "budget of 293 KiB: lower m (at m=10 it needs 3.28 KiB) or the batch, or raise the budget "
        "(memory)."
    )
    with refused(sentence, MemoryError):
        studies.run(WIDE, seeds=1, memory=300_000)
    assert entries(tmp_path) == []


def test_saved_cells_need_no_memory() -> None:
    studies.run(WIDE, seeds=1)
    studies.run(WIDE, seeds=1, memory=1)


def test_the_budget_is_a_share_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    need = 8 * 4 * (100**2 + 5)
    monkeypatch.setattr(_device, "available", lambda: int(need / 0.7 + 2))
    studies.run(WIDE, {"m": [100]}, seeds=1)
    monkeypatch.setattr(_device, "available", lambda: int(need / 0.7 - 2))
    with refused("lower the batch, or raise", MemoryError):
        studies.run(WIDE, {"m": [100], "n": [5]}, seeds=[4])


def test_available_memory_is_what_a_container_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1e6 < _device.available() < 1e15
    for name, text in (("max", "5000000\n"), ("current", "1000000\n"), ("no", "max\n")):
        (tmp_path / name).write_text(text)
    limits = [("no", "current"), ("absent", "current"), ("max", "current")]
    paths = [(str(tmp_path / limit), str(tmp_path / used)) for limit, used in limits]
    monkeypatch.setattr(_host, "_LIMITS", paths)
    assert _device.available() == 4_000_000
    # Files that Linux keeps while there is room count as used: version 2 and version 1 say so.
    stat = tmp_path / "memory.stat"
    stat.write_text("anon 400000\ninactive_file 250000\nactive_file 9\n")
    assert _device.available() == 4_250_000
    stat.write_text("inactive_file 1\ntotal_cache 700000\ntotal_inactive_file 300000\n")
    assert _device.available() == 4_300_000
    stat.write_text("unreadable\n")
    assert _device.available() == 4_000_000


def test_the_device_is_the_one_that_jax_is_told_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = jax.devices("cpu")[0]
    abacus = Mock(spec=jax.Device, platform="abacus", device_kind="Abacus 3000")
    abacus.memory_stats.return_value = {"bytes_limit": 100, "bytes_in_use": 30}
    monkeypatch.setattr(jax, "devices", lambda name=None: [cpu if name == "cpu" else abacus])
    assert _device.kind() == "Abacus 3000"
    assert _device.available() == 70
    assert _device.side_by_side()
    for chosen in (cpu, "cpu"):
        with jax.default_device(chosen):
            assert _device.kind() == "cpu"
            assert _device.available() > 1e6
            assert not _device.side_by_side()


def test_an_estimate_is_for_the_kind_of_device_that_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def memory(
        point: Mapping[str, Any], batch: int, settings: Mapping[str, Any], device: str
    ) -> float:
        return {"abacus": 1e6, "cpu": 1.0}[device] * batch

    chosen = dataclasses.replace(WIDE, memory=memory)
    assert studies.run(chosen, seeds=1, memory=4).sizes["m"] == 2
    pool = Pool("abacus", 1e9, lambda tasks: pytest.fail("it was let through"))
    monkeypatch.setattr(_cluster, "pool", lambda scheduler: contextlib.nullcontext(pool))
    with refused("needs about 3.81 MiB for 4 seed(s) at a time, more than the budget", MemoryError):
        studies.run(chosen, seeds=1, memory=4)


def test_where_no_memory_is_left_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = (
        "the cell m=100, n=5, ω=a needs about 313 KiB for 4 seed(s) at a time, and no memory is "
        "left: free some, or give a budget (memory)."
    )
    monkeypatch.setattr(_device, "available", lambda: 0)
    with refused(sentence, MemoryError):
        studies.run(WIDE, seeds=1)
    with refused(sentence, MemoryError):
        studies.along(WIDE, [{"m": 100, "n": 5, "ω": "a"}], seeds=1)
    studies.run(WIDE, seeds=1, memory=1e6)
    studies.run(WIDE, seeds=1)  # saved


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
