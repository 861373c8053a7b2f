"""Ridge and noise, against kernel ridge regression, closed forms and steps of descent."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import dynamics, kernels, measures, networks, spectrum, targets
from ntklib.dynamics import _ensembles, _problem, linearization
from ntklib.learning import zonal

RIDGE = 0.05
CIRCLE = measures.circle(16)
TARGET = targets.FourierSum((1, 2), (1.0, 0.5))
TIMES = jnp.asarray([0.0, 1.0, 10.0, 1e6])
KERNEL = networks.fully_connected(2, (1,), "erf", biases=True).kernel
SAMPLE = CIRCLE.sample(jax.random.key(0), 12)
NOISE = 0.3 * jax.random.normal(jax.random.key(1), (12,))


@functools.cache
def network() -> Any:
    return networks.antisymmetric(networks.fully_connected(2, (32,), "erf", biases=True))


def closed(gram: Any, cross: Any, labels: Any, times: Any, ridge: float) -> Any:
    initial = -TARGET(CIRCLE.nodes)
    return dynamics.kernel_flow(gram, cross, -labels, initial, times, ridge=ridge)


def test_the_limit_is_kernel_ridge_regression() -> None:
    gram, cross = KERNEL(SAMPLE, SAMPLE), KERNEL(CIRCLE.nodes, SAMPLE)
    labels = TARGET(SAMPLE) + NOISE
    found = closed(gram, cross, labels, TIMES, RIDGE)
    n = len(SAMPLE)
    solution = np.linalg.solve(np.asarray(gram) + n * RIDGE * np.eye(n), labels)
    np.testing.assert_allclose(
        found[-1], np.asarray(cross) @ solution - TARGET(CIRCLE.nodes), atol=1e-13
    )
    on_sample = dynamics.kernel_flow(gram, gram, -labels, -labels, TIMES, ridge=RIDGE)
    np.testing.assert_allclose(on_sample[-1], np.asarray(gram) @ solution - labels, atol=1e-13)


def test_a_flow_with_a_ridge_solves_its_equation() -> None:
    """By differences: what has moved, u, has the velocity −Kr̂/n − λu."""
    gram, cross = KERNEL(SAMPLE, SAMPLE), KERNEL(CIRCLE.nodes, SAMPLE)
    labels, at = TARGET(SAMPLE) + NOISE, jnp.asarray([2.0 - 1e-4, 2.0, 2.0 + 1e-4])
    residual = dynamics.kernel_flow(gram, gram, -labels, -labels, at, ridge=RIDGE)
    for rows, flow, start in (
        (gram, residual, -labels),
        (cross, closed(gram, cross, labels, at, RIDGE), -TARGET(CIRCLE.nodes)),
    ):
        velocity = -rows @ residual[1] / len(SAMPLE) - RIDGE * (flow[1] - start)
        np.testing.assert_allclose((flow[2] - flow[0]) / 2e-4, velocity, atol=1e-8)


def test_a_linearized_network_with_ridge_and_noise_is_its_kernel() -> None:
    params = network().init(jax.random.key(2))
    flow = dynamics.gradient_flow(
        network(), params, TARGET, CIRCLE, TIMES[:3], sample=SAMPLE, noise=NOISE, ridge=RIDGE,
        linearized=True, rtol=1e-9, progress=False,
    )  # fmt: skip
    gram = kernels.empirical(network(), params, SAMPLE)
    cross = kernels.empirical(network(), params, CIRCLE.nodes, SAMPLE)
    expected = closed(gram, cross, TARGET(SAMPLE) + NOISE, TIMES[:3], RIDGE)
    np.testing.assert_allclose(flow.residuals, expected, atol=1e-7)


def test_small_steps_of_descent_with_a_ridge_are_the_flow() -> None:
    """Explicit Euler in the parameters, written out; its error is that of a step."""
    params, end = network().init(jax.random.key(3)), 4.0

    def errors(steps: int) -> float:
        def loss(theta: Any) -> Any:
            misfit = network().apply(theta, SAMPLE) - TARGET(SAMPLE) - NOISE
            apart = jax.tree.map(lambda v, w: jnp.sum((v - w) ** 2), theta, params)
            return jnp.mean(misfit**2) / 2 + RIDGE / 2 * sum(jax.tree.leaves(apart))

        def step(theta: Any, _: None) -> tuple[Any, None]:
            slope = jax.grad(loss)(theta)
            return jax.tree.map(lambda v, g: v - end / steps * g, theta, slope), None

        theta = jax.lax.scan(step, params, length=steps)[0]
        last = network().apply(theta, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
        return float(jnp.max(jnp.abs(last - flow.residuals[-1])))

    flow = dynamics.gradient_flow(
        network(), params, TARGET, CIRCLE, jnp.asarray([end]), sample=SAMPLE, noise=NOISE,
        ridge=RIDGE, rtol=1e-9, progress=False,
    )  # fmt: skip
    coarse, fine = errors(400), errors(800)
    assert fine < 1e-3
    assert coarse / fine == pytest.approx(2, rel=0.05)


def test_frozen_flows_with_ridge_and_noise_are_linearized_flows() -> None:
    """Each draw with noise of its own; integrated, with its θ_t."""
    params = jax.vmap(network().init)(jax.random.split(jax.random.key(2), 2))
    sample, noise = jnp.stack([SAMPLE, -SAMPLE]), jnp.stack([NOISE, 2 * NOISE[::-1]])
    options: Any = {"sample": sample, "noise": noise, "ridge": RIDGE}
    got = linearization.frozen_flows(network(), params, TARGET, CIRCLE, TIMES, **options)
    flow = dynamics.gradient_flow(
        network(), params, TARGET, CIRCLE, TIMES[:3], draws=True, keep_params=True,
        linearized=True, rtol=1e-9, progress=False, **options,
    )  # fmt: skip
    np.testing.assert_allclose(got.residuals[:, :3], flow.residuals, atol=1e-7)
    moved = linearization.movement(flow.params, params).norm
    np.testing.assert_allclose(got.movement[:, :3], moved, atol=1e-7)
    for draw, (x, zeta) in enumerate(zip(sample, noise, strict=True)):
        theta = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        gram, labels = np.asarray(kernels.empirical(network(), theta, x)), TARGET(x) + zeta
        solution = np.linalg.solve(gram + len(x) * RIDGE * np.eye(len(x)), labels)
        np.testing.assert_allclose(
            got.sample_residuals[draw, -1], gram @ solution - labels, atol=1e-12
        )
        end = np.sqrt(solution @ gram @ solution)
        assert float(got.movement[draw, -1]) == pytest.approx(end, rel=1e-10)


def test_frozen_flows_of_the_analytic_kernel_with_ridge_and_shared_noise() -> None:
    got = linearization.frozen_flows(
        network(), None, TARGET, CIRCLE, TIMES, sample=SAMPLE[None], noise=NOISE, ridge=RIDGE
    )
    gram, cross = (network().kernel(x, SAMPLE) for x in (SAMPLE, CIRCLE.nodes))
    expected = closed(gram, cross, TARGET(SAMPLE) + NOISE, TIMES, RIDGE)
    np.testing.assert_allclose(got.residuals[0], expected, atol=1e-12)


def test_a_zonal_flow_with_ridge_and_noise_ends_at_kernel_ridge_regression() -> None:
    harmonics = zonal.Harmonics(degrees=(1, 2), directions=jnp.asarray([[1.0, 0.0], [0.6, 0.8]]))
    sigma = spectrum.funk_hecke(KERNEL, d=2, most=2)
    residual, learned = zonal.kernel_flow(
        KERNEL, sigma, TARGET, harmonics, TIMES, sample=SAMPLE, noise=NOISE, ridge=RIDGE
    )
    gram, labels, n = np.asarray(KERNEL(SAMPLE, SAMPLE)), TARGET(SAMPLE) + NOISE, len(SAMPLE)
    solution = np.linalg.solve(gram + n * RIDGE * np.eye(n), labels)
    np.testing.assert_allclose(residual[0], -labels, atol=1e-13)
    np.testing.assert_allclose(residual[-1], gram @ solution - labels, atol=1e-12)
    products = np.asarray(sigma)[[1, 2], None] * np.asarray(harmonics(SAMPLE))
    np.testing.assert_allclose(learned[-1], products @ solution, atol=1e-12)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    return x @ theta


def test_descent_with_ridge_and_noise_ends_at_ridge_regression_about_its_start() -> None:
    """θ₀ + Xᵀ(XXᵀ + nλI)⁻¹(y + ζ − Xθ₀): it decays towards θ₀ and not towards 0."""
    start, n = jnp.asarray([3.0, -2.0]), len(SAMPLE)
    run: Any = dynamics.gradient_descent(
        linear, start, TARGET, CIRCLE, np.asarray([0, 1, 4000]), optimizer=0.5, sample=SAMPLE,
        noise=NOISE, ridge=RIDGE, keep_params=True, progress=False,
    )  # fmt: skip
    x, labels = np.asarray(SAMPLE), np.asarray(TARGET(SAMPLE) + NOISE)
    behind = labels - x @ start
    end = start + x.T @ np.linalg.solve(x @ x.T + n * RIDGE * np.eye(n), behind)
    np.testing.assert_allclose(run.params[-1], end, atol=1e-12)
    np.testing.assert_allclose(run.values[-1], CIRCLE.nodes @ end, atol=1e-12)
    # There is nothing to decay at the start, and the loss has no part of the ridge.
    np.testing.assert_allclose(run.params[1], start + 0.5 * x.T @ behind / n, atol=1e-14)
    np.testing.assert_allclose(run.loss[-1], np.mean((x @ end - labels) ** 2) / 2, atol=1e-14)


def test_small_steps_of_gradient_descent_with_ridge_and_noise_of_draws_are_the_flow() -> None:
    params = jax.vmap(network().init)(jax.random.split(jax.random.key(3), 2))
    end, noise = 4.0, jnp.stack([NOISE, -NOISE])
    options: Any = {
        "sample": SAMPLE, "noise": noise, "ridge": RIDGE, "draws": True, "progress": False,
    }  # fmt: skip
    flow = dynamics.gradient_flow(
        network(), params, TARGET, CIRCLE, jnp.asarray([end]), rtol=1e-9, **options
    )
    errors = []
    for steps in (400, 800):
        run = dynamics.gradient_descent(
            network(), params, TARGET, CIRCLE, np.asarray([steps]), optimizer=end / steps, **options
        )
        apart = np.asarray(run.values - flow.residuals)[:, 0] - np.asarray(TARGET(CIRCLE.nodes))
        errors.append(np.abs(apart).max(axis=1))
    assert np.all(errors[1] < 1e-3)
    np.testing.assert_allclose(errors[0] / errors[1], 2, rtol=0.05)


def test_ideal_dynamics_with_a_ridge() -> None:
    system, initial = spectrum.circle(KERNEL, CIRCLE), -TARGET(CIRCLE.nodes)
    flow = dynamics.ideal_flow(system, initial, TIMES, ridge=RIDGE)
    sigma = np.asarray(system.values)[:, None]
    shares = (RIDGE + sigma * np.exp(-(sigma + RIDGE) * np.asarray(TIMES))) / (sigma + RIDGE)
    expected = shares * np.asarray(system.coefficients(initial))[:, None]
    found = jnp.stack([system.coefficients(each) for each in flow], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_noise_of_draws_is_independent_and_of_its_deviation() -> None:
    """As t → 0 the sample's residual moves r by t/n·K(x, X)(y + ζ), here of K = 1: by t·mean."""
    start, n = jnp.asarray([1e-3]), 4
    flows = [
        dynamics.kernel_flows(
            lambda x, y: jnp.ones((len(x), len(y))), TARGET, CIRCLE, start, jax.random.key(0),
            draws=4000, n=n, noise=noise, progress=False,
        )
        for noise in (0.0, 0.5)
    ]  # fmt: skip
    means = np.asarray(flows[1] - flows[0])[:, 0, 0] / 1e-3  # of the same samples
    assert np.std(means) == pytest.approx(0.5 / n**0.5, rel=5 / 8000**0.5)
    assert abs(np.mean(means)) < 5 * 0.25 / 4000**0.5
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 5 / 4000**0.5


def test_noise_knows_nothing_of_the_sample() -> None:
    """A measure may split its key, and `split(key)[i]` is `fold_in(key, i)`."""
    keys, n = jax.random.split(jax.random.key(0), 2000), 4
    zeta = np.asarray(_ensembles._noise(1.0, keys, n)).ravel()
    for others in (keys, *(jax.vmap(jax.random.split, out_axes=1)(keys))):
        same = jax.vmap(lambda key: jax.random.normal(key, (n,)))(others)
        assert abs(np.corrcoef(zeta, np.asarray(same).ravel())[0, 1]) < 5 / zeta.size**0.5


def test_noise_of_network_flows_is_on_their_samples_labels() -> None:
    options: Any = {"draws": 2, "n": 12, "progress": False}
    given = network(), TARGET, CIRCLE, TIMES[1:2], jax.random.key(5)
    quiet, params = dynamics.network_flows(*given, **options)
    noisy, same = dynamics.network_flows(*given, noise=0.3, **options)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, params, same))
    change = np.abs(np.asarray(noisy.residuals - quiet.residuals)).max(axis=(1, 2))
    assert np.all(change > 1e-3)
    assert change[0] != change[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ridge": -1.0}, "ridge must be a finite number of at least 0, got -1.0"),
        ({"ridge": 0.1, "method": "exponential"}, "ridge = 0.1 needs method='explicit'"),
        ({"noise": NOISE}, "noise is of a sample's labels: give a sample, too."),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dynamics.gradient_flow(
            network(), network().init(jax.random.key(0)), TARGET, CIRCLE, TIMES[:2],
            progress=False, **options,
        )  # fmt: skip


def frozen(**options: Any) -> Any:
    params = jax.tree.map(lambda leaf: leaf[None], network().init(jax.random.key(0)))
    return linearization.frozen_flows(
        network(), params, TARGET, CIRCLE, TIMES, sample=SAMPLE[None], **options
    )


def along_harmonics(**options: Any) -> Any:
    harmonics = zonal.Harmonics(degrees=(1,), directions=jnp.asarray([[1.0, 0.0]]))
    return zonal.kernel_flow(
        KERNEL, jnp.asarray([0.0, 0.5]), TARGET, harmonics, TIMES, sample=SAMPLE, **options
    )


def descent(**options: Any) -> Any:
    return dynamics.gradient_descent(
        linear, jnp.zeros(2), TARGET, CIRCLE, np.asarray([1]), optimizer=0.5,
        **{"sample": SAMPLE, **options},
    )  # fmt: skip


@pytest.mark.parametrize("trained", [frozen, along_harmonics, descent])
def test_what_cannot_be_is_refused_of_others_too(trained: Any) -> None:
    with refused("ridge must be a finite number of at least 0, got -1"):
        trained(ridge=-1.0)
    with refused("noise has 5 entries and sample has 12"):
        trained(noise=NOISE[:5])
    with refused("noise holds 1 NaN"):
        trained(noise=NOISE.at[0].set(jnp.nan))


def test_noise_of_descent_without_a_sample_is_refused() -> None:
    with refused("give a sample, too"):
        descent(noise=NOISE, sample=None)


def test_noise_of_another_sample_is_refused() -> None:
    problem = _problem.posed(TARGET, CIRCLE, SAMPLE, jnp.float64)
    with pytest.raises(ValueError, match="noise .* 5 .* sample .* 12"):
        _problem.with_noise(problem, NOISE[:5], SAMPLE, draws=False)


def test_noise_without_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="give n, too"):
        dynamics.network_flows(
            network(), TARGET, CIRCLE, TIMES[:2], jax.random.key(0), draws=1, noise=0.1
        )
