"""The one place that imports neural-tangents, and what its last release needs for that.

neural-tangents 0.6.5 asks `jax.core`, `jax.util` and `jax.interpreters.ad` for names that JAX has
since moved, and loads TensorFlow for an experimental front end that is not used here. While it
is imported the names are lent from where they live now and the front end is replaced by an empty
module; then everything is put back. Its structured-derivative NTK
(`NtkImplementation.STRUCTURED_DERIVATIVES`) relies on JAX internals that changed in meaning, so
never select it.
"""

import functools
import importlib
import importlib.util
import math
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.extend.core
import jax.interpreters.ad
from jaxtyping import Array, Float

from ntklib.networks import _covariance_maps, _covariances, _programs, _tiles
from ntklib.networks._deviations import Deviations
from ntklib.networks._layers import Window
from ntklib.networks._programs import Gram
from ntklib.networks.activations import Activation

_INSTALL = (
    "neural-tangents is not installed, and analytic kernels need it, but for those of ReLU and "
    "erf. With uv: `uv sync`. "
    "With pip: `pip install frozendict` and then `pip install --no-deps neural-tangents==0.6.5` "
    "(without --no-deps, pip adds TensorFlow, which is not used)."
)
_MISSING = object()

PAIRS = 2**20
"""Entries, or positions of entries, that neural-tangents computes at once: some 100 MB."""

VARIANCES = 2**14
"""Positions of images at once: a Hermite series has 1,000 coefficients for each, 8 kB."""


def _lent_names() -> list[tuple[Any, str, Any]]:
    """Returns (module, name, value) for each name that neural-tangents misses in JAX."""
    ad_util = importlib.import_module("jax._src.ad_util")
    util = importlib.import_module("jax._src.util")
    jax_util = types.ModuleType("jax.util")
    for name in ("safe_map", "safe_zip"):
        setattr(jax_util, name, getattr(util, name))
    core_names = ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive")
    return [
        (jax, "util", jax_util),
        (jax.interpreters.ad, "zeros_like_p", ad_util.zeros_like_p),
        *((jax.core, name, getattr(jax.extend.core, name)) for name in core_names),
    ]


@contextmanager
def _lent_to_jax() -> Iterator[None]:
    """Lends JAX the moved names and hides the TensorFlow front end; undoes both at the end."""
    front_end = types.ModuleType("neural_tangents.experimental")
    names = [
        (owner, name, value) for owner, name, value in _lent_names() if name not in vars(owner)
    ]
    modules = {
        value.__name__: value for _, _, value in names if isinstance(value, types.ModuleType)
    }
    modules[front_end.__name__] = front_end
    before = {name: sys.modules.get(name, _MISSING) for name in modules}
    for owner, name, value in names:
        setattr(owner, name, value)
    sys.modules.update(modules)
    try:
        yield
    finally:
        for owner, name, _ in names:
            delattr(owner, name)
        for name, module in before.items():
            if module is _MISSING:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module  # type: ignore[assignment]


@functools.cache
def load() -> types.ModuleType:
    """Imports neural-tangents without TensorFlow and leaves `jax` as it was.

    Returns:
      The module `neural_tangents`, its `experimental` part left out.

    Raises:
      ImportError: neural-tangents is not installed; the message says how to install it.
    """
    if importlib.util.find_spec("neural_tangents") is None:
        raise ImportError(_INSTALL)
    with _lent_to_jax(), warnings.catch_warnings():
        # Its docstrings hold escapes like "\p", which newer Pythons warn of when compiling.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("neural_tangents")


def dense_kernel(depth: int, activation: Activation, deviations: Deviations) -> Gram:
    r"""The analytic tangent kernel $K^\infty$ of a fully connected network in NTK scaling.

    Args:
      depth: number of hidden layers.
      activation: ω.
      deviations: σ_w and σ_b of every layer.

    Returns:
      A function of two arrays of points that returns their Gram matrix.

    Raises:
      ImportError: neural-tangents is not installed.
    """
    if activation.layers is not None and not deviations.fan_in:
        return _covariances.gram(activation.layers(depth, deviations))
    stax = _stax()
    layers = [_dense(stax, deviations, layer) for layer in range(depth + 1)]
    hidden = [part for layer in layers[:-1] for part in (layer, activation.layer(stax))]
    _, _, kernel_of = stax.serial(*hidden, layers[-1])
    return _gram(lambda x1, x2: kernel_of(x1, x2, "ntk"), activation)


def residual_kernel(depth: int, activation: Activation, deviations: Deviations) -> Gram:
    r"""The analytic tangent kernel of a residual network with an odd activation.

    $\alpha^{(l)} = \omega(u) + \alpha^{(l-1)}$: given α⁽ˡ⁻¹⁾, u is symmetric and ω odd, so the
    branches are uncorrelated, and in the gradients they meet only through W's diagonal, which is
    of order 1/√m. Covariances and tangent kernels of the branches add:
    $\Sigma_l = F(\Sigma_{l-1}) + \Sigma_{l-1}$,
    $\Theta_l = \dot F(\Sigma_{l-1})\circ(\Theta_{l-1} + \Sigma_{l-1}) + \Theta_{l-1}$ without
    biases and deviations. neural-tangents refuses to add branches that don't end in a dense layer,
    so they are added here. Arguments and result are those of `dense_kernel`; the first hidden layer
    is fully connected, and the activation must be odd.
    """
    if activation.layers is not None and not deviations.fan_in:
        return _covariances.gram(activation.layers(depth, deviations, residual=True))
    stax = _stax()
    _, _, branch_of = stax.serial(_dense(stax, deviations, 0), activation.layer(stax))
    _, _, readout_of = stax.serial(_dense(stax, deviations, depth))

    def tangent(x1: Array, x2: Array) -> Array:
        total = branch_of(x1, x2)
        for _ in range(depth - 1):
            branch = branch_of(total)
            total = branch.replace(
                **{
                    name: getattr(branch, name) + getattr(total, name)
                    for name in ("nngp", "ntk", "cov1", "cov2")
                }
            )
        return readout_of(total).ntk

    return _gram(tangent, activation)


def convolutional_kernel(
    depth: int,
    activation: Activation,
    deviations: Deviations,
    *,
    shape: tuple[int, ...],
    size: int,
    padding: str,
    positions: int,
) -> Gram:
    r"""The analytic tangent kernel of a convolutional network.

    Args:
      depth: number of convolutions.
      activation: as for `dense_kernel`.
      deviations: as for `dense_kernel`.
      shape: of an input, (*positions, channels).
      size: length of the filters along every axis.
      padding: "SAME", "CIRCULAR" or "VALID".
      positions: how many the last convolution leaves.
    """
    if activation.maps is not None and not deviations.fan_in:
        window = Window(size, padding)
        return _covariance_maps.gram(
            _covariance_maps.Convolutional(activation.maps, depth, deviations, shape, window)
        )
    axes = len(shape) - 1
    stax = _stax()
    # neural-tangents also divides by the filter's size and by the positions; the source's scaling
    # counts channels alone.
    hidden = []
    for layer in range(depth):
        units, form = _form(deviations, layer, math.sqrt(size**axes))
        hidden += [
            stax.Conv(units, (size,) * axes, padding=padding, **form), activation.layer(stax)
        ]  # fmt: skip
    readout = _dense(stax, deviations, depth, math.sqrt(positions))
    _, _, kernel_of = stax.serial(*hidden, stax.Flatten(), readout)

    def tangent(x1: Array, x2: Array) -> Array:
        images = (x.reshape(x.shape[0], *shape) for x in (x1, x2))
        return kernel_of(*images, "ntk")

    return _gram(tangent, activation, math.prod(shape[:-1]))


def _dense(stax: Any, deviations: Deviations, layer: int, scale: float = 1.0) -> Any:
    units, form = _form(deviations, layer, scale)
    return stax.Dense(units, **form)


def _form(deviations: Deviations, layer: int, scale: float) -> tuple[int, dict[str, Any]]:
    """Returns the units of a layer, which matter in standard parameterization only, and options."""
    kind = "standard" if deviations.fan_in else "ntk"
    deviation = {"W_std": deviations.weight * scale, "b_std": deviations.bias or None}
    units = (*deviations.fan_in[1:], 1)[layer] if deviations.fan_in else 1
    return units, {**deviation, "parameterization": kind}


def _stax() -> types.ModuleType:
    load()
    return importlib.import_module("neural_tangents.stax")


def _gram(tangent: Gram, activation: Activation, positions: int = 1) -> Gram:
    """Returns a kernel in tiles, of all points where they are few."""
    side = max(1, math.isqrt(PAIRS // positions))
    if not activation.closed_form:
        side = max(1, min(side, VARIANCES // positions))

    def tile(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        # neural-tangents mixes dtypes and ranks, which a caller may have forbidden.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return tangent(x1, x2).astype(x1.dtype)

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        if max(len(x1), len(x2)) <= side:
            return tile(x1, x2)
        if x1 is x2:
            return _tiles.among(tile, x1, side)
        return _tiles.between(tile, x1, x2, side)

    return _programs.compiled(kernel)
