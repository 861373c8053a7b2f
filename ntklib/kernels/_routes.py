"""The routes to an empirical tangent kernel, what each costs, and the choice between them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from tqdm import tqdm

from ntklib import _arguments
from ntklib.kernels import _blocks, _costs, _factors
from ntklib.kernels._factors import Factor
from ntklib.networks import _network
from ntklib.networks._network import Apply

METHODS = ("auto", "layers", "jacobian", "products")

FORWARD_AND_BACK = 4
"""Copies of a network's intermediate results that a derivative needs at once, at most."""


@dataclass(frozen=True)
class Factorized:
    """A route by factors: "layers" or "jacobian".

    Attributes:
      compute: points ↦ factors.
      plan: the pieces.
      outputs: o.
      operations: multiplications, without the network's own.
      terms: scales of each factor's layer, of the weights and of the biases (0 without).
    """

    compute: Callable[[Array], list[Factor]]
    plan: _costs.Pieces
    outputs: int
    operations: int
    terms: tuple[tuple[float, float], ...]

    def gram(self, sets: Sequence[Array]) -> Float[np.ndarray, "n o k o"]:
        """Returns the Gram matrix of one or two sets of points."""
        with _blocks.progress(self.plan, [len(x) for x in sets]) as bar:
            points = [_blocks.Points(x, self.compute, self.plan, bar.update) for x in sets]
            first, last = points[0], points[-1]
            return _blocks.gram(first, last, self.outputs, self.terms, bar.update)


@dataclass(frozen=True)
class Products:
    """The route by columns J(Jᵀe_j).

    Attributes:
      apply: (θ, x) ↦ f(x; θ).
      params: θ.
      chunk: points of x1 at once.
      outputs: o.
    """

    apply: Apply
    params: PyTree
    chunk: int
    outputs: int

    def gram(self, sets: Sequence[Array]) -> Float[np.ndarray, "n o k o"]:
        """Returns the Gram matrix of one or two sets of points."""
        first, second = sets[0], sets[-1]
        o = self.outputs
        result = np.empty((first.shape[0], o, second.shape[0], o), first.dtype)
        parts = [slice(i, i + self.chunk) for i in range(0, first.shape[0], self.chunk)]
        total = second.shape[0] * o * len(parts)
        with tqdm(total=total, desc="empirical NTK", delay=2) as bar:
            for j in range(second.shape[0]):
                for b in range(o):
                    gradient = _gradient(self.params, second[j], jnp.asarray(b), apply=self.apply)
                    for part in parts:
                        column = _derivative(self.params, first[part], gradient, apply=self.apply)
                        result[part, :, j, b] = column.reshape(-1, o)
                        bar.update()
        return result


def choose(
    apply: Apply,
    forward: Callable[..., Array] | None,
    params: PyTree,
    sets: Sequence[Array],
    outputs: int,
    method: str,
    budget: int,
) -> Factorized | Products:
    """Returns the route of this name, or for "auto" the cheapest one within the budget."""
    _arguments.choice("method", method, METHODS)
    if method == "layers" and forward is None:
        raise ValueError(
            "method 'layers' needs a Network whose layers are known (its attribute forward), not "
            "an apply function: pass the network, or use another method."
        )
    working = FORWARD_AND_BACK * _costs.numbers_per_point(apply, params, sets[0])
    routes: list[Factorized | Products | int] = []
    if method == "layers" or (method == "auto" and forward is not None):
        routes.append(_layers(forward, params, sets, outputs, working, budget))
    if method in ("auto", "jacobian"):
        routes.append(_jacobian(apply, params, sets, outputs, working, budget))
    factorized = [route for route in routes if isinstance(route, Factorized)]
    if factorized:
        return min(factorized, key=lambda route: route.operations)
    if method in ("auto", "products"):
        routes.append(by_products(apply, params, sets, outputs, working, budget))
    found = routes[-1]
    if isinstance(found, int):
        least = min(route for route in routes if isinstance(route, int))
        raise ValueError(
            f"memory_budget = {budget} bytes is too small for method {method!r} with this network: "
            f"give at least {least}."
        )
    return found


def _layers(
    forward: Any, params: PyTree, sets: Sequence[Array], outputs: int, working: int, budget: int
) -> Factorized | int:
    shapes = _factors.layer_shapes(forward, params, sets[0])
    n, k = sets[0].shape[0], sets[-1].shape[0]
    whole = tuple(shape.as_gradients(n, k, outputs) for shape in shapes)
    pairs = list(zip(shapes, whole, strict=True))
    held = sum(shape.numbers(outputs, as_gradients=w) for shape, w in pairs)
    most = max(outputs**2 * (1 if w else shape.positions**2) for shape, w in pairs)
    signals = sum(shape.numbers(outputs, as_gradients=False) for shape in shapes)
    item = sets[0].dtype.itemsize
    plan = _costs.plan(
        budget,
        [len(x) for x in sets],
        working=item * (outputs * working + 2 * signals + held),
        factors=item * held,
        # Both Gram matrices of a layer, besides their sum over positions and that over layers.
        products=item * (2 * most + 2 * outputs**2),
    )
    if isinstance(plan, int):
        return plan
    compute = functools.partial(_factors.layer_factors, params, forward=forward, as_gradients=whole)
    operations = sum(shape.operations(n, k, outputs, as_gradients=w) for shape, w in pairs)
    terms = tuple((shape.scale, shape.bias) for shape in shapes)
    return Factorized(compute, plan, outputs, operations, terms)


def _jacobian(
    apply: Apply, params: PyTree, sets: Sequence[Array], outputs: int, working: int, budget: int
) -> Factorized | int:
    p = _network.count(params)
    n, k = sets[0].shape[0], sets[-1].shape[0]
    item = sets[0].dtype.itemsize
    plan = _costs.plan(
        budget,
        [len(x) for x in sets],
        # A block is held twice while its leaves are joined.
        working=item * outputs * (working + 3 * p),
        factors=item * outputs * p,
        products=item * 2 * outputs**2,
    )
    if isinstance(plan, int):
        return plan
    compute = functools.partial(_factors.jacobian_factors, params, apply=apply)
    return Factorized(compute, plan, outputs, n * k * outputs**2 * p, ((1.0, 0.0),))


def by_products(
    apply: Apply, params: PyTree, sets: Sequence[Array], outputs: int, working: int, budget: int
) -> Products | int:
    # θ's derivative and a copy in the making, of which the compiled code scales some.
    vectors = 4 * sets[0].dtype.itemsize * _network.count(params)
    point = sets[0].dtype.itemsize * max(1, working)
    if budget < vectors + point:
        return vectors + point
    chunk = min((budget - vectors) // point, sets[0].shape[0])
    return Products(apply, params, chunk, outputs)


@functools.partial(jax.jit, static_argnames="apply")
def _gradient(params: PyTree, point: Array, output: Array, *, apply: Apply) -> PyTree:
    return jax.grad(lambda theta: apply(theta, point[None]).reshape(-1)[output])(params)


@functools.partial(jax.jit, static_argnames="apply")
def _derivative(params: PyTree, points: Array, direction: PyTree, *, apply: Apply) -> Array:
    return jax.jvp(lambda theta: apply(theta, points), (params,), (direction,))[1]


@functools.partial(jax.jit, static_argnames=("apply", "forward"))
def gram(
    params: PyTree, x: Float[Array, "n d"], *, apply: Apply, forward: Callable[..., Array] | None
) -> Float[Array, "no no"]:
    """Returns the Gram matrix of a network, compiled whole.

    Without a budget: it holds the factors of all points, by layers where they are known, which
    must then have one output. With several and no layers, those of a point are rows together.
    """
    if forward is None:
        ((jacobian,),) = _factors.jacobian_factors(params, x, apply=apply)
        return jacobian @ jacobian.T
    n = x.shape[0]
    shapes = _factors.layer_shapes(forward, params, x)
    whole = tuple(shape.as_gradients(n, n, 1) for shape in shapes)
    factors = _factors.layer_factors(params, x, forward=forward, as_gradients=whole)
    parts = []
    for factor, shape in zip(factors, shapes, strict=True):
        columns = (factor[0].T,) if len(factor) == 1 else factor
        parts.append(_blocks.layer(columns, columns, shape.scale, shape.bias, (n, 1, n, 1)))
    return jnp.stack(parts).sum(axis=0)[:, 0, :, 0]
