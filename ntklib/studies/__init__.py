"""A function over a grid of sizes and seeds: computed once, resumed when cut off, spread out.

`run` calls a study function at every point of a grid, for a batch of seeds at a time, and gathers
what it returns in an `xarray.Dataset` with named dimensions. Each call is saved in a file of its
own as soon as it is done, under a fingerprint of all that determines it: the point, the seeds, the
settings, the sources of ntklib and of the function, the values that it reads around it, the
numerical packages, the kind of device and the precision. So a run that was killed goes on where it
stopped, and one with more sizes or more seeds computes only those.

`joblib.Memory` would save results too, but as pickles, which run code when they are read, and under
a function's arguments and its own text alone: it would hand out numbers of an older ntklib, of
another device or of single precision. Hence a small format of our own (`ntklib.studies._store`).

Any function of this form can be studied:

>>> import numpy as np
>>> from ntklib import studies
>>> def mean_error(point, seeds, *, scale=1.0):
...     draws = [np.random.default_rng(seed).normal(0, scale, point["n"]) for seed in seeds]
...     return {"error": np.array([abs(draw.mean()) for draw in draws])}
>>> found = studies.run(mean_error, {"n": [10, 100, 1000]}, seeds=16, settings={"scale": 2.0})
>>> dict(found.sizes)
{'n': 3, 'seed': 16}
>>> bool((found.error.mean("seed").diff("n") < 0).all())
True

Units, further dimensions and an estimate of the memory are told by a `Study`. `save` and `load`
keep a dataset in a file that tells when a byte of it is wrong.

`STUDIES` are those of the book, which `python -m ntklib study` runs by name. All measure how far
training is from the ideal dynamics of a kernel: the least ε with which Corollary 2 or Theorem 1
holds for all t ≤ T and all k (`theory.Comparison.projected_epsilon`). They do so on the circle,
where the target has the frequencies 0 to 4, unless the axis `measure` has others of `MEASURES`.
For a network that is not among `ARCHITECTURES`, write a cell that calls `finite_width` (or
`infinite_width`) with it, and run `dataclasses.replace(STUDIES["linear-width"], cell=...)`.
"""

from typing import TYPE_CHECKING

from ntklib import _lazy

if TYPE_CHECKING:
    from ntklib.networks._architectures import ARCHITECTURES
    from ntklib.studies._catalog import STUDIES
    from ntklib.studies._costs import parameters
    from ntklib.studies._engine import along, run
    from ntklib.studies._grams import gram
    from ntklib.studies._named import (
        against_kernels,
        finite_width,
        infinite_width,
        linear_width,
    )
    from ntklib.studies._netcdf import load, save
    from ntklib.studies._problem import MEASURES, OTHER_KERNELS, TARGET, problem, times_up_to
    from ntklib.studies._study import Axis, Study, Variable

# Imported when named: a shell's help needs none of it, and JAX and xarray take seconds.
_HOMES = {
    "ntklib.networks._architectures": "ARCHITECTURES",
    "ntklib.studies._catalog": "STUDIES",
    "ntklib.studies._grams": "gram",
    "ntklib.studies._named": "against_kernels finite_width infinite_width linear_width",
    "ntklib.studies._costs": "parameters",
    "ntklib.studies._engine": "along run",
    "ntklib.studies._netcdf": "load save",
    "ntklib.studies._problem": "MEASURES OTHER_KERNELS TARGET problem times_up_to",
    "ntklib.studies._study": "Axis Study Variable",
}
__all__ = [
    "ARCHITECTURES",
    "MEASURES",
    "OTHER_KERNELS",
    "STUDIES",
    "TARGET",
    "Axis",
    "Study",
    "Variable",
    "against_kernels",
    "along",
    "finite_width",
    "gram",
    "infinite_width",
    "linear_width",
    "load",
    "parameters",
    "problem",
    "run",
    "save",
    "times_up_to",
]
__getattr__ = _lazy.attributes(
    __name__, {name: home for home, names in _HOMES.items() for name in names.split()}
)


def __dir__() -> list[str]:
    return __all__
