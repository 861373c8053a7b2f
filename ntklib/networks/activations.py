"""Activations ω, and what the theory and the analytic kernels need to know of each."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ntklib import _arguments, _checks
from ntklib.networks import _calls, _covariance_maps, _erf, _hermite, _recursions

__all__ = ["ACTIVATIONS", "by_series"]


@dataclass(frozen=True)
class Activation:
    """An activation ω.

    Attributes:
      name: in the names of networks.
      function: ω, elementwise.
      layer: makes its layer from the module `neural_tangents.stax`.
      smooth: whether ω is twice continuously differentiable with ω, ω' Lipschitz (Assumption 1).
      odd: whether ω(−u) = −ω(u), which residual networks need.
      closed_form: whether its kernel is an elementary function; else it is a Hermite series.
      layers: makes, of depth and deviations, its recursion; None where there is none.
      maps: what it does to the maps of `_covariance_maps`; None where those aren't known.

    Example:
      >>> from ntklib.networks import activations
      >>> relu = activations.ACTIVATIONS["relu"]
      >>> relu.smooth, relu.odd, relu.closed_form
      (False, False, True)
    """

    name: str
    function: Callable[[Array], Array]
    layer: Callable[[Any], Any]
    smooth: bool
    odd: bool
    closed_form: bool
    layers: Callable[..., _recursions.Layers] | None = None
    maps: _covariance_maps.Moments | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickles one of `ACTIVATIONS` by its name, since JAX's own functions can't be pickled."""
        if ACTIVATIONS.get(self.name) is self:
            return named, (self.name,)
        return super().__reduce_ex__(protocol)

    def __str__(self) -> str:
        return self.name


def _series_layer(stax: Any, *, function: Callable[[Array], Array], corner: float) -> Any:
    return stax.Elementwise(function, *_hermite.moments(function, corner))


def _by_series(
    name: str, function: Callable[[Array], Array], *, odd: bool, smooth: bool = True,
    corner: float = 0.0,
) -> Activation:  # fmt: skip
    return Activation(
        name=name,
        function=function,
        layer=functools.partial(_series_layer, function=function, corner=corner),
        smooth=smooth,
        odd=odd,
        closed_form=False,
    )


def by_series(
    function: Callable[[Array], Array], name: str | None = None, *, smooth: bool = True
) -> Activation:
    r"""An activation of your own, whose kernels are sums of Hermite series.

    ω has to be analytic near the real axis, but it may have a corner at 0, as leaky ReLU has: sin,
    SiLU, a polynomial or $e^{-u^2/2}$ will do, ELU won't, whose second derivative jumps.
    Networks take what this returns in place of an activation's name, and their analytic kernel
    belongs to this ω and no other: the series is that of the function itself.

    Args:
      function: ω, elementwise, in JAX.
      name: in the names of networks; that of the function by default.
      smooth: whether ω and ω' are Lipschitz, as Assumption 1 wants: not for a polynomial of
        degree 2 or more. With a corner the result's `smooth` is False.

    Returns:
      The activation, with `function`, `smooth`, `odd` and `closed_form` as in `ACTIVATIONS`.

    Raises:
      ValueError: the series of ω or ω', with the corner taken off, leaves out more than 10⁻¹² of
        its mean square for a standard normal u; or ω isn't elementwise.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels, networks
      >>> sine = networks.activations.by_series(jnp.sin)
      >>> network = networks.fully_connected(2, (512,), sine, biases=True)
      >>> network.name
      'fully connected 512, sin, biases'
      >>> kernels.analytic(network, jnp.eye(2)).shape
      (2, 2)
    """
    _calls.function("function", function, "of numbers, u ↦ ω(u)")
    _checks.require_x64("A Hermite series")
    slope = jax.grad(lambda u: jnp.sum(_calls.array("function", function(u))))
    tiny = jnp.asarray([float(np.finfo(np.float64).tiny)])
    corner = float((slope(tiny) - slope(-tiny))[0])
    for what, part in zip(("ω", "ω'"), _hermite.without_corner(function, corner), strict=True):
        squares, mean = _hermite.squares(part, 1.0, "function")
        if not mean - squares.sum() <= LEFT_OUT * mean:
            raise ValueError(
                f"function must be analytic near the real axis, but for a corner at 0: of {what} "
                f"{len(squares)} terms of the Hermite series leave out "
                f"{1 - squares.sum() / mean:.1g} of the mean square. Smooth its other corners and "
                "jumps, or scale it in u."
            )
    u = jnp.linspace(0.0, 8.0, 129)
    odd = bool(jnp.all(jnp.abs(function(u) + function(-u)) <= 1e-14 * jnp.abs(function(u))))
    label = getattr(function, "__name__", "custom") if name is None else name
    return _by_series(label, function, odd=odd, smooth=smooth and corner == 0, corner=corner)


LEFT_OUT = 1e-12
"""Of the mean squares, by the series of `by_series`."""

ACTIVATIONS = {
    "erf": Activation(
        "erf",
        _erf.erf,
        lambda stax: stax.Erf(),
        smooth=True,
        odd=True,
        closed_form=True,
        layers=_recursions.Erf,
        maps=_covariance_maps.Erf(),
    ),
    "gelu": Activation(
        "gelu",
        functools.partial(jax.nn.gelu, approximate=False),
        lambda stax: stax.Gelu(),
        smooth=True,
        odd=False,
        closed_form=True,
    ),
    "relu": Activation(
        "relu",
        jax.nn.relu,
        lambda stax: stax.Relu(),
        smooth=False,
        odd=False,
        closed_form=True,
        layers=_recursions.Relu,
        maps=_covariance_maps.Relu(),
    ),
    "softplus": _by_series("softplus", jax.nn.softplus, odd=False),
    "tanh": _by_series("tanh", jnp.tanh, odd=True),
}
"""The activations by name, which are erf, gelu, relu, softplus and tanh.

Of each: `function` is ω, elementwise; `smooth` says whether it is twice continuously differentiable
with ω, ω' Lipschitz (Assumption 1), `odd` whether ω(−u) = −ω(u), which residual networks need, and
`closed_form` whether its kernel is an elementary function; else it is a Hermite series.
"""


def named(name: str | Activation) -> Activation:
    """Returns the activation of this name, or the one that is given itself.

    Raises:
      ValueError: there is none.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.networks import activations
      >>> activations.named("relu").function(jnp.array([-1.0, 2.0])).tolist()
      [0.0, 2.0]
    """
    if isinstance(name, Activation):
        return name
    remedy = " Of a function networks.activations.by_series makes one." * callable(name)
    return ACTIVATIONS[_arguments.choice("activation", name, sorted(ACTIVATIONS), remedy=remedy)]
