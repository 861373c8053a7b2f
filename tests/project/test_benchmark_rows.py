"""`make bench`: what rows, floors and inputs are made of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sides import job_of, two

from benchmarks import floors, inputs, report, rows
from benchmarks.checks import against_reference, corner_within
from benchmarks.model import Reach
from benchmarks.rows import Measurement

RATES = {"float64": 100.0, "float32": 200.0, "bandwidth": 50.0}


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
