r"""Networks in the source's form: f(x; θ) = vᵀα⁽ᴸ⁾/√m_L in NTK scaling, all parameters N(0, 1).

A `Network` is three functions. Everything in `dynamics` and `kernels.empirical` asks only for an
`apply(params, x)`, so a network written with Flax, Equinox or plain JAX serves as well.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks, _neural_tangents

QUADRATURE_DEGREE = 150
"""Gauss–Hermite nodes a dimension for activations whose kernel has no closed form."""

Kernel = Callable[[Float[Array, "n d"], Float[Array, "k d"]], Float[Array, "n k"]]


@dataclass(frozen=True, eq=False)
class Network:
    r"""A scalar network f(·; θ) and its tangent kernel.

    Attributes:
      name: for titles and messages.
      width: m = min_l m_l.
      init: key ↦ parameters θ₀ (a pytree).
      apply: (θ, x) ↦ f(x; θ); x has shape (n, d), the result (n,).
      kernel: (x, x') ↦ the analytic kernel $K^\infty(x, x') =
        E\langle\nabla_\theta f(x), \nabla_\theta f(x')\rangle$, shape (n, k).
    """

    name: str
    width: int
    init: Callable[[Any], PyTree]
    apply: Callable[[PyTree, Float[Array, "n d"]], Float[Array, " n"]]
    kernel: Kernel

    @property
    def parameters(self) -> int:
        """The number p of parameters."""
        shapes = jax.eval_shape(self.init, jax.random.key(0))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


@dataclass(frozen=True)
class Activation:
    """An activation ω and what the theory and the kernel need to know of it.

    Attributes:
      function: ω, elementwise.
      layer: makes its layer from the module `neural_tangents.stax`.
      smooth: whether ω is twice continuously differentiable with ω, ω' Lipschitz (Assumption 1).
      closed_form: whether its kernel is exact to rounding; else it is a quadrature whose error
        is about 10⁻⁸ at the degree used.
    """

    function: Callable[[Array], Array]
    layer: Callable[[Any], Any]
    smooth: bool
    closed_form: bool


def _by_quadrature(function: Callable[[Array], Array]) -> Activation:
    return Activation(
        function=function,
        layer=lambda stax: stax.ElementwiseNumerical(function, deg=QUADRATURE_DEGREE),
        smooth=True,
        closed_form=False,
    )


ACTIVATIONS = {
    "erf": Activation(jax.lax.erf, lambda stax: stax.Erf(), smooth=True, closed_form=True),
    "gelu": Activation(
        functools.partial(jax.nn.gelu, approximate=False),
        lambda stax: stax.Gelu(),
        smooth=True,
        closed_form=True,
    ),
    "relu": Activation(jax.nn.relu, lambda stax: stax.Relu(), smooth=False, closed_form=True),
    "softplus": _by_quadrature(jax.nn.softplus),
    "tanh": _by_quadrature(jnp.tanh),
}


def fully_connected(
    d: int,
    widths: Sequence[int],
    activation: str = "erf",
    *,
    biases: bool = False,
    dtype: Any = None,
) -> Network:
    r"""A fully connected network of any depth.

    $\alpha^{(0)} = x$, $\alpha^{(l)} = \omega(W^{(l)}\alpha^{(l-1)}/\sqrt{m_{l-1}} + b^{(l)})$,
    $f = v^T\alpha^{(L)}/\sqrt{m_L} + c$ with m₀ = d and every entry of W, b, v, c drawn from
    N(0, 1); without `biases` there are no b and c, as in the source (slide "Architectures").

    Args:
      d: input dimension m₀.
      widths: m₁, …, m_L.
      activation: the name of ω, a key of `ACTIVATIONS`.
      biases: whether there are b⁽ˡ⁾ and c.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      The network. The same arguments give the same object, so that what was compiled for it
      is found again.

    Raises:
      TypeError: d or a width is not a whole number.
      ValueError: d or a width is less than 1, there is no width, or the activation is unknown.
    """
    d = _checks.whole_number("d", d, least=1)
    if len(widths) == 0:
        raise ValueError("widths is empty: give the width of each hidden layer, such as (512,).")
    sizes = [_checks.whole_number(f"widths[{i}]", m, least=1) for i, m in enumerate(widths)]
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(sorted(ACTIVATIONS))}, got {activation!r}."
        )
    kind = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
    return _fully_connected((d, *sizes), activation, bool(biases), kind)


@functools.cache
def _fully_connected(sizes: tuple[int, ...], activation: str, biases: bool, dtype: Any) -> Network:
    omega = ACTIVATIONS[activation].function

    def init(key: Any) -> PyTree:
        shapes = [*zip(sizes[1:], sizes[:-1], strict=True), (sizes[-1],)]
        layers = []
        for shape, layer_key in zip(shapes, jax.random.split(key, len(shapes)), strict=True):
            weight_key, bias_key = jax.random.split(layer_key)
            layer = {"weight": jax.random.normal(weight_key, shape, dtype)}
            if biases:
                layer["bias"] = jax.random.normal(bias_key, shape[:-1], dtype)
            layers.append(layer)
        return layers

    def apply(params: PyTree, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        # The hidden axis first: (m_l, n) keeps the long axis contiguous in the matrix products.
        alpha = x.T
        for index, layer in enumerate(params):
            alpha = layer["weight"] @ alpha / math.sqrt(sizes[index])
            if biases:
                alpha = alpha + layer["bias"][..., None]
            if index < len(params) - 1:
                alpha = omega(alpha)
        return alpha

    widths = "×".join(str(m) for m in sizes[1:])
    return Network(
        name=f"fully connected {widths}, {activation}{', biases' if biases else ''}",
        width=min(sizes[1:]),
        init=init,
        apply=apply,
        kernel=_dense_kernel(len(sizes) - 1, activation, biases),
    )


@functools.cache
def _dense_kernel(depth: int, activation: str, biases: bool) -> Kernel:
    """The analytic kernel, built at its first use: it doesn't depend on the widths."""

    @functools.cache
    def built() -> Kernel:
        kind = ACTIVATIONS[activation]
        kernel = _neural_tangents.dense_kernel(depth, kind.layer, biases)
        return jax.jit(kernel if kind.closed_form else _entry_by_entry(kernel))

    return lambda x1, x2: built()(x1, x2)


def _entry_by_entry(kernel: Kernel) -> Kernel:
    """Evaluates a kernel 64 entries at a time: the quadrature holds degree² numbers an entry."""

    def entries(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        def row(a: Float[Array, " d"]) -> Float[Array, " k"]:
            return jax.lax.map(lambda b: kernel(a[None], b[None])[0, 0], x2, batch_size=64)

        return jax.lax.map(row, x1)

    return entries


def antisymmetric(network: Network) -> Network:
    r"""Antisymmetric initialization (ASI): f(·; θ₀) ≡ 0 without changing the tangent kernel.

    $f(x; (\theta, \theta')) = (g(x; \theta) - g(x; \theta'))/\sqrt{2}$ with θ' = θ at the start:
    the gradients of the two halves have the same Gram matrix, each counted half (Zhang et al.
    2020, "A type of generalization error induced by initialization in deep neural networks").

    Args:
      network: g.

    Returns:
      The network f, with twice the parameters and the width and kernel of g.
    """
    return _antisymmetric(network)


@functools.cache
def _antisymmetric(network: Network) -> Network:
    def init(key: Any) -> PyTree:
        params = network.init(key)
        return {"plus": params, "minus": params}

    def apply(params: PyTree, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        difference = network.apply(params["plus"], x) - network.apply(params["minus"], x)
        return difference / math.sqrt(2)

    return Network(
        name=f"{network.name}, antisymmetric",
        width=network.width,
        init=init,
        apply=apply,
        kernel=network.kernel,
    )
