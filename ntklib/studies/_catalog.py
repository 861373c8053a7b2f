"""The studies of the book, by name."""

import math
from typing import Any

from ntklib.networks._architectures import ARCHITECTURES
from ntklib.studies import _costs
from ntklib.studies._cells import Cell
from ntklib.studies._described import DESCRIPTIONS
from ntklib.studies._named import kernel_limit, linear_width, theorem_1
from ntklib.studies._study import Axis, Study, Variable

_SAMPLES = {
    "quick": (16.0, 64.0, math.inf),
    "book": (16.0, 32.0, 64.0, 128.0, 256.0, 512.0, math.inf),
    "full": (16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, math.inf),
}
_WIDTHS = {
    "quick": (16, 64),
    "book": (16, 32, 64, 128, 256, 512),
    "full": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
}
_ARCHITECTURE = Axis(
    {
        "quick": tuple(ARCHITECTURES)[:1],
        "book": tuple(ARCHITECTURES)[:1],
        "full": tuple(ARCHITECTURES),
    },
    long_name="architecture",
)  # fmt: skip
_MEASURE = Axis(dict.fromkeys(("quick", "book", "full"), ("circle",)), long_name="measure ρ")
_PLANE = {
    "measure": _MEASURE,
    "architecture": _ARCHITECTURE,
    "width": Axis(_WIDTHS, long_name="width m"),
    "samples": Axis(_SAMPLES, long_name="samples n"),
}
_SETTINGS = {
    "quick": {"horizon": 20.0, "times": 20, "nodes": 64},
    "book": {"horizon": 60.0, "times": 32, "nodes": 64},
    "full": {"horizon": 60.0, "times": 60, "nodes": 64},
}
# Time is in units of 1/σ with σ an eigenvalue of K^∞, whose own unit is arbitrary.
_VARIABLES = {
    "ratio": Variable(
        "1/time^2", "left side of Corollary 2 over the bracket, at the worst k", ("time",)
    ),
    "epsilon": Variable("1/time^2", "least ε of Corollary 2 for all t ≤ T and all k", ("time",)),
    "deviation": Variable("1", "‖r_T − exp(−T_K T) r₀‖² in L²(ρ)", ("time",)),
    "time": Variable("time", "stopping time T", ("time",)),
}
_LEAST = "least ε of Theorem 1's {} inequality for all t ≤ T"
_KERNEL_VARIABLES = {
    "projected_epsilon": Variable("1/time^2", _LEAST.format("first"), ("kernel", "time")),
    "total_epsilon": Variable("1/time^2", _LEAST.format("second"), ("kernel", "time")),
    "kernel_term": Variable("1/time^2", "4‖f*‖²_∞ ‖K − K₀‖² in L²(ρ⊗ρ)", ("kernel",)),
    "kernel": Variable("1", "kernel K", ("kernel",)),
    "time": _VARIABLES["time"],
}


def _study(name: str, cell: Cell, work: Any = _costs.linear_width_work, **further: Any) -> Study:
    """Returns a study with the settings and the description that it has by its name."""
    return Study(name, DESCRIPTIONS[name], cell, settings=_SETTINGS, work=work, **further)


STUDIES: dict[str, Study] = {
    each.name: each
    for each in (
        _study(
            "linear-width",
            linear_width,
            axes=_PLANE,
            variables=_VARIABLES,
            seeds={"quick": 8, "book": 24, "full": 128},
            batch=8,
            memory=_costs.linear_width_memory,
        ),
        _study(
            "kernel-limit",
            kernel_limit,
            axes={
                "measure": _MEASURE,
                "architecture": _ARCHITECTURE,
                "samples": Axis(
                    {scale: values[:-1] for scale, values in _SAMPLES.items()},
                    long_name="samples n",
                ),
            },
            variables=_VARIABLES,
            seeds={"quick": 16, "book": 48, "full": 256},
            batch=16,
            memory=_costs.kernel_limit_memory,
            work=_costs.kernel_limit_work,
        ),
        _study(
            "theorem-1",
            theorem_1,
            axes=_PLANE,
            variables=_KERNEL_VARIABLES,
            seeds={"quick": 8, "book": 56, "full": 256},
            batch=8,
            memory=_costs.theorem_1_memory,
        ),
    )
}
"""By name."""
