"""`make bench`: sides in their processes, what happens when one fails, and the command."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from sides import (
    ending,
    job_of,
    measured,
    refusing,
    roomy,
    slow_at_first,
    talkative,
    two,
    unavailable,
)

from _setup import torch
from benchmarks import __main__ as command
from benchmarks.model import Reach
from benchmarks.processes import SideError, TorchEnvironment, Worker


@pytest.fixture(autouse=True)
def _sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


# ---- sides in their processes ------------------------------------------------------------------


def test_a_wrong_result_is_an_error_and_a_right_one_is_not(tmp_path: Path) -> None:
    (wrong, right), said = measured(job_of(two, talkative, reach=Reach()), tmp_path)
    assert wrong["status"] == "error"
    assert wrong["reason"].startswith("the results differ by 0.5 of the largest value, more than")
    assert (right["status"], right["difference"]) == ("measured", 0.0)
    turns = [line.split(": ")[1] for line in said[1:7]]
    sides = ("one", "two", "talkative")
    assert turns == [f"{side}, {turn}" for turn in ("first call", "turn 1") for side in sides]


@pytest.mark.parametrize("name", ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"])
def test_sides_choose_their_own_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "Haswell" if name.endswith("TYPE") else "262144")
    (row,), _ = measured(job_of(talkative, reach=Reach()), tmp_path)
    assert row["status"] == "measured", row["reason"]


def test_a_failure_costs_its_own_rows_only(tmp_path: Path) -> None:
    found, _ = measured(job_of(refusing, ending, unavailable, roomy, reach=Reach()), tmp_path)
    assert [(row["status"], row["reason"]) for row in found] == [
        ("error", "refusing: ValueError: this side refuses"),
        ("error", "ending: the process ended with status 3: last words"),
        ("skipped", "unavailable: no compiler"),
        ("measured", ""),
    ]
    assert all(row["ours"] > 0 for row in found)


def test_failing_inputs_fail_the_rows(tmp_path: Path) -> None:
    job = replace(job_of(two, reach=Reach()), inputs="sides:no_disk")
    (row,), _ = measured(job, tmp_path)
    assert row["status"] == "error"
    assert row["reason"] == "before the measurement: OSError: no space left"


def test_memory_is_each_ones_own(tmp_path: Path) -> None:
    ballast = np.ones(50_000_000)  # 400 MB in this process, which starts the others
    (row,), _ = measured(job_of(roomy, reach=Reach()), tmp_path)
    assert row["memory"]["peer"] - row["memory"]["ours"] == pytest.approx(200, abs=20)
    assert row["memory_over_imports"]["peer"] == pytest.approx(200, abs=20)
    assert row["memory"]["ours"] < ballast.nbytes / 1e6


def test_times_are_medians_of_units_after_the_first_call(tmp_path: Path) -> None:
    (row,), _ = measured(job_of(slow_at_first, reach=Reach()), tmp_path)
    assert row["peer"] == 7.0  # the side's own count, such as an extrapolation
    assert row["compilation"]["peer"] == pytest.approx(0.4, abs=0.1)
    assert row["ours"] < 0.05


def test_a_side_that_takes_too_long_is_ended() -> None:
    late = pytest.raises(SideError, match="no answer within 2 s")
    with Worker(Path(sys.executable), limit=2.0) as worker, late:
        worker.ask("prepare", target="sides:endless", folder=".", size={})


def test_a_side_prepares_before_it_runs() -> None:
    with Worker(Path(sys.executable)) as worker, pytest.raises(SideError, match="prepare first"):
        worker.ask("run")


# ---- command -----------------------------------------------------------------------------------


def test_a_failed_job_fails_the_command_and_keeps_the_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {
        "bad": job_of(two, reach=Reach()),
        "good": job_of(talkative, reach=Reach()),
    }
    monkeypatch.setattr(command, "JOBS", jobs)
    monkeypatch.setattr(command, "CURVES", {})
    given = ["--quick", "--output", str(tmp_path), "--torch", str(tmp_path / "torch")]
    assert command.main(given) == 1
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [row["status"] for row in found] == ["error", "measured"]
    captured = capsys.readouterr()
    assert "error: the results differ by 0.5" in captured.out
    assert "[2/2]" in captured.err
    assert "Failed: one-two" in captured.err
    assert command.main([*given, "--jobs", "good"]) == 0


def test_only_a_whole_measurement_goes_into_the_repository() -> None:
    assert command.arguments([]).output == ROOT / "benchmarks"
    for given in (["--quick"], ["--jobs", "krylov"], ["--curves", "flow-width"]):
        assert command.arguments(given).output == ROOT / "_build" / "benchmarks"


def test_unknown_jobs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.arguments(["--jobs", "krylov,kyrlov"])
    assert "nothing is named kyrlov: choose from figure2-dense, " in capsys.readouterr().err


def test_make_installs_torch_where_the_command_looks() -> None:
    folder = command.arguments([]).torch
    assert folder == torch.FOLDER
    assert folder / ".installed" == torch.STAMP
    assert folder.with_suffix(".log") == torch.LOG


def test_why_torch_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "torch"
    (tmp_path / "torch.log").write_text("ERROR: no matching distribution\nnotice: new pip\n")
    reason = f"PyTorch could not be installed in {folder}: ERROR: no matching distribution"
    assert TorchEnvironment(folder).missing() == reason
    folder.mkdir()
    (folder / ".installed").touch()
    assert TorchEnvironment(folder).missing() is None
