"""What a network is, and what the architectures in `networks` are put together from."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import jax
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.networks import _layers
from ntklib.networks._deviations import Deviations
from ntklib.networks._layers import Affine
from ntklib.networks.activations import Activation, named

Apply = Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n *o"]]
Forward = Callable[[PyTree, Float[Array, "n d"], Affine], Float[Array, "n *o"]]
Kernel = Callable[[Float[Array, "n d"], Float[Array, "k d"]], Float[Array, "n k"]]
"""K, which takes (x, x') to its Gram matrix, for points of shape (n, d) and (k, d); any JAX
function of this form serves."""

Target = Callable[[Float[Array, "n d"]], Float[Array, "n *o"]]
"""f*, a map from points to values, or to o of them; any JAX function of this form serves."""


@dataclass(frozen=True, eq=False)
class Network:
    r"""A network f(·; θ) and its tangent kernel.

    Attributes:
      name: for titles and messages.
      width: m = min_l m_l.
      init: key ↦ parameters θ₀ (a pytree).
      apply: (θ, x) ↦ f(x; θ); x has shape (n, d), the result (n,), or (n, o) with o outputs.
      kernel: (x, x') ↦ the analytic kernel $K^\infty(x, x') =
        E\langle\nabla_\theta f(x), \nabla_\theta f(x')\rangle$, shape (n, k). With several outputs
        it is that of each of them; those of different ones are 0. One of your own is taken at
        its word, and nothing compares it with `apply`: hold it against the mean of
        `kernels.initial_kernels` over many draws of a wide network.
      forward: (θ, x, affine) ↦ f(x; θ), where each affine layer is computed by
        `affine(layer, inputs, scale, window)` (see `_layers.affine`), through which `empirical`
        sees the layers. None for a network whose layers aren't known.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import networks
      >>> network = networks.fully_connected(2, (4,), biases=True)
      >>> network.width, network.parameters
      (4, 17)
      >>> params = network.init(jax.random.key(0))
      >>> network.apply(params, jnp.eye(2)).shape
      (2,)
      >>> network
      Network('fully connected 4, erf, biases', m=4, p=17)
    """

    name: str
    width: int
    init: Callable[[Any], PyTree]
    apply: Apply
    kernel: Kernel
    forward: Forward | None = None
    _recipe: tuple[Callable[..., "Network"], tuple[Any, ...]] | None = field(
        default=None, init=False, repr=False
    )

    def __repr__(self) -> str:
        return f"Network({self.name!r}, m={self.width}, p={self.parameters})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickles a network of this library as the call that makes it.

        Where it is loaded, and where it is copied, the same call gives the same object: what was
        compiled for it is found again.
        """
        return super().__reduce_ex__(protocol) if self._recipe is None else self._recipe

    @property
    def parameters(self) -> int:
        """The number p of parameters."""
        return count(jax.eval_shape(self.init, jax.random.key(0)))


def count(params: PyTree) -> int:
    """Returns the number p of parameters θ, given as arrays or as their shapes."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def functions(network: Network | Apply) -> tuple[Apply, Forward | None]:
    """Returns a network's apply and its forward, None where the layers aren't known."""
    if isinstance(network, Network):
        return network.apply, network.forward
    if not callable(network):
        raise TypeError(
            "network must be a Network or a function (θ, x) ↦ f(x; θ), got "
            f"a {type(network).__name__}."
        )
    return network, None


def made_by(build: Callable[..., Network]) -> Callable[..., Network]:
    """Lets a constructor return one network for the same arguments, which is pickled by them."""

    @functools.cache
    @functools.wraps(build)
    def constructor(*arguments: Any) -> Network:
        network = build(*arguments)
        object.__setattr__(network, "_recipe", (constructor, arguments))
        return network

    return constructor


def require_ntk_scaling(network: Network) -> None:
    """Raises a ValueError for a network of this library whose parameters depend on its width."""
    _, arguments = network._recipe or (None, ())
    for each in arguments:
        if isinstance(each, Network):
            require_ntk_scaling(each)
        elif isinstance(each, Deviations) and each.fan_in:
            raise ValueError(
                "network must be in NTK scaling, where its neurons are those of other widths too, "
                f"got {network!r}: make it with parameterization='ntk'."
            )


def layered(
    name: str,
    width: int,
    init: Callable[[Any], PyTree],
    forward: Callable[[PyTree, Array, Affine], Array],
    kernel: Kernel,
    d: int,
) -> Network:
    """Makes a network on ℝᵈ of a forward function of layers that aren't shared."""

    # Called by itself it is one program, not one for each of its operations.
    @functools.partial(jax.jit, inline=True)
    def apply(params: PyTree, x: Float[Array, "n d"]) -> Float[Array, "n *o"]:
        return forward(params, x, _layers.affine)

    return Network(name, width, init, apply, Analytic(kernel, d), forward)


@dataclass(frozen=True)
class Analytic:
    """The analytic kernel of an architecture, which doesn't know d, on points of ℝᵈ only."""

    gram: Kernel
    d: int

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        """Returns the Gram matrix."""
        for name, points in (("x1", x1), ("x2", x2)):
            if points.shape[1:] != (self.d,):
                raise ValueError(
                    f"{name} must hold points of {self.d} dimensions, which the network is made "
                    f"for, got shape {points.shape}."
                )
        return self.gram(x1, x2)


def standard_normal(
    shapes: Sequence[tuple[int, ...]], deviations: Deviations, dtype: Any
) -> Callable[[Any], PyTree]:
    """Returns the `init` of layers of these shapes: standard normal, or multiples of that."""

    def init(key: Any) -> PyTree:
        keys = jax.random.split(_arguments.key("key", key), len(shapes))
        layers = _layers.normal(keys, shapes, biases=deviations.biases, dtype=dtype)
        return deviations.drawn(layers)

    return init


@dataclass(frozen=True)
class _Limit:
    """An analytic kernel by what it is built of, which can be pickled, as a closure can not."""

    build: Callable[..., Kernel]
    activation: str | Activation
    depth: int
    deviations: Deviations
    form: tuple[tuple[str, Any], ...]

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        return _built(self)(x1, x2)


@functools.cache
def _built(kernel: _Limit) -> Kernel:
    return kernel.build(
        kernel.depth, named(kernel.activation), kernel.deviations, **dict(kernel.form)
    )


@functools.cache
def analytic(
    build: Callable[..., Kernel],
    activation: str | Activation,
    depth: int,
    deviations: Deviations,
    **form: Any,
) -> Kernel:
    """The analytic kernel, built at its first use: in NTK scaling it doesn't depend on widths."""
    return _Limit(build, activation, depth, deviations, tuple(form.items()))


def title(
    kind: str, sizes: Sequence[int], activation: str | Activation, deviations: Deviations
) -> str:
    """Returns a network's name."""
    words = [f"{kind} {'×'.join(map(str, sizes))}", str(activation)]
    if deviations.weight != 1:
        words.append(f"σ_w = {deviations.weight:.6g}")
    if deviations.biases:
        words.append("biases" if deviations.bias == 1 else f"σ_b = {deviations.bias:.6g}")
    if deviations.fan_in:
        words.append("standard parameterization")
    return ", ".join(words)


def readout(outputs: int | None) -> tuple[int, ...]:
    """Returns the axes of the outputs in the last layer: none for a scalar network."""
    return () if outputs is None else (_checks.whole_number("outputs", outputs, least=1),)
