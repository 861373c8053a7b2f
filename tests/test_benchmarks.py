"""`make bench`: what it measures, what it writes, and what happens when a side fails.

The functions at the top are sides of their own, which the tests let measure each other.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xla

from _setup import torch
from benchmarks import __main__ as command
from benchmarks import floors, inputs, report, rows
from benchmarks.checks import against_reference, corner_within, within
from benchmarks.jobs import JOBS
from benchmarks.measure import measure
from benchmarks.model import Job, Pair, Reach, Side
from benchmarks.processes import SideError, TorchEnvironment, Worker, environment
from benchmarks.rows import Measurement
from benchmarks.worker import Outcome, Run, UnavailableError

ROOT = Path(__file__).parents[1]
TORCH = TorchEnvironment(ROOT / ".tools" / "torch")
NOWHERE = TorchEnvironment(Path("nowhere"))
RATES = {"float64": 100.0, "float32": 200.0, "bandwidth": 50.0}
FIELDS: dict[str, Any] = {
    "job": str, "size": dict, "precision": str, "unit": str, "ours_name": str, "peer_name": str,
    "status": str, "reason": str, "ours": float, "peer": float, "ratio": float, "floor": float,
    "over_floor": float, "difference": float, "memory": dict, "memory_over_imports": dict,
    "compilation": dict, "repetitions": dict, "range": dict, "rates": dict, "reach": dict,
    "met": (bool, type(None)), "missed": list, "limit": str, "note": str, "machine": dict,
    "errors": (dict, type(None)),
}  # fmt: skip


# ---- sides -------------------------------------------------------------------------------------


def no_inputs(folder: Path, size: dict[str, Any]) -> None:
    """Writes nothing."""


def no_disk(folder: Path, size: dict[str, Any]) -> None:
    raise OSError("no space left")


def _returning(value: float) -> Run:
    return lambda: Outcome({"values": np.full(3, value)}, units=4.0)


def one(folder: Path, size: dict[str, Any]) -> Run:
    return _returning(1.0)


def two(folder: Path, size: dict[str, Any]) -> Run:
    return _returning(2.0)


def roomy(folder: Path, size: dict[str, Any]) -> Run:
    held = np.ones(25_000_000)  # 200 MB
    return _returning(held[0])


def slow_at_first(folder: Path, size: dict[str, Any]) -> Run:
    calls: list[int] = []

    def run() -> Outcome:
        calls.append(1)
        time.sleep(0.5 if len(calls) == 1 else 0.1)
        return Outcome({"values": np.ones(3)}, seconds=7.0)

    return run


def talkative(folder: Path, size: dict[str, Any]) -> Run:
    sys.stdout.write("a library's banner\n")
    unset = not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "JAX_COMPILATION_CACHE_DIR"} & {
        *os.environ
    }
    return _returning(float(unset))


def refusing(folder: Path, size: dict[str, Any]) -> Run:
    raise ValueError("this side refuses")


def ending(folder: Path, size: dict[str, Any]) -> Run:
    def run() -> Outcome:
        sys.stderr.write("last words\n")
        os._exit(3)

    return run


def unavailable(folder: Path, size: dict[str, Any]) -> Run:
    raise UnavailableError("no compiler")


def endless(folder: Path, size: dict[str, Any]) -> Run:
    time.sleep(60)
    return _returning(0.0)


def job_of(*peers: Callable[..., Any], ours: Callable[..., Any] = one, reach: Reach) -> Job:
    """Returns a job of one row for each peer."""
    names = [function.__name__ for function in (ours, *peers)]
    return Job(
        name="trial",
        inputs="test_benchmarks:no_inputs",
        size={"n": 3, "precision": "float64"},
        quick={},
        sides={name: Side(name, f"test_benchmarks:{name}") for name in names},
        pairs=tuple(
            Pair(f"{names[0]}-{name}", names[0], name, reach, "sleep") for name in names[1:]
        ),
        stages=lambda size: [floors.Stage("work", 100.0 * size["n"])],
        check=within(1e-6),
    )


def measured(job: Job, folder: Path) -> tuple[list[rows.Row], list[str]]:
    """Returns the rows and the progress lines of a job at its quick size."""
    said: list[str] = []
    return measure(job, folder, NOWHERE, quick=True, say=said.append), said


@pytest.fixture(autouse=True)
def _sides_of_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


# ---- every job ---------------------------------------------------------------------------------


WITHOUT_TORCH = "figure2-lenet-gram-float32"
"""The job that is measured as on a machine without PyTorch."""

LIKE_OTHERS = ("flow-long-1e4", "analytic-relu")
"""The jobs that differ from another one by a number or the activation alone at quick sizes."""

TOGETHER = {name: job for name, job in JOBS.items() if name not in (WITHOUT_TORCH, *LIKE_OTHERS)}


# Elsewhere a copy of a process that has loaded libraries may not work.
COMMAND = ["tests/copied_sides.py"] if sys.platform == "linux" else ["-m", "benchmarks"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str, str]:
    """The rows, the page and the printed text of the other jobs at their quick sizes."""
    folder = tmp_path_factory.mktemp("bench")
    given = ["--quick", "--jobs", ",".join(TOGETHER), "--output", str(folder)]
    answer = subprocess.run(
        [sys.executable, *COMMAND, *given],
        cwd=ROOT,
        # Whether it runs is the question here, not how fast: compiling is what takes long.
        env={
            **environment(),
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "XLA_FLAGS": xla.OLD_LOOPS if xla.HAS_OLD_LOOPS else "",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found, (folder / "results.md").read_text(encoding="utf-8"), answer.stdout


@pytest.mark.bench
def test_every_row_is_measured_or_waits_for_torch(quick: Any) -> None:
    found, _, _ = quick
    pairs = [(job, pair) for job in TOGETHER.values() for pair in job.pairs]
    assert len(found) == len(pairs)
    for row, (job, pair) in zip(found, pairs, strict=True):
        assert (row["job"], row["peer_name"]) == (pair.name, job.sides[pair.peer].label)
        needs_torch = job.sides[pair.ours].torch or job.sides[pair.peer].torch
        if needs_torch and TORCH.missing():
            assert (row["status"], row["reason"]) == ("skipped", TORCH.missing())
        else:
            assert row["status"] == "measured", row["reason"]


@pytest.mark.bench
def test_rows_are_complete(quick: Any) -> None:
    found, _, _ = quick
    for row in found:
        assert row.keys() == FIELDS.keys()
        if row["status"] != "measured":
            continue
        for name, kind in FIELDS.items():
            assert isinstance(row[name], kind), (row["job"], name)
        assert row["ratio"] == row["peer"] / row["ours"]
        assert row["over_floor"] == row["ours"] / row["floor"] > 1
        for side in ("ours", "peer"):
            assert row["range"][side][0] <= row[side] <= row["range"][side][1]
            assert row["repetitions"][side] >= 3
            assert 20 < row["memory"][side] < 2000
            assert 0 <= row["memory_over_imports"][side] < row["memory"][side]
        assert {"cpu", "cores", "memory_gb", "python", "jax", "numpy", "torch", "blas"} <= {
            *row["machine"]
        }


@pytest.mark.bench
def test_floors_come_from_the_rates_of_the_run(quick: Any) -> None:
    found, _, _ = quick
    stages = {pair.name: job.stages for job in TOGETHER.values() for pair in job.pairs}
    for row in found:
        least = floors.seconds(stages[row["job"]](row["size"]), row["rates"], row["precision"])
        assert row["floor"] == least


@pytest.mark.bench
def test_sphere_is_exact_where_nystrom_is_not(quick: Any) -> None:
    (row,) = [row for row in quick[0] if row["job"] == "sphere-relu"]
    assert row["errors"]["ours"] < 1e-12
    assert 1e-4 < row["errors"]["peer"] < 0.2


@pytest.mark.bench
def test_table_lists_every_row_and_is_printed(quick: Any) -> None:
    found, page, printed = quick
    assert page in printed
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(found)
    for row, line in zip(found, lines[2:], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (cells[0], cells[3]) == (row["job"], row["peer_name"])
    assert found[0]["machine"]["cpu"] in page


@pytest.mark.bench
def test_without_torch_its_rows_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    given = ["--quick", "--jobs", WITHOUT_TORCH, "--output", str(tmp_path)]
    assert command.main([*given, "--torch", str(tmp_path / "torch")]) == 0
    (row,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    reason = f"PyTorch is not installed in {tmp_path / 'torch'}: run `make bench`, which does that."
    assert (row["status"], row["reason"]) == ("skipped", reason)
    assert row["ours"] > 0
    assert row["peer"] is row["ratio"] is row["met"] is row["machine"]["torch"] is None
    assert f"skipped: {reason}" in (tmp_path / "results.md").read_text(encoding="utf-8")


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
    job = replace(job_of(two, reach=Reach()), inputs="test_benchmarks:no_disk")
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
        worker.ask("prepare", target="test_benchmarks:endless", folder=".", size={})


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
    for given in (["--quick"], ["--jobs", "krylov"]):
        assert command.arguments(given).output == ROOT / "_build" / "benchmarks"


def test_unknown_jobs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.arguments(["--jobs", "krylov,kyrlov"])
    assert "no job is named kyrlov: choose from figure2-dense, " in capsys.readouterr().err


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


# ---- rows --------------------------------------------------------------------------------------


def row_of(
    ours: Measurement, peer: Measurement, reach: Reach, folder: Path, **job: Any
) -> rows.Row:
    trial = replace(job_of(two, reach=reach), **job)
    both = {"one": ours, "two": peer}
    return rows.row(trial, trial.pairs[0], trial.size, both, RATES, folder)


OURS = Measurement("one", (2.0, 4.0, 30.0), 1.5, 900.4, 300.0, {"values": np.ones(3)})
PEER = replace(OURS, label="two", seconds=(6.0, 10.0, 9.0), peak=50.0, imported=40.0)


@pytest.mark.parametrize(
    ("reach", "missed"),
    [
        (Reach(ratio=9 / 4, floor=4 / 3, memory=900), []),
        (Reach(ratio=2.2501), ["ratio"]),
        (Reach(floor=1.333), ["floor"]),
        (Reach(memory=899), ["memory"]),
        (Reach(ratio=3, floor=1, memory=1), ["ratio", "floor", "memory"]),
    ],
)
def test_row_is_derived_from_what_was_measured(
    tmp_path: Path, reach: Reach, missed: list[str]
) -> None:
    row = row_of(OURS, PEER, reach, tmp_path)
    assert (row["ours"], row["peer"], row["ratio"]) == (4.0, 9.0, 9 / 4)
    assert (row["floor"], row["over_floor"]) == (3.0, 4 / 3)  # 300 operations at 100 a second
    assert row["memory"] == {"ours": 900, "peer": 50}
    assert row["memory_over_imports"] == {"ours": 600, "peer": 10}
    assert row["range"] == {"ours": [2.0, 30.0], "peer": [6.0, 10.0]}
    assert (row["missed"], row["met"]) == (missed, not missed)
    verdict = report.table([row]).splitlines()[-1]
    assert ("missed (" in verdict and "limits it: sleep" in verdict) == bool(missed)


@pytest.mark.parametrize("bad", [np.array([1, 1, np.nan]), np.ones(4), np.array([1, 1, 1 + 1e-5])])
def test_results_that_differ_are_an_error(tmp_path: Path, bad: np.ndarray) -> None:
    for ours, peer in (({"values": bad}, OURS.arrays), (OURS.arrays, {"values": bad})):
        row = row_of(replace(OURS, arrays=ours), replace(PEER, arrays=peer), Reach(), tmp_path)
        assert row["status"] == "error"
    row = row_of(OURS, replace(PEER, arrays={"gram": np.ones(3)}), Reach(), tmp_path)
    assert row["reason"] == "the sides return ['values'] and ['gram']."


def test_an_error_outweighs_a_skipped_side(tmp_path: Path) -> None:
    skipped = Measurement("one", failure=("skipped", "no torch"))
    failed = Measurement("two", failure=("error", "broken"))
    row = row_of(skipped, failed, Reach(), tmp_path)
    assert (row["status"], row["reason"]) == ("error", "broken")
    assert row["met"] is None


def test_exactness_is_held_against_the_reference(tmp_path: Path) -> None:
    np.save(tmp_path / "reference.npy", [1.0, 0.5])
    ours = replace(OURS, arrays={"values": np.array([1.0, 0.5 + 1e-9])})
    peer = replace(PEER, arrays={"values": np.array([1.01, 0.5])})
    check = against_reference(0.1)
    row = row_of(ours, peer, Reach(error=1e-8, exactness=1e6), tmp_path, check=check)
    assert row["errors"] == {"ours": pytest.approx(1e-9), "peer": pytest.approx(0.01)}
    assert row["met"]
    row = row_of(ours, peer, Reach(error=1e-10, exactness=1e8), tmp_path, check=check)
    assert row["missed"] == ["error", "exactness"]


def test_a_corner_is_compared_with_the_same_corner(tmp_path: Path) -> None:
    gram = np.arange(9.0).reshape(3, 3)
    check = corner_within(1e-6)
    same = check({"gram": gram}, {"gram": gram[:2, :2]}, tmp_path)
    other = check({"gram": gram}, {"gram": gram[1:, 1:]}, tmp_path)
    assert same.difference == 0.0
    assert other.difference > other.allowed


def test_reach_in_words() -> None:
    assert report.reach({}) == "–"
    assert report.reach({"ratio": 1 / 1.05}) == "≤ 1.05 × the time"
    assert report.reach({"ratio": 1.5, "memory": 1000}) == "≥ 1.5 × faster, ≤ 1000 MB"


# ---- floors and inputs -------------------------------------------------------------------------


def test_a_stage_takes_as_long_as_its_operations_and_its_bytes() -> None:
    stages = [
        floors.Stage("bound by operations", 200.0, 50.0),
        floors.Stage("by bytes", 1.0, 150.0),
    ]
    assert floors.seconds(stages, RATES, "float64") == 2.0 + 3.0
    assert floors.seconds(stages, RATES, "float32") == 1.0 + 3.0


@pytest.mark.parametrize("size", [{"n": 7, "d": 3, "m": 5}, {"n": 2, "d": 11, "m": 4}])
def test_operations_of_a_hidden_layer(size: dict[str, int]) -> None:
    """Counted one product of matrices after the other."""

    def product(a: tuple[int, int], b: tuple[int, int]) -> int:
        assert a[1] == b[0]
        return 2 * a[0] * a[1] * b[1]

    n, d, m = size["n"], size["d"], size["m"]
    forward = product((m, d), (d, n))
    gram = product((n, d), (d, n)) / 2 + 2 * product((n, m), (m, n)) / 2
    assert sum(stage.operations for stage in floors.dense_gram(size)) == forward + gram
    backward = product((m, n), (n, d)) + product((1, n), (n, m))
    gradient = forward + product((1, m), (m, n)) + backward
    assert sum(stage.operations for stage in floors.flow(size)) == gradient


def test_images_have_a_constant_background() -> None:
    images = inputs.smooth_images(np.random.default_rng(0), 20).reshape(20, 32, 32)
    assert images.min() == 0.0
    assert 0.5 < images.max() <= 1.0
    assert np.all(images[:, :3] == 0)
    assert np.all(images[:, :, -3:] == 0)
    assert np.all(images.std(axis=(1, 2)) > 0.05)
