"""The named studies measure what they say, whatever seeds they are asked for together."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from refusals import refused

from ntklib import (
    datasets,
    dynamics,
    kernels,
    measures,
    networks,
    spectrum,
    studies,
    targets,
    theory,
)
from ntklib._scale import SCALES
from ntklib.networks import _architectures
from ntklib.studies import _named

VARIABLES = {
    "linear-width": {"ratio", "epsilon", "deviation", "time"},
    "kernel-limit": {"ratio", "epsilon", "deviation", "time"},
    "theorem-1": {"projected_epsilon", "total_epsilon", "kernel_term", "kernel", "time"},
}
SETTINGS: dict[str, Any] = {"horizon": 2.0, "times": 4, "nodes": 12}
DENSE, DEEP, RING, RESIDUAL = _architectures.ARCHITECTURES


def _assert_running_maximum(found: xr.Dataset) -> None:
    supremum = np.maximum.accumulate(found.ratio.values, axis=found.ratio.get_axis_num("time"))
    np.testing.assert_allclose(supremum, found.epsilon, rtol=1e-12)


def hand_made_key(seed: int, width: int, n: int | None) -> Any:
    key = jax.random.fold_in(jax.random.key(_named.BASE), seed)
    return jax.random.fold_in(jax.random.fold_in(key, width), n or 0)


def test_linear_width_is_the_comparison_of_corollary_2() -> None:
    """Made here from one initialization and sample at a time, with the circle's own spectrum."""
    found = studies.run(
        studies.STUDIES["linear-width"],
        {"architecture": [DENSE], "width": [5], "samples": [6, math.inf]},
        scale="quick", seeds=[3, 1], batch=1, settings=SETTINGS, progress=False,
    )  # fmt: skip
    dims = ("measure", "architecture", "width", "samples_label", "seed", "time")
    assert found.epsilon.dims == dims
    times = jnp.geomspace(0.01, 2.0, 4)
    np.testing.assert_array_equal(found.time, times)
    circle = measures.circle(12)
    hidden = networks.fully_connected(2, (5,), "erf", biases=True)
    system = spectrum.circle(hidden.kernel, circle)
    for n in (6, None):
        for seed in (3, 1):
            key = hand_made_key(seed, 5, n)
            flow, _ = dynamics.network_flows(
                networks.antisymmetric(hidden), studies.TARGET, circle, times, key[None], n=n,
                progress=False,
            )  # fmt: skip
            both = theory.compare(flow.residuals[0], -studies.TARGET(circle.nodes), times, system)
            cell = found.sel(samples=n or math.inf, seed=seed).squeeze()
            # 12 nodes tell only 11 of the operator's eigenfunctions apart.
            np.testing.assert_allclose(cell.epsilon, both.projected_epsilon, rtol=1e-4)
            np.testing.assert_allclose(cell.deviation, both.total, rtol=1e-4)
            ratio = np.max(np.asarray(both.projected) / np.asarray(both.damping), axis=-1)
            np.testing.assert_allclose(cell.ratio, ratio, rtol=1e-4)
    _assert_running_maximum(found)
    assert (found.ratio.isel(time=-1) < found.epsilon.isel(time=-1)).all()


def own_network(
    point: Mapping[str, Any], seeds: np.ndarray, *, horizon: float, times: int, nodes: int
) -> dict[str, Any]:
    """A cell as a reader writes it for a network that the library has no name for."""
    hidden = networks.fully_connected(2, (point["width"],), "erf", biases=True)
    mine = dataclasses.replace(networks.antisymmetric(hidden), name="my own")
    return studies.finite_width(mine, point, seeds, horizon=horizon, times=times, nodes=nodes)


def test_a_network_of_ones_own() -> None:
    axes: dict[str, Any] = {"architecture": [DENSE], "width": [5], "samples": [6]}
    known = studies.STUDIES["linear-width"]
    named, own = (
        studies.run(each, axes, seeds=[1], batch=1, settings=SETTINGS, progress=False)
        for each in (known, dataclasses.replace(known, cell=own_network))
    )
    for name in named.variables:
        np.testing.assert_array_equal(named[name], own[name])


def test_theorem_1_holds_each_network_against_every_kernel() -> None:
    """Made here from one initialization and sample at a time, with kernels written out."""
    settings = {**SETTINGS, "activation": "tanh"}
    found = studies.run(
        studies.STUDIES["theorem-1"],
        {"architecture": [DENSE], "width": [5], "samples": [6, math.inf]},
        scale="quick", seeds=[3, 1], batch=1, settings=settings, progress=False,
    ).squeeze(["measure", "architecture", "width"])  # fmt: skip
    assert found.projected_epsilon.dims == ("samples_label", "seed", "kernel", "time")
    assert found.kernel_term.dims == ("samples_label", "seed", "kernel")
    circle = measures.circle(12)
    network = networks.antisymmetric(networks.fully_connected(2, (5,), "tanh", biases=True))
    deep = networks.fully_connected(2, (1, 1, 1), "erf", biases=True)
    x = circle.nodes
    grams = {
        "own K∞": kernels.analytic(network, x),
        "K∞ of depth 3": kernels.analytic(deep, x),
        "RBF, ℓ = 1": jnp.exp(x @ x.T - 1),  # on the circle |x − x'|²/2 = 1 − ⟨x, x'⟩
    }
    assert found.kernel.values.tolist() == list(grams)
    for n in (6, None):
        for seed in (3, 1):
            key = hand_made_key(seed, 5, n)
            flow, theta_0 = dynamics.network_flows(
                network, studies.TARGET, circle, jnp.asarray(found.time.values), key[None], n=n,
                progress=False,
            )  # fmt: skip
            start = kernels.empirical(network, jax.tree.map(lambda leaf: leaf[0], theta_0), x)
            for name, gram in grams.items():
                both = theory.compare(
                    flow.residuals[0], -studies.TARGET(x), flow.times,
                    spectrum.nystrom(gram, circle),
                    sup_norm=float(np.max(np.abs(studies.TARGET(x)))),
                    kernel_distance=kernels.distance(gram, start, circle),
                )  # fmt: skip
                cell = found.sel(samples=n or math.inf, seed=seed, kernel=name)
                for variable in ("projected_epsilon", "total_epsilon", "kernel_term"):
                    np.testing.assert_allclose(
                        cell[variable], getattr(both, variable), rtol=1e-6, atol=1e-9
                    )
    # Against its own kernel it is Corollary 2 with a further term in the bracket.
    point = {"architecture": DENSE, "width": 5, "samples": 6}
    own = found.sel(samples=6, seed=3, kernel="own K∞")
    corollary_2 = studies.linear_width(point, np.array([3]), **settings)["epsilon"][0]
    np.testing.assert_allclose(own.projected_epsilon + own.kernel_term, corollary_2, rtol=1e-12)


def test_kernel_limit_approaches_the_ideal_dynamics() -> None:
    found = studies.run(
        studies.STUDIES["kernel-limit"],
        {"architecture": [RING], "samples": [4, 256]},
        scale="quick", seeds=4, batch=4, settings=SETTINGS, progress=False,
    ).squeeze("measure")  # fmt: skip
    assert found.deviation.dims == ("architecture", "samples", "seed", "time")
    ends = found.deviation.isel(time=-1, architecture=0).mean("seed")
    assert ends.sel(samples=256) < ends.sel(samples=4) / 10
    circle, system, kernel = studies.problem(RING, 12)
    exact = spectrum.circle(kernel, circle)  # it is rotation-invariant, or this would refuse it
    # On 12 nodes the frequencies j and 12 − j look alike, and their eigenvalues add up.
    np.testing.assert_allclose(system.values[:5], exact.values[:5], rtol=1e-3)
    keys = jnp.stack([hand_made_key(seed, 0, 4) for seed in range(4)])
    ring = networks.convolutional(
        (2, 1), (3, 3), "erf", filter_size=2, padding="CIRCULAR", biases=True
    )
    times = jnp.asarray(found.time.values)
    flows = dynamics.kernel_flows(
        ring.kernel, studies.TARGET, circle, times, keys, n=4, progress=False
    )
    by_hand = theory.compare(flows, -studies.TARGET(circle.nodes), times, system)
    np.testing.assert_allclose(found.epsilon.sel(samples=4)[0], by_hand.projected_epsilon)
    _assert_running_maximum(found)
    # A seed's numbers don't depend on the company.
    point = {"architecture": RING, "samples": 4}
    again = _named.kernel_limit(point, np.array([9, 2, 7, 8]), **SETTINGS)["epsilon"]
    np.testing.assert_allclose(again[1], found.epsilon.sel(samples=4, seed=2)[0], rtol=1e-9)
    assert len(np.unique(again[:, -1])) == 4


def test_the_kernel_has_the_networks_activation() -> None:
    point, seeds = {"architecture": DENSE, "samples": 4}, np.arange(4)
    relu = networks.fully_connected(2, (1,), "relu", biases=True)
    named = _named.kernel_limit(point, seeds, **SETTINGS, activation="relu")
    own = studies.infinite_width(relu.kernel, point, seeds, **SETTINGS)
    np.testing.assert_array_equal(named["epsilon"], own["epsilon"])
    for name, build in _architectures.ARCHITECTURES.items():
        assert build(3).kernel is build(3, "erf").kernel, name
        assert build(3).kernel is not build(3, "tanh").kernel, name


@pytest.mark.parametrize("measure", ["sphere", "digits"])
def test_other_measures_are_an_axis(measure: str) -> None:
    """With ρ's own nodes, spectrum, target and sample, made here without the studies."""
    settings: dict[str, Any] = {**SETTINGS, "nodes": 15}
    axes: dict[str, Any] = {"measure": [measure], "architecture": [DENSE], "samples": [8]}
    found = studies.run(
        studies.STUDIES["kernel-limit"], axes, scale="quick", seeds=2, batch=2,
        settings=settings, progress=False,
    ).squeeze(["measure", "architecture", "samples"])  # fmt: skip
    if measure == "sphere":
        rho, d = measures.sphere(3, 4), 3
        zeta = jnp.asarray([[1.0, 2.0, 2.0]]) / 3
        target: Any = targets.ZonalSum(
            range(4), [0.5 * (2 * k + 1) ** 0.5 for k in range(4)], jnp.repeat(zeta, 4, axis=0)
        )
    else:
        images = datasets.digits()
        chosen = np.r_[0:7, 500:507]  # the digits are sorted by class
        x = images.points(chosen, size=8)
        rho, d = measures.empirical(8 * x / jnp.linalg.norm(x, axis=1, keepdims=True)), 64
        target = targets.Labels(rho.nodes, jnp.repeat(jnp.asarray([0.25, -0.25]), 7))
    kernel = networks.fully_connected(d, (1,), "erf", biases=True).kernel
    system = spectrum.nystrom(kernel(rho.nodes, rho.nodes), rho)
    times = jnp.asarray(found.time.values)
    keys = jnp.stack([hand_made_key(seed, 0, 8) for seed in range(2)])
    flows = dynamics.kernel_flows(kernel, target, rho, times, keys, n=8, progress=False)
    by_hand = theory.compare(flows, -target(rho.nodes), times, system)
    np.testing.assert_allclose(found.epsilon, by_hand.projected_epsilon, rtol=1e-6)


@pytest.mark.parametrize("architecture", _architectures.ARCHITECTURES)
def test_every_architecture_takes_images(architecture: str) -> None:
    network = _architectures.build(architecture, 3, "erf", (8, 8, 1))
    x = studies.MEASURES["digits"].measure(4).nodes
    assert network.kernel(x, x).shape == (4, 4)
    point = {"measure": "digits", "architecture": architecture, "width": 3, "samples": math.inf}
    found = _named.theorem_1(point, np.arange(1), **{**SETTINGS, "nodes": 4, "horizon": 0.02})
    assert (found["projected_epsilon"] < 0).all()
    assert (found["kernel_term"] > 0).all()


def test_the_largest_rule_on_the_sphere() -> None:
    for nodes, expected in ((6, 6), (14, 8), (15, 15), (50, 50), (65, 50), (66, 66)):
        sphere = studies.MEASURES["sphere"].measure(nodes)
        assert len(sphere.nodes) == expected
    with refused("nodes must be at least 6, got 5."):
        studies.MEASURES["sphere"].measure(5)


def test_an_unknown_measure_names_those_there_are() -> None:
    with refused("measure must be one of circle, sphere, digits, got 'torus'."):
        studies.problem(DENSE, 8, measure="torus")


def test_a_wide_ring_approaches_the_ideal_dynamics() -> None:
    """Of the four, the convolutional network's kernel is the one that chapters don't compare."""
    narrow, wide = (
        studies.linear_width(
            {"architecture": RING, "width": m, "samples": math.inf}, np.arange(4), **SETTINGS
        )["deviation"][:, -1].mean()
        for m in (4, 128)
    )
    assert wide < narrow / 8


def test_cells_are_independent_of_each_other() -> None:
    keys = [
        tuple(np.asarray(jax.random.key_data(key)).tolist())
        for width in (0, 16, 32)
        for samples in (0, 16, 32)
        for key in _named._keys(np.arange(3), width, samples)
    ]
    assert len(set(keys)) == 27


@pytest.mark.parametrize("architecture", _architectures.ARCHITECTURES)
@pytest.mark.parametrize("m", [3, 8])
def test_parameters_are_counted(architecture: str, m: int) -> None:
    hidden = {DENSE: 4 * m, DEEP: 4 * m + 2 * m * (m + 1), RING: 6 * m + 2 * m * m,
              RESIDUAL: 4 * m + 2 * m * (m + 1)}  # fmt: skip
    assert studies.parameters(architecture, m) == 2 * (hidden[architecture] + 1)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_every_scale_can_be_estimated(name: str) -> None:
    chosen = studies.STUDIES[name]
    assert chosen.memory is not None
    assert chosen.work is not None
    assert set(chosen.variables) == VARIABLES[name]
    for scale in SCALES:
        least, most = (
            {axis: values.values[scale][end] for axis, values in chosen.axes.items()}
            for end in (0, -1)
        )
        settings = chosen.settings[scale]
        assert chosen.seeds[scale] % chosen.batch == 0
        assert 0 < chosen.memory(least, 8, settings) < chosen.memory(most, 8, settings) < 2e11
        assert 0 < chosen.work(least, settings) < chosen.work(most, settings)


def test_what_the_studies_can_not_do_is_refused() -> None:
    seeds = np.arange(1)
    with refused("architecture must be one of fully connected, depth 1; "):
        _named.kernel_limit({"architecture": "x", "samples": 4}, seeds, **SETTINGS)
    with refused("samples must be finite at m = ∞"):
        _named.kernel_limit({"architecture": DENSE, "samples": math.inf}, seeds, **SETTINGS)
    with refused("samples must be a whole number or ∞ (inf), got 1.5."):
        _named.kernel_limit({"architecture": DENSE, "samples": 1.5}, seeds, **SETTINGS)
    with refused("activation must be one of erf, gelu, "):
        _named.theorem_1(
            {"architecture": DENSE, "width": 4, "samples": 4}, seeds, **SETTINGS, activation="x"
        )
    with refused("samples must be a whole number or ∞ (inf), got 1.5."):
        _named.theorem_1({"architecture": DENSE, "width": 4, "samples": 1.5}, seeds, **SETTINGS)
