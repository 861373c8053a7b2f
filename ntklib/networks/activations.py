"""Activations ω, and what the theory and the analytic kernels need to know of each."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ntklib import _arguments
from ntklib.networks import _covariance_maps, _covariances, _erf, _hermite

__all__ = ["ACTIVATIONS"]


@dataclass(frozen=True)
class Activation:
    """An activation ω.

    Attributes:
      function: ω, elementwise.
      layer: makes its layer from the module `neural_tangents.stax`.
      smooth: whether ω is twice continuously differentiable with ω, ω' Lipschitz (Assumption 1).
      odd: whether ω(−u) = −ω(u), which residual networks need.
      closed_form: whether its kernel is an elementary function; else it is a Hermite series.
      layers: makes, of depth and biases, the recursion of `_covariances`; None where there is none.
      maps: what it does to the maps of `_covariance_maps`; None where those aren't known.

    Example:
      >>> from ntklib.networks import activations
      >>> relu = activations.ACTIVATIONS["relu"]
      >>> relu.smooth, relu.odd, relu.closed_form
      (False, False, True)
    """

    function: Callable[[Array], Array]
    layer: Callable[[Any], Any]
    smooth: bool
    odd: bool
    closed_form: bool
    layers: Callable[..., _covariances.Layers] | None = None
    maps: _covariance_maps.Moments | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickles one of `ACTIVATIONS` by its name, since JAX's own functions can't be pickled."""
        for name, each in ACTIVATIONS.items():
            if each is self:
                return named, (name,)
        return super().__reduce_ex__(protocol)


def _by_series(function: Callable[[Array], Array], *, odd: bool) -> Activation:
    return Activation(
        function=function,
        layer=lambda stax: stax.Elementwise(function, *_hermite.moments(function)),
        smooth=True,
        odd=odd,
        closed_form=False,
    )


ACTIVATIONS = {
    "erf": Activation(
        _erf.erf,
        lambda stax: stax.Erf(),
        smooth=True,
        odd=True,
        closed_form=True,
        layers=_covariances.Erf,
        maps=_covariance_maps.Erf(),
    ),
    "gelu": Activation(
        functools.partial(jax.nn.gelu, approximate=False),
        lambda stax: stax.Gelu(),
        smooth=True,
        odd=False,
        closed_form=True,
    ),
    "relu": Activation(
        jax.nn.relu,
        lambda stax: stax.Relu(),
        smooth=False,
        odd=False,
        closed_form=True,
        layers=_covariances.Relu,
        maps=_covariance_maps.Relu(),
    ),
    "softplus": _by_series(jax.nn.softplus, odd=False),
    "tanh": _by_series(jnp.tanh, odd=True),
}
"""The activations by name, which are erf, gelu, relu, softplus and tanh.

Of each: `function` is ω, elementwise; `smooth` says whether it is twice continuously differentiable
with ω, ω' Lipschitz (Assumption 1), `odd` whether ω(−u) = −ω(u), which residual networks need, and
`closed_form` whether its kernel is an elementary function; else it is a Hermite series.
"""


def named(name: str) -> Activation:
    """Returns the activation of this name.

    Raises:
      ValueError: there is none.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.networks import activations
      >>> activations.named("relu").function(jnp.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    return ACTIVATIONS[_arguments.choice("activation", name, sorted(ACTIVATIONS))]
