"""Repetitions are the single runs they stand for, independent of each other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import by_name, points
from refusals import refused

from ntklib import _device, _progress, dynamics, kernels, measures, networks
from ntklib.dynamics import _ensembles, _integrator
from ntklib.kernels import _draws
from ntklib.targets import FourierSum

CIRCLE = measures.circle(10)
TARGET = FourierSum((1, 2), (1.0, 0.5))
TIMES = jnp.asarray([0.5, 2.0])
NETWORK = networks.antisymmetric(networks.fully_connected(2, (6,)))
KERNEL = by_name("erf-1-biases").network(2, 4).kernel
SMALL_CHANNELS = "convolutional-erf-2-biases-same2"
# So many that positions take fewer operations than gradients.
WIDE_CHANNELS = networks.convolutional((4, 1), (24, 24), biases=True)


def test_network_flows_are_gradient_flows() -> None:
    """From starts and on samples that are all different."""
    key, draws, n = jax.random.key(0), 3, 4
    runs, params = dynamics.network_flows(
        NETWORK, TARGET, CIRCLE, TIMES, key, draws=draws, n=n, progress=False
    )
    assert runs.residuals.shape == (draws, 2, 10)
    assert {leaf.shape[0] for leaf in jax.tree.leaves(params)} == {draws}
    weights = np.asarray(params["plus"][0]["weight"])
    assert len(np.unique(weights)) == weights.size
    sample_key = jax.random.split(key)[1]
    samples = jnp.stack([CIRCLE.sample(each, n) for each in jax.random.split(sample_key, draws)])
    direct = dynamics.gradient_flow(
        NETWORK.apply, params, TARGET, CIRCLE, TIMES, sample=samples, draws=True, progress=False
    )
    np.testing.assert_allclose(runs.residuals, direct.residuals, atol=1e-13, rtol=0)
    assert len(np.unique(np.asarray(runs.residuals)[:, -1, 0])) == draws


def test_the_key_decides_the_starts_whatever_the_sample() -> None:
    starts: list[Any] = []
    still = dynamics.Trajectory(TIMES, jnp.zeros((2, 10)), None, jnp.zeros((), int))

    def remembered(apply: Any, params: Any, *_: Any, **options: Any) -> dynamics.Trajectory:
        starts.append((params, options["sample"]))
        return still

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ensembles, "gradient_flow", remembered)
        for n in (None, 4, 5):
            dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, jax.random.key(0), draws=2, n=n)
    for params, _ in starts:
        assert jax.tree.all(jax.tree.map(jnp.array_equal, params, starts[0][0]))
    assert [None if x is None else x.shape for _, x in starts] == [None, (2, 4, 2), (2, 5, 2)]


@pytest.mark.parametrize("side_by_side", [False, True])
def test_the_device_decides_whether_draws_run_side_by_side(
    side_by_side: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_draws, seen = _device.over_draws, []

    def noted(one: Any, batch: Any, *, side_by_side: bool) -> Any:
        seen.append(side_by_side)
        return over_draws(one, batch, side_by_side=side_by_side)

    monkeypatch.setattr(_device, "over_draws", noted)
    monkeypatch.setattr(_device, "side_by_side", lambda: side_by_side)
    compiled: Any
    for compiled in (_integrator.integrate, _ensembles._kernel_flows):
        compiled.clear_cache()
    arguments = (TARGET, CIRCLE, TIMES, jax.random.key(1))
    dynamics.network_flows(NETWORK, *arguments, draws=2, n=3, progress=False)
    dynamics.kernel_flows(KERNEL, *arguments, draws=2, n=3, progress=False)
    assert seen == [side_by_side] * 2


@pytest.mark.parametrize("side_by_side", [False, True])
def test_kernel_flows_are_kernel_flows(side_by_side: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    over_draws = _device.over_draws
    monkeypatch.setattr(
        _device,
        "over_draws",
        lambda one, batch, **_: over_draws(one, batch, side_by_side=side_by_side),
    )
    compiled: Any = _ensembles._kernel_flows
    compiled.clear_cache()
    key, draws, n = jax.random.key(1), 3, 5
    got = dynamics.kernel_flows(
        KERNEL, TARGET, CIRCLE, TIMES, key, draws=draws, n=n, progress=False
    )
    assert got.shape == (draws, 2, 10)
    for draw, draw_key in enumerate(jax.random.split(key, draws)):
        x = CIRCLE.sample(draw_key, n)
        expected = dynamics.kernel_flow(
            KERNEL(x, x), KERNEL(CIRCLE.nodes, x), -TARGET(x), -TARGET(CIRCLE.nodes), TIMES
        )
        np.testing.assert_allclose(got[draw], expected, atol=1e-12, rtol=0)


def test_with_a_key_for_each_a_draw_does_not_depend_on_the_others() -> None:
    keys = jax.random.split(jax.random.key(3), 4)
    first, second = keys[:3], keys[jnp.asarray([3, 0, 2])]
    runs, others = (
        dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, chosen, n=4, progress=False)[0]
        for chosen in (first, second)
    )
    np.testing.assert_allclose(
        others.residuals[1:], runs.residuals[jnp.asarray([0, 2])], atol=1e-13, rtol=0
    )
    assert len(np.unique(np.asarray(runs.residuals)[:, -1, 0])) == 3
    limits, other_limits = (
        dynamics.kernel_flows(KERNEL, TARGET, CIRCLE, TIMES, chosen, n=5, progress=False)
        for chosen in (first, second)
    )
    np.testing.assert_allclose(other_limits[1:], limits[jnp.asarray([0, 2])], atol=1e-13, rtol=0)
    assert len(np.unique(np.asarray(limits)[:, -1, 0])) == 3


def test_one_key_needs_a_number_of_draws_and_several_keys_agree_with_it() -> None:
    key = jax.random.key(0)
    with refused("draws is missing: say how many, or give one key for each draw."):
        dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, key)
    with refused("draws is missing: say how many, or give one key for each draw."):
        dynamics.kernel_flows(KERNEL, TARGET, CIRCLE, TIMES, key, n=4)
    keys = jax.random.split(key, 3)
    with refused("key has 3 entries and draws has 2: they must agree."):
        dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, keys, draws=2)


def test_kernel_flows_show_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    dynamics.kernel_flows(KERNEL, TARGET, CIRCLE, TIMES, jax.random.key(1), draws=3, n=5)
    assert "kernel flow: 100%" in capsys.readouterr().err


def test_kernel_distances_are_distances() -> None:
    params = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(2), 3))
    grams = {
        "analytic": KERNEL(CIRCLE.nodes, CIRCLE.nodes),
        "rbf": kernels.rbf(CIRCLE.nodes, CIRCLE.nodes, 1.0),
    }
    got = _draws.kernel_distances(NETWORK, params, grams, CIRCLE)
    assert set(got) == set(grams)
    for draw in range(3):
        theta_0 = jax.tree.map(lambda leaf, draw=draw: leaf[draw], params)
        at_start = kernels.empirical(NETWORK.apply, theta_0, CIRCLE.nodes)
        for name, gram in grams.items():
            expected = kernels.distance(gram, at_start, CIRCLE)
            assert float(got[name][draw]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("name", ["erf-3-biases", "residual-erf-3-biases", SMALL_CHANNELS, "wide"])
def test_initial_kernels_are_empirical_kernels(name: str) -> None:
    """Of independent draws, by the layers and by the Jacobian."""
    network = WIDE_CHANNELS if name == "wide" else by_name(name).network(4, 6)
    x, key = jnp.asarray(points(5, 4)), jax.random.key(3)
    got = kernels.initial_kernels(network, x, key, draws=3)
    assert got.shape == (3, 5, 5)
    by_jacobian = kernels.initial_kernels(network.apply, x, key, draws=3, init=network.init)
    for draw, draw_key in enumerate(jax.random.split(key, 3)):
        expected = kernels.empirical(network, network.init(draw_key), x, method="jacobian")
        size = float(jnp.abs(expected).max())
        np.testing.assert_allclose(got[draw], expected, atol=1e-13 * size, rtol=0)
        np.testing.assert_allclose(by_jacobian[draw], expected, atol=1e-13 * size, rtol=0)
    assert float(jnp.abs(got[0] - got[1]).max()) > 1e-3


def test_initial_kernels_of_what_has_none_are_refused() -> None:
    x, key = CIRCLE.nodes, jax.random.key(0)
    with refused("init must be given with an apply function"):
        kernels.initial_kernels(NETWORK.apply, x, key, draws=2)
    with refused(
        "network must have one output, but returns shape (10, 3): select one output coordinate."
    ):
        kernels.initial_kernels(networks.fully_connected(2, (4,), outputs=3), x, key, draws=2)
    with refused("draws must be at least 1, got 0."):
        kernels.initial_kernels(NETWORK, x, key, draws=0)
    with refused("x must have"):
        kernels.initial_kernels(NETWORK, x[0], key, draws=2)


def test_no_draws_are_refused() -> None:
    key = jax.random.key(0)
    with refused("draws must be at least 1, got 0."):
        dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, key, draws=0)
    with refused("draws must be at least 1, got 0."):
        dynamics.kernel_flows(KERNEL, TARGET, CIRCLE, TIMES, key, draws=0, n=4)
    with refused("n must be at least 1, got 0."):
        dynamics.kernel_flows(KERNEL, TARGET, CIRCLE, TIMES, key, draws=2, n=0)
    with refused("n must be at least 1, got 0."):
        dynamics.network_flows(NETWORK, TARGET, CIRCLE, TIMES, key, draws=2, n=0)
