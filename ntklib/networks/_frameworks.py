"""Models of other libraries as functions (θ, x) ↦ f(x; θ): what all have in common, Equinox, Flax.

None of these libraries is needed by this one: each is imported when a model of it is given.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.networks import _parameters
from ntklib.networks._network import Apply


@dataclass(frozen=True)
class Form:
    """How a model takes a point and what is wanted of what it returns.

    Attributes:
      shape: of one input, or None for a vector.
      output: the coordinate of its output, or None for all.
    """

    shape: tuple[int, ...] | None
    output: int | None

    def inputs(self, x: Any) -> Any:
        """Returns points, shape (n, d), as the model takes them."""
        return x if self.shape is None else x.reshape(len(x), *self.shape)

    def outputs(self, values: Any) -> Any:
        """Returns the outputs that are wanted; one alone without its axis."""
        of_each = values.shape[1:]
        if self.output is None:
            return values[:, 0] if of_each == (1,) else values
        if len(of_each) != 1 or self.output >= of_each[0]:
            raise ValueError(
                f"output = {self.output} is none of the model's outputs, whose shape for one point "
                f"is {tuple(of_each)}: count from 0."
            )
        return values[:, self.output]


def form(shape: Sequence[int] | None, output: int | None) -> Form:
    """Returns a form of checked arguments."""
    axes = None if shape is None else _arguments.whole_numbers("shape", shape, "(28, 28)", least=1)
    return Form(axes, None if output is None else _checks.whole_number("output", output, least=0))


def imported(module: str, title: str, package: str) -> Any:
    """Imports a module of a framework, or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{title} is not installed, and a model of it needs it: pip install {package}."
        ) from error


def require(model: Any, kind: type, title: str) -> None:
    """Raises a TypeError unless a model is one of the framework's."""
    if not isinstance(model, kind):
        raise TypeError(f"model must be {title}, got a {type(model).__name__}.")


def by_itself(coupled: Sequence[str], random: Sequence[str], remedy: str) -> None:
    """Raises an error unless a model is a function of its parameters and one point.

    Args:
      coupled: its layers that take something from the batch.
      random: its layers that draw.
      remedy: what ends both.
    """
    if coupled:
        raise ValueError(
            "model must give a point the same output whatever points are beside it, or it has no "
            f"tangent kernel, but takes means and scales from the batch in {', '.join(coupled)}: "
            f"{remedy}"
        )
    if random:
        raise ValueError(
            "model must return the same output whenever it is called, but draws at random in "
            f"{', '.join(random)}: {remedy}"
        )


def cast(tree: PyTree, dtype: Any) -> PyTree:
    """Returns floating-point arrays in a type, and the rest as it is."""

    def one(leaf: Any) -> Any:
        is_array = isinstance(leaf, jax.Array | np.ndarray)
        return leaf.astype(dtype) if is_array and jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(one, tree)


def within(tree: PyTree, kinds: tuple[type, ...]) -> list[Any]:
    """Returns what a tree holds of some types, at any depth: also what lies in another of them."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: node is not tree and isinstance(node, kinds))
    found = [node for node in nodes if isinstance(node, kinds)]
    return found + [inner for node in found for inner in within(node, kinds)]


def started(apply: Apply, params: PyTree) -> tuple[Apply, PyTree]:
    """Returns both, having looked at the parameters."""
    _parameters.dtype_of(params)
    return apply, params


def from_equinox(
    model: Any,
    *,
    state: Any = None,
    shape: Sequence[int] | None = None,
    output: int | None = None,
    dtype: Any = None,
) -> tuple[Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n *o"]], PyTree]:
    r"""A model of Equinox as a function $(\theta, x) \mapsto f(x;\theta)$, and its parameters θ₀.

    Both go wherever this library asks for a network and its parameters: kernels, flows, gradient
    descent, their linearizations. θ is the model's inexact arrays, in a module of the same class.

    Args:
      model: an `equinox.Module`, called with one point.
      state: its `equinox.nn.State`, if it has one, with which it is called and which stays fixed.
      shape: of one input where that isn't a vector, such as (1, 28, 28); points are given flat.
      output: which of several outputs, from 0; all by default. An axis of one output is left out.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      (apply, params): apply takes points of shape (n, d) to shape (n,), or (n, o) for o outputs.

    Raises:
      ImportError: Equinox is not installed.
      ValueError: a batch normalization or dropout that isn't in inference mode.

    Example:
      >>> import equinox as eqx
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels, networks
      >>> model = eqx.nn.MLP(2, 1, width_size=8, depth=2, key=jax.random.key(0))
      >>> apply, params = networks.from_equinox(model)
      >>> kernels.empirical(apply, params, jnp.eye(2)).shape
      (2, 2)
    """
    eqx = imported("equinox", "Equinox", "equinox")
    require(model, eqx.Module, "an equinox.Module")
    kept, kind = form(shape, output), _arguments.float_type(dtype)
    layers = within([model], (eqx.nn.StatefulLayer, eqx.nn.Dropout))
    training = [each for each in layers if not getattr(each, "inference", True)]
    by_itself(
        [type(each).__name__ for each in training if isinstance(each, eqx.nn.BatchNorm)],
        [type(each).__name__ for each in training if getattr(each, "p", 0) > 0],
        "pass equinox.nn.inference_mode(model).",
    )
    # A Sequential is a StatefulLayer, too, and has a state if one of its layers has.
    stateful = [each for each in layers if isinstance(each, eqx.nn.StatefulLayer)]
    if state is None and any(each.is_stateful() for each in stateful):
        raise ValueError(
            "model has layers with a state, but state is None: give the one that "
            "equinox.nn.make_with_state returned."
        )
    params, rest = eqx.partition(cast(model, kind), eqx.is_inexact_array)
    fixed = cast(state, kind)

    def apply(theta: PyTree, x: Float[Array, "n d"]) -> Float[Array, "n *o"]:
        module = eqx.combine(theta, rest)

        def one(point: Array) -> Array:
            if state is None:
                return module(point)
            # A state may be used once, so each call has a copy.
            return module(point, jax.tree.map(lambda leaf: leaf, fixed))[0]

        return kept.outputs(jax.vmap(one)(kept.inputs(x)))

    return started(apply, params)


def from_flax(
    model: Any,
    *,
    shape: Sequence[int] | None = None,
    output: int | None = None,
    dtype: Any = None,
) -> tuple[Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n *o"]], PyTree]:
    r"""A model of Flax NNX as a function $(\theta, x) \mapsto f(x;\theta)$, and its parameters θ₀.

    Both go wherever this library asks for a network and its parameters: kernels, flows, gradient
    descent, their linearizations. θ is the state of the model's `nnx.Param`; other variables, such
    as the averages of a batch normalization, stay as they are. A model of Flax Linen needs no
    conversion: `lambda theta, x: model.apply({"params": theta}, x)` is such a function.

    Args:
      model: a `flax.nnx.Module`, called with a batch of points.
      shape: of one input where that isn't a vector, such as (28, 28, 1); points are given flat.
      output: which of several outputs, from 0; all by default. An axis of one output is left out.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      (apply, params): apply takes points of shape (n, d) to shape (n,), or (n, o) for o outputs.

    Raises:
      ImportError: Flax is not installed.
      ValueError: a batch normalization or dropout that isn't in evaluation mode. What else mixes
        points is refused where the function is used.

    Example:
      >>> from flax import nnx  # doctest: +SKIP
      >>> model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))  # doctest: +SKIP
      >>> apply, params = networks.from_flax(model)  # doctest: +SKIP
      >>> kernels.empirical(apply, params, jnp.eye(2)).tolist()  # doctest: +SKIP
      [[2.0, 1.0], [1.0, 2.0]]
    """
    nnx = imported("flax.nnx", "Flax", "flax")
    require(model, nnx.Module, "a flax.nnx.Module (of Linen, pass its apply as it is)")
    kept, kind = form(shape, output), _arguments.float_type(dtype)
    layers = [each for _, each in nnx.iter_graph(model)]
    by_itself(
        [
            type(each).__name__
            for each in layers
            if isinstance(each, nnx.BatchNorm) and not each.use_running_average
        ],
        [
            type(each).__name__
            for each in layers
            if isinstance(each, nnx.Dropout) and each.rate > 0 and not each.deterministic
        ],
        "call model.eval().",
    )
    graph, *states = nnx.split(model, nnx.Param, ...)
    params, rest = (cast(each, kind) for each in states)

    def apply(theta: PyTree, x: Float[Array, "n d"]) -> Float[Array, "n *o"]:
        return kept.outputs(nnx.merge(graph, theta, rest)(kept.inputs(x)))

    return started(apply, params)
