"""Studies that take no time, and what they leave in the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from study_cells import logged

from ntklib import studies
from ntklib.studies import Axis, Study, Variable

N = {"n": [1, 4, 9]}


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.npz"))


def run_logged(log: Path, **options: Any) -> xr.Dataset:
    given: dict[str, Any] = {"axes": N, "seeds": 8, "batch": 4, "settings": {"log": str(log)}}
    return studies.run(logged, **{**given, **options})


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
