"""Flows against exact solutions, against each other, and against independent integrators."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import by_name, points, refused
from scipy import integrate, linalg

from ntklib import (
    _integrator,
    _neural_tangents,
    _progress,
    dynamics,
    kernels,
    measures,
    networks,
    spectrum,
)
from ntklib.dynamics import Trajectory
from ntklib.targets import FourierSum

CIRCLE = measures.circle(12)
TARGET = FourierSum((1, 2), (1.0, 0.5), (0.0, 0.7))
TIMES = jnp.asarray([0.0, 0.3, 1.0, 4.0])
SMALL = networks.fully_connected(2, (6,), "tanh", biases=True)

Flow = Callable[..., Trajectory]
either_flow = pytest.mark.parametrize(
    "kind", [dynamics.gradient_flow, dynamics.linearized_flow], ids=lambda kind: kind.__name__
)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    """f(x; θ) = ⟨θ, features(x)⟩, whose flow is known in closed form."""
    return features(x) @ theta


def features(x: jax.Array) -> jax.Array:
    first, second = x[:, 0], x[:, 1]
    return jnp.stack([jnp.ones_like(first), first, 2 * second, first * second, first**2], axis=-1)


def exact_residuals(theta_0: jax.Array, x: jax.Array, weights: jax.Array) -> np.ndarray:
    """r_t at the circle's nodes: ∂_tθ = −Aθ + c with A = FᵀWF and c = FᵀWf*."""
    design = np.asarray(features(x))
    weighted = design.T * np.asarray(weights)
    system = np.zeros((6, 6))
    system[:5, :5] = -weighted @ design
    system[:5, 5] = weighted @ np.asarray(TARGET(x))
    start = np.append(np.asarray(theta_0), 1.0)
    thetas = np.stack([(linalg.expm(t * system) @ start)[:5] for t in np.asarray(TIMES)])
    return thetas @ np.asarray(features(CIRCLE.nodes)).T - np.asarray(TARGET(CIRCLE.nodes))


def flow(
    apply: Any, params: Any, *, kind: Flow = dynamics.gradient_flow, **options: Any
) -> Trajectory:
    settings = {"progress": False, **options}
    return kind(apply, params, TARGET, CIRCLE, TIMES, **settings)


def sample(n: int, seed: int = 0) -> jax.Array:
    return CIRCLE.sample(jax.random.key(seed), n)


@either_flow
@pytest.mark.parametrize("n", [3, None])
def test_flow_of_a_linear_model_is_exact(n: int | None, kind: Flow) -> None:
    """A model that is linear in θ is its own linearization."""
    theta_0 = jnp.asarray(points(1, 5)[0])
    x = CIRCLE.nodes if n is None else sample(n)
    expected = exact_residuals(theta_0, x, jnp.full(x.shape[0], 1 / x.shape[0]))
    own = None if n is None else x
    got = flow(linear, theta_0, kind=kind, sample=own, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(got.times, TIMES)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-9, rtol=0)
    np.testing.assert_allclose(got.residuals[0], expected[0], atol=1e-14, rtol=0)
    assert got.params is None


def test_unequal_weights_of_the_measure_count() -> None:
    weights = jnp.arange(1.0, 13.0) / 78
    measure = measures.empirical(CIRCLE.nodes, weights)
    theta_0 = jnp.asarray(points(1, 5)[0])
    got = dynamics.gradient_flow(
        linear, theta_0, TARGET, measure, TIMES, rtol=1e-10, atol=1e-12, progress=False
    )
    expected = exact_residuals(theta_0, CIRCLE.nodes, weights)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-9, rtol=0)


def test_tolerance_steers_the_error() -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    expected = exact_residuals(theta_0, CIRCLE.nodes, CIRCLE.weights)
    tolerances = np.asarray([1e-4, 1e-6, 1e-8, 1e-10])
    runs = [flow(linear, theta_0, rtol=float(each), atol=float(each)) for each in tolerances]
    errors = np.asarray([np.max(np.abs(np.asarray(run.residuals) - expected)) for run in runs])
    assert np.all(errors < 10 * tolerances)
    assert np.all(errors[1:] < errors[:-1] / 10)
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    assert 0.7 < slope < 1.3, errors
    assert np.all(np.diff([int(run.steps) for run in runs]) > 0)
    # Halving a tolerance shows the error without knowing the solution.
    halves = flow(linear, theta_0, rtol=5e-7, atol=5e-7)
    change = np.max(np.abs(np.asarray(halves.residuals - runs[1].residuals)))
    assert errors[1] / 5 < change < 2 * errors[1]


@either_flow
def test_where_the_first_time_lies_costs_no_steps(kind: Flow) -> None:
    # `diffrax` would start with a step of 0.01, which the first of these is a rounding error above.
    steps = [
        int(kind(linear, jnp.zeros(5), TARGET, CIRCLE, jnp.geomspace(first, 2.0, 8)).steps)
        for first in (0.01, 0.012)
    ]
    assert abs(steps[0] - steps[1]) <= 3, steps


@pytest.mark.parametrize("n", [None, 5])
def test_flow_of_a_network_against_another_integrator(n: int | None) -> None:
    """SciPy's DOP853 on a gradient that NumPy computes from the formulas."""
    width, d = 6, 2
    params = SMALL.init(jax.random.key(0))
    x = np.asarray(CIRCLE.nodes if n is None else sample(n))
    nodes, labels = np.asarray(CIRCLE.nodes), np.asarray(TARGET(jnp.asarray(x)))

    def split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        w, b, v, c = np.split(theta, np.cumsum([width * d, width, width]))
        return w.reshape(width, d), b, v, float(c[0])

    def output(theta: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, b, v, c = split(theta)
        hidden = np.tanh(at @ w.T / d**0.5 + b)
        return hidden @ v / width**0.5 + c, hidden

    def descent(t: float, theta: np.ndarray) -> np.ndarray:
        value, hidden = output(theta, x)
        error = (value - labels) / len(x)
        inner = (1 - hidden**2) * split(theta)[2] / width**0.5 * error[:, None]
        return -np.concatenate(
            [
                (inner.T @ x / d**0.5).ravel(),
                inner.sum(0),
                hidden.T @ error / width**0.5,
                [error.sum()],
            ]
        )

    start = np.concatenate(
        [np.asarray(layer[key]).ravel() for layer in params for key in ("weight", "bias")]
    )
    solution = integrate.solve_ivp(
        descent, (0, 4.0), start, method="DOP853", t_eval=np.asarray(TIMES), rtol=1e-12, atol=1e-12
    )
    expected = [
        output(theta, nodes)[0] - np.asarray(TARGET(CIRCLE.nodes)) for theta in solution.y.T
    ]
    own = None if n is None else jnp.asarray(x)
    got = flow(SMALL.apply, params, sample=own, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got.residuals, expected, atol=1e-8, rtol=0)


@either_flow
def test_draws_are_single_runs(kind: Flow) -> None:
    """One compiled call over draws, each on its own sample, one after another or side by side."""
    keys = jax.random.split(jax.random.key(1), 3)
    params = jax.vmap(SMALL.init)(keys)
    samples = jnp.stack([sample(5, seed) for seed in range(3)])
    many = flow(SMALL.apply, params, kind=kind, sample=samples, draws=True, keep_params=True)
    assert many.residuals.shape == (3, 4, 12)
    assert many.steps.shape == (3,)
    for draw in range(3):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        one = flow(SMALL.apply, theta_0, kind=kind, sample=samples[draw], keep_params=True)
        assert one.residuals.shape == (4, 12)
        np.testing.assert_allclose(many.residuals[draw], one.residuals, atol=1e-12, rtol=0)
        assert many.steps[draw] == one.steps
        for several, single in zip(
            jax.tree.leaves(many.params), jax.tree.leaves(one.params), strict=True
        ):
            np.testing.assert_allclose(several[draw], single, atol=1e-12, rtol=0)
    assert float(jnp.max(jnp.abs(many.residuals[0] - many.residuals[1]))) > 0.1

    count = 3
    labels = TARGET(samples.reshape(-1, 2)).reshape(count, 5)
    batch = (params, samples, labels, jnp.arange(count))
    with _progress.bar("", count, shown=False) as bar:
        beside, steps, stopped = _integrator.integrate(
            batch, jnp.full(5, 0.2), CIRCLE.nodes, CIRCLE.weights, TARGET(CIRCLE.nodes), TIMES,
            jnp.asarray(1e-6), None, bar, apply=SMALL.apply, forward=SMALL.forward,
            method="explicit", linearized=kind is dynamics.linearized_flow, keep_params=True,
            max_steps=1000, side_by_side=True, progress=False,
        )  # fmt: skip
    assert np.all(np.isinf(stopped))
    np.testing.assert_allclose(beside["residuals"], many.residuals, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(steps, many.steps)


def test_saved_parameters_belong_to_the_residuals() -> None:
    """They give the residuals; the loss falls; ∂_t r_t = −(1/n) Σ K_t(·, xᵢ) r_t(xᵢ)."""
    h, t = 1e-3, 0.7
    x = sample(5)
    times = jnp.asarray([0.0, t - h, t, t + h, 3.0, 9.0])
    run = dynamics.gradient_flow(
        SMALL.apply, SMALL.init(jax.random.key(3)), TARGET, CIRCLE, times,
        sample=x, rtol=1e-11, atol=1e-12, keep_params=True, progress=False,
    )  # fmt: skip
    at = [jax.tree.map(lambda leaf, s=s: leaf[s], run.params) for s in range(6)]
    for theta, residual in zip(at, run.residuals, strict=True):
        expected = SMALL.apply(theta, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
        np.testing.assert_allclose(residual, expected, atol=1e-13, rtol=0)
    losses = [float(jnp.mean((SMALL.apply(theta, x) - TARGET(x)) ** 2)) for theta in at]
    assert np.all(np.diff(losses) < 0)

    velocity = (run.residuals[3] - run.residuals[1]) / (2 * h)
    on_sample = SMALL.apply(at[2], x) - TARGET(x)
    predicted = -kernels.empirical(SMALL.apply, at[2], CIRCLE.nodes, x) @ on_sample / 5
    # Central differences are off by h²/6 of the third derivative.
    np.testing.assert_allclose(
        velocity, predicted, atol=1e-5 * float(jnp.max(jnp.abs(predicted))), rtol=0
    )


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
        SMALL.apply, params, kind=dynamics.linearized_flow, sample=x,
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
    got = dynamics.linearized_flow(
        SMALL.apply, params, TARGET, measure, TIMES, rtol=1e-10, atol=1e-12, progress=False
    )
    np.testing.assert_allclose(got.residuals, expected, atol=1e-8, rtol=0)


def test_linearization_is_that_of_neural_tangents() -> None:
    """Its function of the parameters, and the gradient flow of that function."""
    nt = _neural_tangents.load()
    params = SMALL.init(jax.random.key(2))
    linearized = nt.linearize(SMALL.apply, params)
    tight: dict[str, Any] = {"sample": sample(4), "rtol": 1e-10, "atol": 1e-12}
    got = flow(SMALL.apply, params, kind=dynamics.linearized_flow, keep_params=True, **tight)
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
        for kind in (dynamics.gradient_flow, dynamics.linearized_flow)
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
            for kind in (dynamics.gradient_flow, dynamics.linearized_flow)
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
            _integrator.integrate, apply=SMALL.apply, forward=None, method="explicit",
            linearized=linearized, keep_params=False, max_steps=100, side_by_side=True,
            progress=False,
        )  # fmt: skip
        number = jnp.asarray(1e-6)
        program = jax.make_jaxpr(run)(
            batch,
            CIRCLE.weights,
            CIRCLE.nodes,
            CIRCLE.weights,
            labels,
            TIMES,
            number,
            number,
            jnp.asarray(0),
        )
        found = [inside for name, inside in loops(program.jaxpr) if name == "tanh"]
        assert found
        assert any(found) != linearized


@either_flow
def test_single_precision(kind: Flow) -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    expected = exact_residuals(theta_0, CIRCLE.nodes, CIRCLE.weights)
    run = flow(linear, theta_0.astype(jnp.float32), kind=kind, rtol=1e-5, atol=1e-6)
    assert run.residuals.dtype == jnp.float32
    np.testing.assert_allclose(run.residuals, expected, atol=1e-4, rtol=0)
    with jax.enable_x64(False):
        measure = measures.Measure("nodes", CIRCLE.nodes.astype(jnp.float32),
                                   CIRCLE.weights.astype(jnp.float32), CIRCLE.sampler)  # fmt: skip
        alone = kind(
            linear, theta_0.astype(jnp.float32), TARGET, measure,
            jnp.asarray(TIMES, jnp.float32), rtol=1e-5, atol=1e-6, progress=False,
        )  # fmt: skip
    np.testing.assert_allclose(alone.residuals, run.residuals, atol=1e-4, rtol=0)


def test_a_readers_own_network() -> None:
    """An Equinox module, split into its arrays and the rest."""
    model = eqx.nn.MLP(2, "scalar", 5, 1, activation=jnp.tanh, key=jax.random.key(0), dtype=float)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def apply(params: Any, x: jax.Array) -> jax.Array:
        return jax.vmap(eqx.combine(params, rest))(x)

    run = flow(apply, arrays, keep_params=True)
    assert isinstance(run.params, eqx.nn.MLP)
    last = jax.tree.map(lambda leaf: leaf[-1], run.params)
    expected = apply(last, CIRCLE.nodes) - TARGET(CIRCLE.nodes)
    np.testing.assert_allclose(run.residuals[-1], expected, atol=1e-13, rtol=0)
    assert CIRCLE.norm(run.residuals[-1]) < CIRCLE.norm(run.residuals[0]) / 2


def test_the_bar_appears_when_a_run_is_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reports: list[tuple[int, float]] = []
    advance = _progress._advance

    def watched(number: Any, draw: Any, fraction: Any) -> None:
        reports.append((int(draw), float(fraction)))
        advance(number, draw, fraction)

    def apply(theta: jax.Array, x: jax.Array) -> jax.Array:
        """A new object, so that it is compiled anew with what is patched here."""
        return linear(theta, x)

    monkeypatch.setattr(_progress, "EVERY", 3)
    monkeypatch.setattr(_progress, "_advance", watched)
    theta_0 = jnp.asarray(points(2, 5))
    flow(apply, theta_0, draws=True, progress=True)
    assert capsys.readouterr().err == ""  # it is over before the delay is
    for draw in (0, 1):
        fractions = [fraction for each, fraction in reports if each == draw]
        assert 0 < fractions[0] < 1
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1

    monkeypatch.setattr(_progress, "DELAY", 0.0)
    quiet = flow(apply, theta_0, draws=True, progress=False)
    assert capsys.readouterr().err == ""
    shown = flow(apply, theta_0, draws=True, progress=True)
    np.testing.assert_allclose(shown.residuals, quiet.residuals, atol=1e-13, rtol=0)
    bar = capsys.readouterr().err
    assert "gradient flow:   0%" in bar
    assert "gradient flow: 100%" in bar
    flow(apply, theta_0, kind=dynamics.linearized_flow, draws=True, progress=True)
    assert "linearized flow: 100%" in capsys.readouterr().err


def test_the_bar_counts_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    with _progress.bar("bar", 2, shown=True) as number:
        display, fractions = _progress._open[int(number)]
        _progress._advance(number, 0, 0.5)
        _progress._advance(number, 1, 0.25)
        assert display.n == 0.75
        _progress._advance(number, 0, 1.0)
        assert fractions == [1.0, 0.25]
        assert display.n == 1.25
    assert display.n == 2
    assert int(number) not in _progress._open


@either_flow
def test_a_flow_that_does_not_end_is_an_error(kind: Flow) -> None:
    theta_0 = jnp.asarray(points(1, 5)[0])
    enough = int(flow(linear, theta_0, kind=kind).steps)
    assert flow(linear, theta_0, kind=kind, max_steps=enough).residuals.shape == (4, 12)
    with refused(
        f"before 4, in its only draw: it made all max_steps = {enough - 1} steps, and at this rate "
        f"needs {enough - 1:.1g}. Raise max_steps, shorten times, or loosen rtol and atol.",
        RuntimeError,
    ):
        flow(linear, theta_0, kind=kind, max_steps=enough - 1)


@either_flow
def test_bad_arguments_of_a_flow_are_refused(kind: Flow) -> None:
    theta_0 = jnp.zeros(5)

    def run(**changes: Any) -> None:
        arguments: dict[str, Any] = {
            "network": linear, "params": theta_0, "target": TARGET, "measure": CIRCLE,
            "times": TIMES, "progress": False,
        }  # fmt: skip
        kind(**{**arguments, **changes})

    with refused("times must be non-negative, got -1.0 first."):
        run(times=jnp.asarray([-1.0, 1.0]))
    with refused("times[1] = 2.0 is followed by 1.0: sort them"):
        run(times=jnp.asarray([0.0, 2.0, 1.0]))
    with refused("rtol must be a positive finite number, got 0.0."):
        run(rtol=0.0)
    with refused("atol must be a positive finite number, got nan."):
        run(atol=float("nan"))
    with refused("rtol = 1e-16 is below the rounding of float64: use 9e-16 or more"):
        run(rtol=1e-16)
    with refused(
        "rtol = 1e-07 is below the rounding of float32: use 5e-07 or more, or parameters in "
        "float64."
    ):
        run(params=theta_0.astype(jnp.float32), rtol=1e-7)
    with refused("params holds no arrays: pass the initial parameters θ₀."):
        run(params=())
    with refused("params holds 1 NaN or infinite value(s) among 5"):
        run(params=theta_0.at[0].set(jnp.nan))
    with refused(
        "params must be of one floating-point type, got ['float32', 'float64'].", TypeError
    ):
        run(params=(theta_0, theta_0.astype(jnp.float32)))
    with refused("params must hold real floating-point numbers, got dtype int64.", TypeError):
        run(params=jnp.zeros(5, int))
    with refused("sample must have the axes (n, d), got shape (2,)."):
        run(sample=jnp.ones(2))
    with refused("sample is empty (shape (0, 2)): give at least one entry."):
        run(sample=jnp.ones((0, 2)))
    with refused("sample holds 2 NaN or infinite value(s) among 2"):
        run(sample=jnp.full((1, 2), jnp.inf))
    with refused(
        "sample must hold points of dimension 2, like the measure's nodes, got shape (4, 3)."
    ):
        run(sample=jnp.ones((4, 3)))
    with refused("x must lie on the unit sphere, but one has norm 2"):
        run(sample=jnp.asarray([[2.0, 0.0]]))
    with refused(
        "network must return one number a point, shape (12,) for the measure's nodes, but returns "
        "shape (12, 1): check its last layer and, with several draws, pass draws=True."
    ):
        run(network=lambda theta, x: linear(theta, x)[:, None])


@either_flow
def test_bad_draws_are_refused(kind: Flow) -> None:
    many: dict[str, Any] = {"draws": True, "kind": kind}
    with refused("with draws=True every array of params needs the same leading axis"):
        flow(linear, (jnp.zeros((2, 5)), jnp.zeros((3, 5))), **many)
    with refused("make them with jax.vmap(network.init)(keys)."):
        flow(linear, jnp.asarray(1.0), **many)
    with refused("sample has 3 entries and params' first axis has 2: they must agree."):
        flow(linear, jnp.zeros((2, 5)), sample=jnp.ones((3, 4, 2)), **many)
    with refused("sample must have the axes (b, n, d), got shape (4, 2)."):
        flow(linear, jnp.zeros((2, 5)), sample=jnp.ones((4, 2)), **many)


def kernel_problem(n: int, seed: int) -> tuple[jax.Array, ...]:
    """The Gram matrices of a kernel on a sample and nodes, and residuals on both."""
    kernel = by_name("erf-1-biases").network(2, 4).kernel
    x = sample(n, seed)
    random = np.random.default_rng(seed)
    return (
        kernel(x, x),
        kernel(CIRCLE.nodes, x),
        jnp.asarray(random.standard_normal(n)),
        jnp.asarray(random.standard_normal(12)),
    )


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (5, 0), (20, 1)])
def test_kernel_flow_solves_its_equation(n: int, seed: int) -> None:
    """On the nodes and the sample together it is linear, so one matrix exponential solves it."""
    gram, cross, on_sample, initial = kernel_problem(n, seed)
    system = np.zeros((n + 12, n + 12))
    system[:n, :n], system[n:, :n] = -np.asarray(gram) / n, -np.asarray(cross) / n
    start = np.concatenate([on_sample, initial])
    expected = np.stack([linalg.expm(t * system) @ start for t in np.asarray(TIMES)])
    got = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(got, expected[:, n:], atol=1e-10, rtol=0)
    back = dynamics.kernel_flow(gram, gram, on_sample, on_sample, TIMES)
    np.testing.assert_allclose(back, expected[:, :n], atol=1e-10, rtol=0)


def test_kernel_flow_is_that_of_neural_tangents() -> None:
    nt = _neural_tangents.load()
    n = 8
    gram, cross, on_sample, initial = kernel_problem(n, 2)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        predict = nt.predict.gradient_descent_mse(gram, jnp.zeros((n, 1)))
        trained, elsewhere = predict(TIMES, on_sample[:, None], initial[:, None], cross)
    got = dynamics.kernel_flow(gram, gram, on_sample, on_sample, TIMES)
    np.testing.assert_allclose(got, trained[..., 0], atol=1e-8, rtol=0)
    got = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(got, elsewhere[..., 0], atol=1e-8, rtol=0)


def test_kernel_flow_of_a_singular_kernel() -> None:
    """Where the kernel vanishes nothing moves, and a repeated point does no harm."""
    gram, cross, on_sample, initial = kernel_problem(3, 0)
    still = dynamics.kernel_flow(0 * gram, 0 * cross, on_sample, initial, TIMES)
    np.testing.assert_array_equal(still, np.tile(initial, (4, 1)))
    twice = jnp.asarray([0, 1, 2, 0, 1, 2])
    doubled = dynamics.kernel_flow(
        gram[jnp.ix_(twice, twice)], cross[:, twice], on_sample[twice], initial, TIMES
    )
    once = dynamics.kernel_flow(gram, cross, on_sample, initial, TIMES)
    np.testing.assert_allclose(doubled, once, atol=1e-12, rtol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_ideal_flow_is_the_exponential_of_the_operator(weighted: bool) -> None:
    weights = jnp.arange(1.0, 13.0) / 78 if weighted else CIRCLE.weights
    measure = measures.empirical(CIRCLE.nodes, weights)
    gram = by_name("erf-1-biases").network(2, 4).kernel(measure.nodes, measure.nodes)
    initial = jnp.asarray(points(1, 12)[0])
    operator = np.asarray(gram) * np.asarray(weights)
    expected = [linalg.expm(-t * operator) @ np.asarray(initial) for t in np.asarray(TIMES)]
    got = dynamics.ideal_flow(spectrum.nystrom(gram, measure), initial, TIMES)
    np.testing.assert_allclose(got, expected, atol=1e-10, rtol=0)


def test_ideal_flow_on_the_circle() -> None:
    system = spectrum.circle(by_name("erf-1-biases").network(2, 4).kernel, CIRCLE, 5)
    initial = jnp.asarray(points(1, 12)[0])
    got = dynamics.ideal_flow(system, initial, TIMES)
    before = system.coefficients(initial)
    for t, residual in zip(np.asarray(TIMES), got, strict=True):
        np.testing.assert_allclose(
            system.coefficients(residual),
            np.exp(-t * np.asarray(system.values)) * before,
            atol=1e-13,
            rtol=0,
        )
        # What the five eigenfunctions don't span stays.
        outside = residual - system.synthesis(system.coefficients(residual))
        np.testing.assert_allclose(outside, initial - system.synthesis(before), atol=1e-13, rtol=0)


def test_damping_factor_is_its_integral() -> None:
    values = jnp.asarray([0.0, 1e-14, 1e-6, 0.3, 50.0, 1e9])
    times = jnp.asarray([0.0, 1e-5, 1.0, 200.0])
    got = np.asarray(dynamics.damping_factor(values, times))
    assert got.shape == (4, 6)
    for i, t in enumerate(np.asarray(times)):
        for j, sigma in enumerate(np.asarray(values)):
            # e^{−σs} has died out after 40/σ.
            end = min(t, 40 / sigma) if sigma else t
            expected = integrate.quad(lambda s, sigma=sigma: np.exp(-sigma * s), 0, end)[0]
            assert got[i, j] == pytest.approx(expected, rel=1e-12)
    with np.errstate(divide="ignore"):
        bound = np.minimum(np.asarray(times)[:, None], 1 / np.asarray(values)[None, :])
    assert np.all(got <= bound * (1 + 1e-15))
    np.testing.assert_array_equal(got[:, 0], times)
    # Rounding makes an eigenvalue 0 slightly negative.
    assert dynamics.damping_factor(jnp.asarray([-1e-17]), jnp.asarray([3.0])) == 3.0
    # Continuous where the formula changes over to its limit.
    ends = dynamics.damping_factor(jnp.asarray([0.99e-12, 1.01e-12]), jnp.asarray([1.0]))
    np.testing.assert_allclose(ends, 1.0, rtol=1e-12)


def test_bad_arguments_of_closed_forms_are_refused() -> None:
    gram, cross, on_sample, initial = kernel_problem(3, 0)

    def run(**changes: Any) -> None:
        arguments: dict[str, Any] = {
            "gram": gram, "cross": cross, "sample_residual": on_sample, "initial": initial,
            "times": TIMES,
        }  # fmt: skip
        dynamics.kernel_flow(**{**arguments, **changes})

    with refused("gram must be symmetric, but differs from its transpose by"):
        run(gram=gram.at[0, 1].add(1.0))
    with refused("gram must be positive semidefinite, but has the eigenvalue -"):
        run(gram=gram - 5 * jnp.eye(3))
    with refused("gram must be square, got shape (2, 3)."):
        run(gram=gram[:2])
    with refused("gram is empty (shape (0, 0)): give at least one entry."):
        run(gram=jnp.zeros((0, 0)))
    with refused("cross's second axis has 2 entries and gram has 3: they must agree."):
        run(cross=cross[:, :2])
    with refused("sample_residual has 2 entries and gram has 3: they must agree."):
        run(sample_residual=on_sample[:2])
    with refused("initial has 11 entries and cross has 12: they must agree."):
        run(initial=initial[1:])
    with refused("initial holds 1 NaN or infinite value(s) among 12"):
        run(initial=initial.at[3].set(jnp.nan))
    with refused("times must be non-negative, got -1.0 first."):
        run(times=-TIMES[2:])
    system = spectrum.circle(by_name("erf-1-biases").network(2, 4).kernel, CIRCLE)
    with refused("initial has 11 entries and measure has 12: they must agree."):
        dynamics.ideal_flow(system, initial[1:], TIMES)
    with refused("initial must hold real floating-point numbers, got dtype int64.", TypeError):
        dynamics.ideal_flow(system, jnp.ones(12, int), TIMES)
    with refused("times must be strictly increasing"):
        dynamics.ideal_flow(system, initial, TIMES[::-1])
    with (
        jax.enable_x64(False),
        refused("A difference of trajectories needs float64, and JAX is in single precision"),
    ):
        run()
    with jax.enable_x64(False), refused("A difference of trajectories needs float64"):
        dynamics.ideal_flow(system, initial, TIMES)
