"""Studies at single points: the same numbers as on a grid, side by side, in the order asked for."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from refusals import refused
from study_cells import evaluations, failing, logged, precision

from ntklib import _device, studies
from ntklib.studies import Axis, Study, Variable

RAY = [{"width": 2, "n": 4.0}, {"width": 8, "n": 16.0}, {"width": 4, "n": 8.0}]


def products(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """Something that tells point, seed and time apart."""
    time = np.linspace(0.0, 1.0, 3)
    value = point["width"] + 100 * point["n"] + seeds[:, None] + time[None, :]
    return {"value": value, "time": time}


PRODUCTS = Study(
    name="products",
    description="",
    cell=products,
    axes={
        "width": Axis({"book": (2, 4, 8)}, long_name="width m"),
        "n": Axis({"book": (4.0, 8.0, 16.0)}, "samples"),
    },
    variables={"value": Variable("m", "a value", ("time",)), "time": Variable("s", dims=("time",))},
    seeds={"book": 4},
    batch=2,
    work=lambda point, _: float(point["width"]),  # so that they aren't computed in their order
)


def test_points_are_those_of_the_grid(tmp_path: Path) -> None:
    grid = studies.run(PRODUCTS)
    found = studies.along(PRODUCTS, RAY)
    assert found.value.dims == ("point", "seed", "time")
    assert found.width.values.tolist() == [2, 8, 4]
    assert found.n.values.tolist() == [4.0, 16.0, 8.0]
    for index, point in enumerate(RAY):
        expected = grid.value.sel(point)
        np.testing.assert_array_equal(found.value.isel(point=index), expected)
        by_name = found.set_index(point=["width", "n"]).sel(point)
        np.testing.assert_array_equal(by_name.value, expected)
    np.testing.assert_array_equal(found.swap_dims(point="n").value.sel(n=8.0), found.value[2])
    assert found.value.attrs == {"units": "m", "long_name": "a value"}
    assert found.n.attrs["units"] == "samples"
    configurations = json.loads(found.attrs["configuration"])
    assert [each["axes"] for each in configurations] == [
        {name: [value] for name, value in point.items()} for point in RAY
    ]
    # The grid's own cells serve.
    assert {each["cells_reused"] for each in json.loads(found.attrs["run"])} == {2}
    found.to_netcdf(tmp_path / "found.nc", engine="h5netcdf")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "found.nc"), found)


@pytest.mark.parametrize("points", [RAY[:1], [{"width": 2, "n": 4.0}, {"width": 4, "n": 4.0}]])
def test_an_axis_that_does_not_change_has_its_values_along_the_points(
    points: list[dict[str, Any]],
) -> None:
    found = studies.along(PRODUCTS, points)
    assert found.n.dims == found.width.dims == ("point",)
    indexed = found.set_index(point=["width", "n"])
    assert indexed.value.sel(point=[(2, 4.0)]).dims == ("point", "seed", "time")
    assert dict(found.swap_dims(point="n").value.sizes) == {"n": len(points), "seed": 4, "time": 3}


def test_every_cell_is_computed_once(log: Path) -> None:
    points = [{"n": 4}, {"n": 9}, {"n": 1}]
    options: dict[str, Any] = {"seeds": 4, "batch": 2, "settings": {"log": str(log)}}
    first = studies.along(logged, points, **options)
    again = studies.along(logged, points[::-1], **options)
    assert evaluations(log) == {(n, start): 1 for n in (1, 4, 9) for start in (0, 2)}
    np.testing.assert_array_equal(again.value, first.value[::-1])


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_so_many_are_in_work_the_longest_first(at_once: int, log: Path) -> None:
    timed = Study("timed", "", watched, batch=1, work=lambda point, _: float(point["n"]))
    points = [{"n": n} for n in (1, 5, 2, 4, 3)]
    found = studies.along(timed, points, at_once=at_once, seeds=1, settings={"log": str(log)})
    begun = found.n.values[np.argsort(found.begun.values[:, 0])].tolist()
    # Those that start at the same time may note it in any order.
    assert set(begun[:at_once]) == set(sorted(begun, reverse=True)[:at_once])
    assert begun[-1] < 4
    assert int(found.running.max()) == at_once


def watched(point: Mapping[str, Any], seeds: np.ndarray, *, log: str) -> dict[str, Any]:
    """Notes in files when it runs."""
    begun, own = time.monotonic_ns(), Path(log) / str(point["n"])
    own.touch()
    time.sleep(0.15)
    running = len(list(Path(log).iterdir()))
    own.unlink()
    return {"begun": np.array([begun]), "running": np.array([running])}


def device(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
    """What a cell finds as JAX's default device."""
    return {"named": np.array([str(_device.chosen())] * len(seeds))}


def test_threads_compute_on_the_device_of_the_caller() -> None:
    first = jax.devices()[0]
    with jax.default_device(first):
        found = studies.along(device, [{"n": 1}, {"n": 2}], seeds=1)
    assert set(found.named.values.ravel()) == {str(first)} != {"None"}


@pytest.mark.parametrize("x64", [True, False])
def test_threads_compute_in_the_precision_of_the_caller(x64: bool) -> None:
    with jax.enable_x64(x64):
        found = studies.along(precision, [{"n": 1}, {"n": 2}], seeds=1)
    assert set(found.type.values.ravel()) == {"float64" if x64 else "float32"}
    assert {each["x64"] for each in json.loads(found.attrs["configuration"])} == {x64}


def test_points_in_work_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntklib._device.available", lambda: 1000)
    large = Study("large", "", failing, batch=1, memory=lambda point, batch, _: 340.0)
    studies.along(large, [{"n": 1}, {"n": 3}], seeds=1, at_once=2)
    monkeypatch.setattr("ntklib._device.available", lambda: 950)
    studies.along(large, [{"n": 1}, {"n": 3}], seeds=1, at_once=2)  # saved
    with refused("needs about 340 B for 1 seed(s) at a time, more than the budget of", MemoryError):
        studies.along(large, [{"n": 4}, {"n": 5}], seeds=1, at_once=2)
    studies.along(large, [{"n": 4}, {"n": 5}], seeds=1, at_once=2, memory=340)


def test_a_failing_point_is_named() -> None:
    with pytest.raises(ZeroDivisionError) as problem:
        studies.along(failing, [{"n": 1}, {"n": 2}], seeds=1)
    assert problem.value.__notes__ == ["In the cell n=2, seeds 0 to 7."]


def test_senseless_points_are_refused() -> None:
    for points in ([], [{"n": 1}, {"m": 1}]):
        with refused("points must be at least one, each with a value for the same axes."):
            studies.along(failing, points, seeds=1)
    with refused("at_once must be at least 1, got 0."):
        studies.along(failing, [{"n": 1}], seeds=1, at_once=0)
    with refused("the study has no axis m: choose from width, n."):
        studies.along(PRODUCTS, [{"m": 1}])
