"""Spectral bias in the kernel regime, executable: the library behind the book.

A learning problem: `measures` are the input distributions ρ, with nodes and weights that stand for
ρ in every integral, on the circle, on spheres and of data; `targets` the functions f* to be
learned; `datasets` images, and what stands in for them where they can't be had.

Networks and their kernels: `networks` are functions f(x; θ) with their initialization; `kernels`
their tangent kernels, analytic and of finite width, as Gram matrices and as products; `spectrum`
the eigenvalues and eigenfunctions of a kernel's integral operator.

Training: `dynamics` are residuals r_t of finite networks and of their ideal limits, one draw or
many; `learning` says when which part of a target is learned; `statistics` fits exponents and
correlations with their intervals; `theory` evaluates both sides of the theorems.

Experiments: `studies` are sweeps over grids of sizes and seeds, saved, resumed and run by name;
`book` has the claims, plots and sliders of the chapters.

A TypeError refuses arguments of another type; a ValueError wrong shapes, NaN and infinity, numbers
out of range, unknown words, and kernels that are not symmetric positive semidefinite. Docstrings
name only what else is raised.

A module is imported when it is first named, and JAX with it. Spectra and differences of
trajectories need double precision: run `jax.config.update("jax_enable_x64", True)` before the
first array is made.
"""

from importlib import metadata
from typing import TYPE_CHECKING

from ntklib import _lazy

if TYPE_CHECKING:
    from ntklib import (
        book,
        datasets,
        dynamics,
        kernels,
        learning,
        measures,
        networks,
        spectrum,
        statistics,
        studies,
        targets,
        theory,
    )

__version__ = metadata.version("ntklib")
__all__ = [
    "book",
    "datasets",
    "dynamics",
    "kernels",
    "learning",
    "measures",
    "networks",
    "spectrum",
    "statistics",
    "studies",
    "targets",
    "theory",
]
__getattr__ = _lazy.attributes(__name__, {name: f"{__name__}.{name}" for name in __all__})


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
