"""Spectral bias in the kernel regime, executable: the library behind the book.

The modules follow the data: `measures`, `datasets` and `targets` pose a learning problem,
`networks` and `kernels` give its tangent kernels, `spectrum` their eigenfunctions, `dynamics` the
residual of a trained network and of its ideal limits, `ensembles` many independent ones, `pools`
networks cut from common neurons, `theory` both sides of the theorems, `onset` the mean error as
training sets in, `deviations` what the error is made of, `linearization` networks whose kernel
stands still, `fisher` the loss's curvature, `rates` the exponents, `learning` the half times,
`claims` what was measured, and `plots` shows it.

Other works have data of their own: `arcs` densities on the circle, `spheres` distributions on
spheres, `zonal` the degrees that a network has learned there, `learnability` those it can learn.

`study` and `studies`, sweeps over grids of sizes and seeds, and `interactive`, figures with a
slider, are imported by name: they load packages that the others can do without.

Spectra and differences of trajectories need double precision: run
`jax.config.update("jax_enable_x64", True)` before the first array is made.
"""

from ntklib import (
    activations,
    arcs,
    claims,
    datasets,
    deviations,
    dynamics,
    ensembles,
    fisher,
    kernels,
    learnability,
    learning,
    linearization,
    measures,
    networks,
    onset,
    plots,
    pools,
    rates,
    spectrum,
    spheres,
    targets,
    theory,
    zonal,
)

__all__ = [
    "activations",
    "arcs",
    "claims",
    "datasets",
    "deviations",
    "dynamics",
    "ensembles",
    "fisher",
    "kernels",
    "learnability",
    "learning",
    "linearization",
    "measures",
    "networks",
    "onset",
    "plots",
    "pools",
    "rates",
    "spectrum",
    "spheres",
    "targets",
    "theory",
    "zonal",
]
