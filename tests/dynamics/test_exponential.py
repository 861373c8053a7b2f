"""The exponential integrator against closed forms, its order, and the explicit integrator."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from cases import points
from refusals import refused
from scipy import linalg

from ntklib import dynamics, measures, networks
from ntklib.dynamics import Trajectory, _exponential, _integrator, _meter
from ntklib.dynamics._solver import Integrals, Model, Solver
from ntklib.targets import FourierSum

CIRCLE = measures.circle(12)
TARGET = FourierSum((1, 2), (1.0, 0.5), (0.0, 0.7))
TIMES = jnp.asarray([0.0, 0.3, 1.0, 40.0])
SMALL = networks.fully_connected(2, (6,), "tanh", biases=True)
NETWORKS = {
    "deep": networks.fully_connected(2, (8, 8), "erf", biases=True),
    "antisymmetric": networks.antisymmetric(networks.fully_connected(2, (16,), "erf")),
    "residual": networks.residual(2, 8, 3, biases=True),
    "convolutional": networks.convolutional((2, 1), (8, 8), filter_size=2, padding="CIRCULAR"),
}
INTEGRALS = Integrals(jnp.full(5, 0.2), CIRCLE.nodes, CIRCLE.weights, TARGET(CIRCLE.nodes))


def flow(network: Any, params: Any, method: str = "exponential", **options: Any) -> Trajectory:
    settings = {"measure": CIRCLE, "times": TIMES, "progress": False, "method": method, **options}
    return dynamics.gradient_flow(network, params, TARGET, **settings)


def sample(n: int, seed: int = 0) -> jax.Array:
    return CIRCLE.sample(jax.random.key(seed), n)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.stack([jnp.ones(x.shape[0]), x[:, 0], 2 * x[:, 1], x[:, 0] * x[:, 1]], -1) @ theta


def test_phi_functions_to_rounding() -> None:
    z = -np.concatenate([[0.0], np.geomspace(1e-8, 1e4, 25), [0.999, 1.0, 1.001]])
    found = _exponential.phi_functions(jnp.asarray(z), 4)
    with mpmath.workdps(40):
        for k, values in enumerate(found):
            exact = [float(mpmath.hyp1f1(1, k + 1, each) / math.factorial(k)) for each in z]
            np.testing.assert_allclose(values, exact, rtol=0, atol=1e-15)


def test_a_linear_model_is_solved_exactly_whatever_the_tolerance() -> None:
    """Its curvature is 0, and so is what a step leaves out."""
    theta_0 = jnp.asarray(points(1, 4)[0])
    x = sample(5)
    design = np.asarray(jax.jacobian(linear)(theta_0, x)) / np.sqrt(5)
    nodes = np.asarray(jax.jacobian(linear)(theta_0, CIRCLE.nodes))
    labels = np.asarray(TARGET(x)) / np.sqrt(5)
    least = np.linalg.lstsq(design, labels, rcond=None)[0]
    decay = [linalg.expm(-t * design.T @ design) for t in np.asarray(TIMES)]
    thetas = np.stack([least + each @ (np.asarray(theta_0) - least) for each in decay])
    expected = thetas @ nodes.T - np.asarray(TARGET(CIRCLE.nodes))
    got = flow(linear, theta_0, sample=x, rtol=1e-3, keep_params=True)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-13, rtol=0)
    np.testing.assert_allclose(np.asarray(got.params), thetas, atol=1e-13, rtol=0)
    assert int(got.steps) < 10


@pytest.mark.parametrize("move", [0.0, 0.3], ids=["own frame", "frame of another θ"])
def test_the_order_is_four_whatever_the_linear_part_is(move: float) -> None:
    x = sample(5)
    params, unravel = jax.flatten_util.ravel_pytree(SMALL.init(jax.random.key(0)))

    def residual(theta: jax.Array) -> jax.Array:
        return (SMALL.apply(unravel(theta), x) - TARGET(x)) / jnp.sqrt(5.0)

    other = params + move * jnp.asarray(np.random.default_rng(0).standard_normal(params.size))
    jacobian = jax.jacobian(residual)(other)
    at = _exponential.frame(other, jacobian @ jacobian.T)

    @jax.jit
    def after(steps: jax.Array) -> jax.Array:
        advance = lambda _, theta: _exponential.step(residual, at, theta, 1.0 / steps)  # noqa: E731
        return jax.lax.fori_loop(0, steps.astype(int), advance, params)

    counts = np.asarray([2.0, 4.0, 8.0, 16.0])
    found = [np.asarray(after(jnp.asarray(count))) for count in (*counts, 512.0)]
    errors = [float(np.linalg.norm(each - found[-1])) for each in found[:-1]]
    slopes = np.diff(np.log(errors)) / np.log(2)
    np.testing.assert_allclose(slopes[1:], -4, atol=0.35)


@pytest.mark.parametrize(("name", "n"), [*zip(NETWORKS, (None, 5, None, 5), strict=True)])
def test_it_agrees_with_the_explicit_method(name: str, n: int | None) -> None:
    network = NETWORKS[name]
    params = network.init(jax.random.key(1))
    options: dict[str, Any] = {"sample": None if n is None else sample(n), "keep_params": True}
    exact = flow(network, params, "explicit", rtol=1e-12, atol=1e-13, **options)
    got = flow(network, params, rtol=1e-10, atol=1e-12, **options)
    np.testing.assert_allclose(got.residuals, exact.residuals, atol=1e-8, rtol=0)
    for mine, theirs in zip(
        jax.tree.leaves(got.params), jax.tree.leaves(exact.params), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-7, rtol=0)


def test_an_apply_alone_is_integrated_with_its_jacobian() -> None:
    params = SMALL.init(jax.random.key(1))
    by_layers, by_jacobian = (
        flow(each, params, sample=sample(5), rtol=1e-10) for each in (SMALL, SMALL.apply)
    )
    np.testing.assert_allclose(by_jacobian.residuals, by_layers.residuals, atol=1e-12, rtol=0)
    assert by_jacobian.steps == by_layers.steps


def test_the_tolerance_steers_the_error_and_the_steps() -> None:
    params = SMALL.init(jax.random.key(2))
    exact = flow(SMALL, params, "explicit", rtol=1e-12, atol=1e-13)
    tolerances = np.asarray([1e-3, 1e-5, 1e-7, 1e-9])
    runs = [flow(SMALL, params, rtol=float(each), atol=1e-14) for each in tolerances]
    errors = np.asarray([float(jnp.max(jnp.abs(r.residuals - exact.residuals))) for r in runs])
    assert np.all(errors < 10 * tolerances)
    assert np.all(errors[1:] < errors[:-1] / 5)
    assert np.all(np.diff([int(run.steps) for run in runs]) > 0)


def test_steps_grow_with_time_where_the_kernel_hardly_moves() -> None:
    """The explicit method needs T·λ₁/3.3 steps; this one a few for each decade."""
    network = networks.antisymmetric(networks.fully_connected(2, (256,), "erf", biases=True))
    params = network.init(jax.random.key(0))
    horizons = (1e2, 1e4)
    runs = [flow(network, params, times=jnp.asarray([each]), rtol=1e-5) for each in horizons]
    assert int(runs[1].steps) < int(runs[0].steps) + 20 < 100
    finer = flow(network, params, times=jnp.asarray([1e4]), rtol=1e-8)
    change = CIRCLE.norm(runs[1].residuals - finer.residuals)
    assert float(change[0]) < 1e-5


def test_unequal_weights_and_the_linearized_flow() -> None:
    weights = jnp.arange(1.0, 13.0) / 78
    options: dict[str, Any] = {
        "measure": measures.empirical(CIRCLE.nodes, weights), "linearized": True,
    }  # fmt: skip
    params = SMALL.init(jax.random.key(3))
    exact = flow(SMALL, params, "explicit", rtol=1e-12, atol=1e-13, **options)
    got = flow(SMALL, params, rtol=1e-3, **options)
    np.testing.assert_allclose(got.residuals, exact.residuals, atol=1e-9, rtol=0)


def test_draws_are_single_runs() -> None:
    """One after another as on a CPU, and side by side as on a GPU."""
    params = jax.vmap(SMALL.init)(jax.random.split(jax.random.key(1), 3))
    samples = jnp.stack([sample(5, seed) for seed in range(3)])
    many = flow(SMALL, params, sample=samples, draws=True)
    for draw in range(3):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        one = flow(SMALL, theta_0, sample=samples[draw])
        np.testing.assert_allclose(many.residuals[draw], one.residuals, atol=1e-12, rtol=0)
        assert many.steps[draw] == one.steps
    batch = (params, samples, TARGET(samples), jnp.arange(3))
    with _meter.bar("", 3, shown=False) as bar:
        beside, steps, stopped = _integrator.integrate(
            batch, INTEGRALS, TIMES, Solver("exponential", 1e-6, None, 1000), bar,
            model=Model(SMALL.apply, SMALL.forward, linearized=False), keep_params=False,
            side_by_side=True, progress=False,
        )  # fmt: skip
    assert np.all(np.isinf(stopped))
    np.testing.assert_allclose(beside["residuals"], many.residuals, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(steps, many.steps)


@pytest.mark.parametrize("keep_params", [False, True])
def test_parameters_are_kept_at_all_times_only_when_asked_for(keep_params: bool) -> None:
    wide = networks.fully_connected(2, (512,), "tanh", biases=True)
    start = jax.tree.map(lambda leaf: leaf[None], wide.init(jax.random.key(0)))
    x, count = sample(5), 1000
    compiled = _integrator.integrate.lower(
        (start, x[None], TARGET(x)[None], jnp.arange(1)), INTEGRALS, jnp.linspace(0.0, 1.0, count),
        Solver("exponential", 1e-6, 1e-9, 1000), jnp.zeros((), int),
        model=Model(wide.apply, wide.forward, linearized=False), keep_params=keep_params,
        side_by_side=False, progress=False,
    ).compile()  # fmt: skip
    memory, all_times = compiled.memory_analysis(), 8 * count * wide.parameters
    assert memory is not None
    held = memory.temp_size_in_bytes + memory.output_size_in_bytes
    assert (held > all_times) if keep_params else (held < all_times / 4)


def test_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    params = SMALL.init(jax.random.key(0))
    with refused("method must be one of explicit, exponential, got 'implicit'."):
        flow(SMALL, params, "implicit")
    with refused("it made all max_steps = 3 steps, and at this rate", RuntimeError) as found:
        flow(SMALL, params, max_steps=3)
    assert str(found.value).endswith("or loosen rtol and atol.")
    monkeypatch.setattr(_integrator, "JACOBIAN", 5 * SMALL.parameters * 8 - 1)
    flow(SMALL, params, sample=sample(5))
    with refused(
        f"method 'exponential' would hold a Jacobian of 5 × {SMALL.parameters} numbers, 0.0 GiB, "
        "since the layers of this network aren't known: pass a Network, a smaller sample, or "
        "method='explicit'."
    ):
        flow(SMALL.apply, params, sample=sample(5))
