"""Every public function refuses every bad input of its kinds, before it computes anything.

`SURFACE` has one entry for each public function that takes what a reader made: how it is called
with one of its arguments replaced, under the name of the argument's kind. A new function joins by
an entry there, and the last test fails until it has one.
"""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bad_inputs import BAD, MEASURES, Q, module
from refusals import refused

from companion import api
from ntklib import dynamics, kernels, measures, networks, spectrum, studies, theory
from ntklib.dynamics import _movement, linearization, pools
from ntklib.kernels import _draws
from ntklib.learning import zonal
from ntklib.networks import _door
from ntklib.theory import _panels, deviations, fisher, onset

CIRCLE = measures.circle(Q)
TIMES = jnp.asarray([0.5, 1.0])
KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 2)
SAMPLE = measures.points_at(jnp.linspace(-1.5, 1.5, Q))
LABELS = jnp.ones(Q)
START = jnp.ones(2)
NEURONS = networks.antisymmetric(networks.fully_connected(2, (2,), biases=True))
PANELS = _panels.panels(jnp.asarray([0.5]), points=2)
PATH = dynamics.Trajectory(
    PANELS.times, jnp.zeros((PANELS.times.size, Q)), jnp.ones((PANELS.times.size, 2)), jnp.array(0)
)
HARMONICS = zonal.Harmonics(degrees=(1,), directions=jnp.asarray([[1.0, 0.0]]))
QUIET: dict[str, Any] = {"progress": False}


def linear(theta: Any, x: Any) -> Any:
    """f(x; θ) = ⟨x, θ⟩, which the reader wrote."""
    return x @ theta


def linear_kernel(x: Any, y: Any) -> Any:
    """Its tangent kernel."""
    return x @ y.T


def wave(x: Any) -> Any:
    """f*(x) = x₁."""
    return x[:, 0]


SYSTEM = spectrum.circle(linear_kernel, CIRCLE, k=3)


def drawn(params: Any) -> Any:
    """Returns parameters with a leading axis of one draw."""
    return jax.tree.map(lambda leaf: leaf[None] if hasattr(leaf, "ndim") else leaf, params)


def own(kernel: Any) -> networks.Network:
    """Returns a reader's network with a kernel."""
    return networks.Network("linear", 2, lambda key: START, linear, kernel)


def several(points: Any) -> Any:
    """Returns the points of one draw."""
    return jnp.asarray(points)[None]


SURFACE: dict[str, Callable[..., Any]] = {
    "theory.deviations.split": (
        lambda network=linear, target=wave, kernel=linear_kernel, points=SAMPLE:
        deviations.split(network, PATH, PANELS, target, SYSTEM, kernel, sample=points)
    ),
    "dynamics.gradient_descent": (
        lambda network=linear, params=START, target=wave, points=SAMPLE, labels=None:
        dynamics.gradient_descent(
            network, params, target if labels is None else labels, CIRCLE, np.arange(2),
            optimizer=0.1, sample=points, **QUIET,
        )
    ),
    "dynamics.gradient_flow": lambda network=linear, params=START, target=wave, points=SAMPLE: (
        dynamics.gradient_flow(network, params, target, CIRCLE, TIMES, sample=points, **QUIET)
    ),
    "dynamics.gradient_flow of a linearized network": (
        lambda network=linear, params=START, target=wave, points=SAMPLE:
        dynamics.gradient_flow(
            network, params, target, CIRCLE, TIMES, sample=points, linearized=True, **QUIET
        )
    ),
    "kernels.initial_kernels": lambda network=linear, params=START, points=SAMPLE: (
        kernels.initial_kernels(network, points, KEY, draws=2, init=lambda key: params)
    ),
    "kernels._draws.kernel_distances": lambda network=linear, params=START: (
        _draws.kernel_distances(network, drawn(params), {"zero": jnp.zeros((Q, Q))}, CIRCLE)
    ),
    "dynamics.kernel_flows": lambda kernel=linear_kernel, target=wave, sampler=CIRCLE: (
        dynamics.kernel_flows(kernel, target, sampler, TIMES, KEY, draws=1, n=Q, **QUIET)
    ),
    "dynamics.kernels_along": lambda network=linear, target=wave, labels=None: (
        dynamics.kernels_along(
            network, PATH, CIRCLE, target=target if labels is None else labels, **QUIET
        )
    ),
    "dynamics.network_flows": lambda params=START, target=wave, sampler=CIRCLE: (
        dynamics.network_flows(
            networks.Network("own", 2, lambda key: params, linear, linear_kernel),
            target, sampler, TIMES, KEY, draws=1, n=Q, **QUIET,
        )
    ),
    "theory.fisher.sharpness": (
        lambda network=linear, params=START, target=wave, points=SAMPLE, labels=None:
        fisher.sharpness(
            network, drawn(params), target if labels is None else labels[None], CIRCLE,
            sample=points,
        )
    ),
    "kernels.analytic": lambda kernel=linear_kernel, points=SAMPLE: (
        kernels.analytic(own(kernel), points)
    ),
    "kernels.empirical": lambda network=linear, params=START, points=SAMPLE: (
        kernels.empirical(network, params, points)
    ),
    "kernels.products": lambda kernel=linear_kernel, points=SAMPLE: (
        kernels.products(kernel, points)(jnp.ones(Q))
    ),
    "kernels.rbf": lambda points=SAMPLE: kernels.rbf(points, points, 1.0),
    "kernels.tangent_products": lambda network=linear, params=START, points=SAMPLE: (
        kernels.tangent_products(network, params, points)
    ),
    "dynamics.linearization.frozen_flows": (
        lambda network=linear, params=START, target=wave, points=SAMPLE:
        linearization.frozen_flows(
            network, drawn(params), target, CIRCLE, TIMES, sample=several(points)
        )
    ),
    "dynamics.linearization.frozen_flows of a kernel": lambda kernel=linear_kernel: (
        linearization.frozen_flows(own(kernel), None, wave, CIRCLE, TIMES, sample=SAMPLE[None])
    ),
    "dynamics.linearization.losses": (
        lambda network=linear, params=START, target=wave, points=SAMPLE, labels=None:
        _movement.losses(
            network, drawn(drawn(params)), target if labels is None else labels[None], CIRCLE,
            sample=points,
        )
    ),
    "kernels.tangent_kernels": lambda network=linear, params=START, points=SAMPLE: (
        kernels.tangent_kernels(network, drawn(params), several(points))
    ),
    "measures.Measure": lambda sampler=CIRCLE: sampler.sample(KEY, Q),
    "measures.Measure.inner": lambda values=LABELS: CIRCLE.inner(values, LABELS),
    "measures.Measure.norm": lambda values=LABELS: CIRCLE.norm(values),
    "measures.empirical": lambda points=SAMPLE: measures.empirical(points),
    "theory.onset.images": (
        lambda network=linear, params=START, target=wave, points=SAMPLE:
        onset.images(network, drawn(params), target, CIRCLE, sample=several(points))
    ),
    "theory.onset.neuron_law": (
        lambda build=lambda m: networks.fully_connected(2, (m,)), values=LABELS:
        onset.neuron_law(build, values, CIRCLE, KEY, neurons=2)
    ),
    "theory.onset.sample_constant": lambda values=LABELS: (
        onset.sample_constant(jnp.eye(Q), values, CIRCLE)
    ),
    "theory.onset.start_law": lambda values=LABELS: (
        onset.start_law(jnp.ones((2, Q, Q)), jnp.eye(Q), values, CIRCLE, width=2)
    ),
    "dynamics.pools.flows": (
        lambda build=lambda m: NEURONS, target=wave, sampler=CIRCLE, points=SAMPLE:
        pools.flows(build, target, sampler, TIMES, KEYS[:1], m=2, widest=2, points=points, n=Q,
                    **QUIET)
    ),
    "spectrum.Eigensystem": lambda values=LABELS: SYSTEM.coefficients(values),
    "spectrum.circle": lambda kernel=linear_kernel: spectrum.circle(kernel, CIRCLE),
    "spectrum.degree_norms": lambda values=LABELS: spectrum.degree_norms(values, CIRCLE, 1),
    "spectrum.fourier_eigenvalues": lambda kernel=linear_kernel: (
        spectrum.fourier_eigenvalues(kernel, 2)
    ),
    "spectrum.frequency_norms": lambda values=LABELS: spectrum.frequency_norms(values, CIRCLE, 1),
    "spectrum.funk_hecke": lambda kernel=linear_kernel: spectrum.funk_hecke(kernel, 2, 2),
    "spectrum.matrix_free": lambda product=lambda v: v: spectrum.matrix_free(product, CIRCLE, 2),
    "spectrum.power_series": lambda activation=jnp.tanh: spectrum.power_series(activation),
    "spectrum.sphere": lambda kernel=linear_kernel: spectrum.sphere(kernel, CIRCLE),
    "studies.finite_width": lambda kernel=linear_kernel: (
        studies.finite_width(own(kernel), {"width": 2, "samples": Q}, np.arange(1), horizon=1.0,
                             times=2, nodes=Q)
    ),
    "studies.gram": lambda kernel=linear_kernel, points=SAMPLE: (
        studies.gram(kernel, points, **QUIET)
    ),
    "studies.infinite_width": lambda kernel=linear_kernel: (
        studies.infinite_width(kernel, {"samples": Q}, np.arange(1), horizon=1.0, times=2, nodes=Q)
    ),
    "theory.leading_modes": lambda values=LABELS: theory.leading_modes(SYSTEM, values, 0.1),
    "theory.plan": lambda build=lambda m: NEURONS, target=wave: (
        theory.plan(build, target, CIRCLE, 0.1, KEY, pilot=(2, Q), draws=2, **QUIET)
    ),
    "learning.zonal.kernel_flow": (
        lambda kernel=linear_kernel, target=wave, points=SAMPLE, labels=None:
        zonal.kernel_flow(
            kernel, jnp.asarray([0.0, 0.5]), target if labels is None else labels, HARMONICS,
            TIMES, sample=points,
        )
    ),
    "learning.zonal.of_profile": lambda profile=jnp.cos: zonal.of_profile(profile, 3, 1),
}  # fmt: skip

KINDS = {
    "activation", "build", "kernel", "labels", "network", "params", "points", "product", "profile",
    "sampler", "target", "values",
}  # fmt: skip
"""Kinds of arguments, by whose names the surface is called."""


def kinds(entry: Callable[..., Any]) -> set[str]:
    """Returns the kinds of arguments that an entry can be called with."""
    return set(inspect.signature(entry).parameters)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in SURFACE for kind in sorted(kinds(SURFACE[name]))]
)
def test_bad_inputs_are_refused(name: str, kind: str) -> None:
    """All of a kind in one test, since most of a test's time is pytest's own."""
    for bad in BAD:
        if bad.kind == kind and name not in bad.allowed:
            with refused(bad.sentence, bad.error):
                SURFACE[name](**{kind: bad.value})


@pytest.mark.parametrize("case", MEASURES)
def test_bad_measure_is_refused(case: str) -> None:
    changed, sentence, error = MEASURES[case]
    parts: dict[str, Any] = {
        "nodes": CIRCLE.nodes, "weights": CIRCLE.weights, "sampler": CIRCLE.sampler,
    }  # fmt: skip
    with refused(sentence, error):
        measures.Measure(name="a reader's own", **{**parts, **changed})


def test_a_networks_kernel_is_for_points_of_its_own_dimension() -> None:
    shallow, flat = networks.fully_connected(2, (4,)), jnp.ones((3, 5))
    with refused(
        "x1 must hold points of 2 dimensions, which the network is made for, got shape (3, 5)."
    ):
        kernels.analytic(shallow, flat)
    with refused("x1 must hold points of 2 dimensions"):
        spectrum.funk_hecke(shallow.kernel, 3, 2)
    image = networks.convolutional((3, 2, 1), (4,), filter_size=2)
    for network, d in ((networks.residual(2, 4, 1), 2), (image, 6), (networks.lenet5(), 1024)):
        with refused(f"x2 must hold points of {d} dimensions"):
            network.kernel(jnp.ones((1, d)), jnp.ones((1, d + 1)))
    assert networks.fully_connected(2, (9,)).kernel == shallow.kernel  # compiled once for both
    plain: Any = linear
    with refused("network must be a Network, got a function", TypeError):
        networks.antisymmetric(plain)
    with refused("network must be a Network, which draws its parameters, got a func", TypeError):
        dynamics.network_flows(plain, wave, CIRCLE, TIMES, KEY, draws=1)


def test_a_network_that_is_undefined_at_a_node_is_refused() -> None:
    def cut(theta: Any, x: Any) -> Any:
        return jnp.where(x[:, 0] < -0.9, jnp.nan, x @ theta)

    with refused(
        "the residuals at the measure's nodes hold 2 NaN or infinite value(s)", RuntimeError
    ):
        dynamics.gradient_flow(cut, START, wave, CIRCLE, TIMES, sample=SAMPLE, **QUIET)


def test_only_booleans_pass() -> None:
    with refused("passed must return whether each draw passes, True or False, but returns [0.3"):
        theory.least_size(lambda m: [0.3] * 50, [1, 2])


@pytest.mark.parametrize(
    "target",
    [
        lambda x: np.sign(np.asarray(x)[:, 0]).astype(int),
        lambda x: jnp.sign(x[:, 0]).astype(jnp.int8),
        lambda x: np.sign(np.asarray(x, np.float32)[:, 0]),
        lambda x: [float(np.sign(each)) for each in x[:, 0]],
        lambda x: list(jnp.sign(x[:, 0])),
    ],
    ids=["whole", "short", "single", "list", "scalars"],
)
def test_targets_may_return_numbers_of_any_kind(target: Any) -> None:
    points = measures.points_at(jnp.asarray([0.3, 1.0, 2.0, 4.0]))
    values = _door.values_of(target, points)
    np.testing.assert_array_equal(values, [1.0, 1.0, -1.0, -1.0])
    assert jnp.issubdtype(values.dtype, jnp.floating)
    assert _door.values_of(target, points.reshape(2, 2, 2)).shape == (2, 2)


def test_labels_of_a_data_set_are_a_target_on_its_own_points() -> None:
    """As in a flow without a sample, which asks for values at the nodes only."""
    values = _door.values_of(lambda x: jnp.arange(8.0), CIRCLE.nodes, alone=False)
    np.testing.assert_array_equal(values, np.arange(8.0))


def test_a_jump_is_no_dependence_on_other_points() -> None:
    """Rounding may differ between places of a batch, and a sign with it."""
    calls: list[int] = []

    def jumps(x: Any) -> Any:
        calls.append(len(x))
        values = np.sign(np.asarray(x)[:, 1])
        values[0] = len(calls)
        return values

    assert _door.values_of(jumps, CIRCLE.nodes)[0] == 1.0
    assert calls == [Q, Q]  # compiled for no new shape


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_network_may_be_zero_or_cancel_at_its_start(dtype: Any) -> None:
    """Where rounding is all that it returns."""

    def cancelling(theta: Any, x: Any) -> Any:
        hidden = jnp.tanh(x @ theta["w"].T)
        return hidden @ theta["v"] - jnp.sum(hidden * theta["v"][None, :], axis=1)

    keys = jax.random.split(KEY, 2)
    theta = {"w": jax.random.normal(keys[0], (50, 2), dtype), "v": jnp.ones(50, dtype)}
    gram = kernels.empirical(cancelling, theta, CIRCLE.nodes.astype(dtype))
    assert gram.shape == (Q, Q)


def test_a_module_that_is_split_is_a_network() -> None:
    arrays, rest = eqx.partition(module(), eqx.is_inexact_array)

    def apply(params: Any, x: Any) -> Any:
        return jax.vmap(eqx.combine(params, rest))(x)

    assert kernels.empirical(apply, arrays, CIRCLE.nodes).shape == (Q, Q)


def test_checks_let_compiled_code_pass() -> None:
    """Inside jit arrays have no values to look at."""

    @jax.jit
    def traced(weights: Any, theta: Any) -> Any:
        rule = measures.Measure("traced", CIRCLE.nodes, weights, CIRCLE.sampler)
        return rule.norm(linear(theta, rule.sample(KEY, Q)))

    assert np.isfinite(traced(CIRCLE.weights, START))


GIVEN = {
    "kernel": "kernel", "network": "network", "params": "params",
    "product": "product", "profile": "profile", "sampler": "sampler", "target": "target",
    "sample": "points",
}  # fmt: skip
"""Names of parameters in public signatures, and the kinds that they are of."""

ELSEWHERE = {
    "dynamics.Trajectory": "params that the library made",
    "dynamics.linearization.movement": "params and start are compared with each other",
    "networks.antisymmetric": "its network is refused by a test of its own",
    "networks.Network": "its functions are refused where they are used",
    "book.plots.mode_decay": "its labels are words",
    "dynamics.pools.cut": "params of a known form",
    "dynamics.pools.narrowed": "params of a known form",
    "dynamics.pools.adjustable": "its network is refused by a test of its own",
    "studies.against_kernels": "network and flows are those of the named studies",
    "learning.zonal.of_network": "params of a known form",
    "datasets.Images": "labels that the library reads",
}
"""Functions whose parameters have such names and mean something else, and why."""


def test_every_function_that_takes_a_readers_own_has_an_entry() -> None:
    """A new public function is red here until it has one, for each kind that it takes."""
    missing = []
    for module_name in api.modules():
        for name in api.public(module_name):
            value = api.targets()[f"{api.PACKAGE}.{module_name}.{name}"]
            place = f"{module_name}.{name}"
            if not callable(value) or place in ELSEWHERE:
                continue
            try:
                parameters = inspect.signature(value).parameters
            except ValueError:  # an alias of a type, or an exception
                continue
            wanted = {GIVEN[each] for each in parameters if each in GIVEN}
            entries = [SURFACE[each] for each in SURFACE if each.split(" of ")[0] == place]
            covered = set().union(*map(kinds, entries)) if entries else set()
            if covered & {"build", "kernel"} or (
                "network" in parameters and "params" not in parameters
            ):
                wanted.discard("network")  # a Network, of whose parts the entry tells
            missing += [f"{place}: {kind}" for kind in sorted(wanted - covered)]
    assert not missing


def test_every_kind_is_run_and_every_entry_works() -> None:
    assert {bad.kind for bad in BAD} == KINDS
    assert set().union(*map(kinds, SURFACE.values())) == KINDS
