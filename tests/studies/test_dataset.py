"""What a study's dataset holds and says."""

import json
from pathlib import Path

import jax
import numpy as np
import xarray as xr
from small_studies import CURVES

from ntklib import _fingerprint, studies


def test_a_dataset_has_every_cell_in_its_place() -> None:
    found = studies.run(CURVES, scale="quick", seeds=[4, 0, 3])
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
    found = studies.run(CURVES, {"activation": ["gelu"]}, scale="quick", settings={"name": "y"})
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
    assert configuration["ntklib_fingerprint"] == _fingerprint.library()
    about = json.loads(found.attrs["run"])
    assert (about["cells_computed"], about["cells_reused"]) == (6, 0)
    assert about["versions"]["jax"] == jax.__version__
    assert about["seconds"] > 0


def test_a_dataset_survives_netcdf(tmp_path: Path) -> None:
    """Text, truth values, infinities and units."""
    found = studies.run(CURVES, scale="quick")
    path = tmp_path / "curves.nc"
    found.to_netcdf(path, engine="h5netcdf")
    plain = xr.load_dataset(path, engine="h5netcdf")
    xr.testing.assert_identical(plain.set_xindex("n"), found)
    studies.save(found, path)
    again = studies.load(path)
    xr.testing.assert_identical(again, found)
    xr.testing.assert_identical(xr.load_dataset(path).set_xindex("n"), found)
    assert again.sel(n=np.inf, activation="tanh", seed=1).label == "tanh, 1"
    for each in (plain, again):
        assert {name: each[name].dtype for name in each} == {n: found[n].dtype for n in found}
