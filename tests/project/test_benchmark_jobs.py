"""`make bench`: every job at its quick size, and the rows and the page that it writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xla
from places import ROOT

from benchmarks import __main__ as command
from benchmarks import floors, scaling
from benchmarks.jobs import JOBS
from benchmarks.processes import TorchEnvironment, environment

TORCH = TorchEnvironment(ROOT / ".tools" / "torch")

FIELDS: dict[str, Any] = {
    "job": str, "size": dict, "precision": str, "unit": str, "ours_name": str, "peer_name": str,
    "status": str, "reason": str, "ours": float, "peer": float, "ratio": float, "floor": float,
    "over_floor": float, "difference": float, "memory": dict, "memory_over_imports": dict,
    "compilation": dict, "repetitions": dict, "range": dict, "rates": dict, "reach": dict,
    "met": (bool, type(None)), "missed": list, "limit": str, "note": str, "machine": dict,
    "errors": (dict, type(None)),
}  # fmt: skip

WITHOUT_TORCH = "figure2-lenet-gram-float32"
"""The job that is measured as on a machine without PyTorch."""

LIKE_OTHERS = (
    "flow-long-1e4", "analytic-relu", "analytic-erf-float32", "analytic-relu-float32",
    "analytic-erf-gradient", "convolutional-erf",
)  # fmt: skip
"""The jobs that differ from another one by a number, the precision or the activation alone."""

TOGETHER = {name: job for name, job in JOBS.items() if name not in (WITHOUT_TORCH, *LIKE_OTHERS)}


# Elsewhere a copy of a process that has loaded libraries may not work.
COMMAND = ["tests/project/copied_sides.py"] if sys.platform == "linux" else ["-m", "benchmarks"]


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


# ---- scaling -----------------------------------------------------------------------------------


@pytest.mark.bench
def test_a_curve_is_measured_and_listed(tmp_path: Path) -> None:
    assert command.main(["--quick", "--curves", "flow-draws", "--output", str(tmp_path)]) == 0
    (row,) = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert (row["curve"], row["values"]) == ("flow-draws", [1, 2])
    assert row["exponent"] == scaling.exponent(row["values"], np.asarray(row["seconds"]))
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert f"| {row['exponent']:.2f} " in page
    assert row["reason"] in page


def test_an_exponent_is_that_of_the_larger_sizes() -> None:
    sizes = (1, 10, 100, 1000)
    seconds = np.asarray([1.0, 1.0, 1.0, 100.0])
    np.testing.assert_allclose(scaling.exponent(sizes, seconds), 2.0, rtol=1e-12)
    np.testing.assert_allclose(scaling.exponent((1, 2), np.asarray([2.0, 1.0])), -1.0, rtol=1e-12)
