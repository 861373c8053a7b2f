"""The linearized flow against the kernel flow of its start and against neural-tangents."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flows import CIRCLE, SMALL, TARGET, TIMES, flow, linearized_flow, sample
from scipy import linalg

from ntklib import dynamics, measures, networks
from ntklib.dynamics import _integrator
from ntklib.dynamics._solver import Integrals, Model, Solver
from ntklib.networks import _neural_tangents


def jacobian(params: Any, x: jax.Array) -> np.ndarray:
    """∂f(xᵢ; θ)/∂θ_j of the small network, shape (n, p)."""
    by_leaf = jax.tree.leaves(jax.jacobian(SMALL.apply)(params, x))
    return np.concatenate([np.asarray(leaf).reshape(x.shape[0], -1) for leaf in by_leaf], axis=1)


def test_linearized_flow_is_the_kernel_flow_of_the_start() -> None:
    """And θ_t − θ₀ = −(1/n)Jᵀ∫r̂: the closed form of the parameters of a linear model."""
    x = sample(5)
    params = SMALL.init(jax.random.key(0))
    rows, columns = jacobian(params, CIRCLE.nodes), jacobian(params, x)
    initial = SMALL.apply(params, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
    on_sample = SMALL.apply(params, x) - TARGET(x)
    gram = columns @ columns.T
    expected = dynamics.kernel_flow(
        jnp.asarray(gram), jnp.asarray(rows @ columns.T), on_sample, initial, TIMES
    )
    got = flow(
        SMALL.apply, params, kind=linearized_flow, sample=x,
        rtol=1e-10, atol=1e-12, keep_params=True,
    )  # fmt: skip
    np.testing.assert_array_equal(got.times, TIMES)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-8, rtol=0)
    fits = jax.tree.map(lambda new, old: new.shape == (4, *old.shape), got.params, params)
    assert all(jax.tree.leaves(fits))
    values, vectors = np.linalg.eigh(gram / 5)
    factor = np.asarray(dynamics.damping_factor(jnp.asarray(values), TIMES))
    moved = (factor * (np.asarray(on_sample) @ vectors)) @ vectors.T @ columns / 5
    start = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])
    thetas = [np.reshape(leaf, (4, -1)) for leaf in jax.tree.leaves(got.params)]
    np.testing.assert_allclose(np.concatenate(thetas, 1), start - moved, atol=1e-8, rtol=0)


def test_linearized_flow_of_the_population() -> None:
    """Without a sample ∂_t r = −KWr, K the Gram matrix of θ₀ and W the measure's weights."""
    weights = jnp.arange(1.0, 13.0) / 78
    measure = measures.empirical(CIRCLE.nodes, weights)
    params = SMALL.init(jax.random.key(1))
    rows = jacobian(params, CIRCLE.nodes)
    operator = rows @ rows.T * np.asarray(weights)
    initial = np.asarray(SMALL.apply(params, CIRCLE.nodes) - TARGET(CIRCLE.nodes))
    expected = [linalg.expm(-t * operator) @ initial for t in np.asarray(TIMES)]
    got = linearized_flow(
        SMALL.apply, params, TARGET, measure, TIMES, rtol=1e-10, atol=1e-12, progress=False
    )
    np.testing.assert_allclose(got.residuals, expected, atol=1e-8, rtol=0)


def test_linearization_is_that_of_neural_tangents() -> None:
    """Its function of the parameters, and the gradient flow of that function."""
    nt = _neural_tangents.load()
    params = SMALL.init(jax.random.key(2))
    linearized = nt.linearize(SMALL.apply, params)
    tight: dict[str, Any] = {"sample": sample(4), "rtol": 1e-10, "atol": 1e-12}
    got = flow(SMALL.apply, params, kind=linearized_flow, keep_params=True, **tight)
    functions = jax.vmap(linearized, in_axes=(0, None))(got.params, CIRCLE.nodes)
    np.testing.assert_allclose(
        got.residuals, functions - TARGET(CIRCLE.nodes)[None], atol=1e-13, rtol=0
    )
    expected = flow(linearized, params, **tight)
    np.testing.assert_allclose(got.residuals, expected.residuals, atol=1e-9, rtol=0)


def test_linearized_flow_touches_the_flow_at_the_start() -> None:
    """Same value and same velocity at t = 0, so they part like t²."""
    params = SMALL.init(jax.random.key(3))
    times = jnp.asarray([0.0, 0.005, 0.01, 0.02])
    bent, straight = (
        kind(
            SMALL.apply, params, TARGET, CIRCLE, times, sample=sample(5),
            rtol=1e-12, atol=1e-13, progress=False,
        ).residuals
        for kind in (dynamics.gradient_flow, linearized_flow)
    )  # fmt: skip
    start = SMALL.apply(params, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
    np.testing.assert_allclose(straight[0], start, atol=1e-14, rtol=0)
    apart = np.max(np.abs(np.asarray(bent - straight)), axis=1)[1:]
    slope = np.polyfit(np.log(times[1:]), np.log(apart), 1)[0]
    assert 1.9 < slope < 2.1, apart


def test_wide_networks_are_close_to_their_linearization() -> None:
    """They part like 1/m, at which the tangent kernel moves (Huang and Yau 2020), over draws."""
    keys = jax.random.split(jax.random.key(4), 8)
    distances = []
    for m in (32, 256):
        network = networks.fully_connected(2, (m,), "tanh", biases=True)
        params = jax.vmap(network.init)(keys)
        bent, straight = (
            flow(network.apply, params, kind=kind, draws=True).residuals
            for kind in (dynamics.gradient_flow, linearized_flow)
        )
        apart = jnp.sqrt(jnp.mean((bent - straight) ** 2, axis=-1))
        distances.append(float(jnp.mean(jnp.max(apart, axis=1))))
    assert 5 < distances[0] / distances[1] < 15, distances


def loops(jaxpr: Any, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Every primitive of a program and whether it lies in a while loop."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        yield name, inside
        for value in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from loops(inner, inside=inside or name == "while")


def test_derivatives_at_the_start_are_taken_once() -> None:
    """The linearized flow's loop holds no tanh, the gradient flow's does."""
    params = jax.tree.map(lambda leaf: leaf[None], SMALL.init(jax.random.key(0)))
    labels = TARGET(CIRCLE.nodes)
    batch = (params, CIRCLE.nodes[None], labels[None], jnp.arange(1))
    for linearized in (False, True):
        run = functools.partial(
            _integrator.integrate, model=Model(SMALL.apply, None, linearized), keep_params=False,
            side_by_side=True, progress=False,
        )  # fmt: skip
        integrals = Integrals(CIRCLE.weights, CIRCLE.nodes, CIRCLE.weights, labels)
        solver = Solver("explicit", 1e-6, 1e-6, 100)
        program = jax.make_jaxpr(run)(batch, integrals, TIMES, solver, jnp.asarray(0))
        found = [inside for name, inside in loops(program.jaxpr) if name == "tanh"]
        assert found
        assert any(found) != linearized
