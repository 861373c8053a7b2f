"""The law of ε̂ as T → 0 is the mean over all samples and initializations, taken one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from refusals import refused
from scipy.special import erf

from ntklib import kernels, measures, networks, targets
from ntklib.dynamics import pools
from ntklib.theory import onset
from ntklib.theory._start_law import StartLaw

Q = 3
WEIGHTS = np.array([0.2, 0.3, 0.5])
MEASURE = measures.empirical(jnp.eye(Q), jnp.asarray(WEIGHTS))
INITIAL = np.array([1.0, -2.0, 0.5])


def neurons(seed: int, count: int = 4) -> np.ndarray:
    """Kernels of single neurons: of rank 2, from vectors that are not of mean 0."""
    features = np.random.default_rng(seed).normal(0.5, 1.0, (count, Q, 2))
    return features @ features.transpose(0, 2, 1)


def averaged(atoms: np.ndarray, m: int) -> np.ndarray:
    """Returns K₀ of every network of m neurons, each one of the atoms: all are equally likely."""
    return np.stack([atoms[list(chosen)].mean(0) for chosen in np.ndindex(*[len(atoms)] * m)])


def one_by_one(kernels: np.ndarray, limit: np.ndarray, n: int) -> float:
    """Returns E‖(T_{K∞} − T_n⁰) r₀‖² over all kernels and all samples of n of the q points."""
    mean = 0.0
    for chosen in itertools.product(range(Q), repeat=n):
        points = list(chosen)
        images = kernels[:, :, points] @ INITIAL[points] / n
        squares = (images - limit @ (WEIGHTS * INITIAL)) ** 2 @ WEIGHTS
        mean += WEIGHTS[points].prod() * squares.mean()
    return mean


def law_of(kernels: np.ndarray, limit: np.ndarray, m: int) -> StartLaw:
    return onset.start_law(
        jnp.asarray(kernels), jnp.asarray(limit), jnp.asarray(INITIAL), MEASURE, width=m
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_law_is_the_mean_over_all_draws(seed: int, n: int) -> None:
    """Of networks with one, two and three neurons, by the numbers found at one neuron."""
    atoms = neurons(seed)
    limit = atoms.mean(axis=0)
    law = law_of(atoms, limit, 1)
    for m in (1, 2, 3):
        expected = one_by_one(averaged(atoms, m), limit, n)
        np.testing.assert_allclose(law(m, n), expected, rtol=1e-12)
    many = np.asarray(law(np.array([1.0, 2.0]), np.array([n, np.inf])))
    np.testing.assert_allclose(many, np.asarray([law(1, n), law.width_part(2)]), rtol=1e-14)
    constant = onset.sample_constant(jnp.asarray(limit), jnp.asarray(INITIAL), MEASURE)
    np.testing.assert_allclose(constant / n, one_by_one(limit[None], limit, n), rtol=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_any_width_gives_the_same_three_numbers(m: int) -> None:
    atoms = neurons(2)
    limit = atoms.mean(axis=0)
    narrow, wide = law_of(atoms, limit, 1), law_of(averaged(atoms, m), limit, m)
    for name in ("a", "b", "c"):
        np.testing.assert_allclose(getattr(wide, name), getattr(narrow, name), rtol=1e-12)


def test_the_two_parts_are_distances_from_the_network_with_all_samples() -> None:
    """The sample's part has no cross term with the width's: mean squares add up."""
    atoms = neurons(3)
    law = law_of(atoms, atoms.mean(axis=0), 1)
    apart = [one_by_one(atom[None], atom, 2) for atom in atoms]
    np.testing.assert_allclose(law.sample_part(1, 2), np.mean(apart), rtol=1e-12)


def test_errors_are_standard_errors() -> None:
    """Of repetitions: the spread of a and c over many sets of draws is what each set says."""
    atoms = neurons(4, count=600).reshape(30, 20, Q, Q)
    limit = atoms.mean(axis=(0, 1))
    laws = [law_of(each, limit, 1) for each in atoms]
    for name in ("a", "c"):
        spread = np.std([getattr(law, name) for law in laws], ddof=1)
        said = np.mean([getattr(law, f"{name}_error") for law in laws])
        assert 0.6 < said / spread < 1.6


def test_what_it_refuses() -> None:
    atoms = neurons(5)
    limit = atoms.mean(axis=0)
    with refused("initial_kernels must hold at least 2 draws, got 1."):
        law_of(atoms[:1], limit, 1)
    with refused("width must be at least 1, got 0"):
        law_of(atoms, limit, 0)
    with refused("gram has 2 entries and measure has 3"):
        law_of(atoms, limit[:2, :2], 1)
    with refused("initial_kernels' last axis has 2 entries and measure has 3"):
        law_of(atoms[:, :, :2], limit, 1)


CIRCLE = measures.circle(16)
TARGET = targets.FourierSum((0, 1, 2), (0.5, 0.5, 0.5), (0.0, 0.3, 1.0))
KEY = jax.random.key(0)


def shallow(m: int) -> networks.Network:
    return networks.fully_connected(2, (m,), "erf", biases=True)


def by_quadrature(count: int = 24) -> tuple[float, float]:
    """Returns a and c of networks with one hidden layer of erf, from the formula of a neuron."""
    at, weight = hermegauss(count)
    grid = np.stack(np.meshgrid(at, at, at, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.einsum("i,j,k->ijk", weight, weight, weight).ravel()
    kept = weights > 1e-12 * weights.max()
    grid, weights = grid[kept], weights[kept] / weights[kept].sum()
    inputs = np.column_stack([np.asarray(CIRCLE.nodes) / 2**0.5, np.ones(16)])
    u, start = grid @ inputs.T, -np.asarray(TARGET(CIRCLE.nodes))
    active, slope = erf(u), 2 / np.sqrt(np.pi) * np.exp(-(u**2))
    limit = np.asarray(shallow(1).kernel(CIRCLE.nodes, CIRCLE.nodes))
    first = active[:, :, None] * active[:, None] + 1 - limit  # free of the outgoing weight v
    second = slope[:, :, None] * slope[:, None] * (inputs @ inputs.T)  # what v² is before
    a = c = 0.0
    for left, right, moment in ((first, first, 1), (first, second, 2), (second, second, 3)):
        images = [kernel @ start / 16 for kernel in (left, right)]
        share = weights @ np.mean(images[0] * images[1], axis=1)
        a += moment * share
        c += moment * (weights @ np.mean(left * right * start**2, axis=(1, 2)) - share)
    return a, c


def test_the_law_of_neurons_is_that_of_their_formula() -> None:
    """And its errors are those of repetitions; a wrong moment of v would be several of them off."""
    a, c = by_quadrature()
    keys = jax.random.split(KEY, 16)
    start = -TARGET(CIRCLE.nodes)
    laws = [onset.neuron_law(shallow, start, CIRCLE, key, neurons=512) for key in keys]
    limit = kernels.analytic(shallow(1), CIRCLE.nodes)
    for name, exact in (("a", a), ("c", c)):
        values = np.array([getattr(law, name) for law in laws])
        said = float(np.mean([getattr(law, f"{name}_error") for law in laws]))
        assert abs(values.mean() - exact) < 4 * said / len(laws) ** 0.5
        assert 0.6 < values.std(ddof=1) / said < 1.6
        assert 10 * said / len(laws) ** 0.5 < exact  # it would notice a tenth
    assert {law.b for law in laws} == {float(onset.sample_constant(limit, start, CIRCLE))}


def test_blocks_of_neurons_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A law of two and a half blocks has the error of all its neurons, none counted twice."""
    start = -TARGET(CIRCLE.nodes)
    monkeypatch.setattr(onset, "BLOCK", 64)
    law = onset.neuron_law(shallow, start, CIRCLE, KEY, neurons=160)
    parts = [
        onset.neuron_law(shallow, start, CIRCLE, jax.random.fold_in(KEY, 9 + i), neurons=64)
        for i in range(2)
    ]
    assert law.a_error < 0.8 * np.mean([part.a_error for part in parts])
    assert parts[0].a != parts[1].a


@pytest.mark.parametrize("finite", [False, True])
def test_images_are_those_of_the_kernel(finite: bool) -> None:
    network = networks.antisymmetric(networks.fully_connected(2, (3, 4), "tanh", biases=True))
    params = jax.vmap(network.init)(jax.random.split(KEY, 3))
    sample = CIRCLE.sample(KEY, 3 * 5).reshape(3, 5, 2) if finite else None
    found = onset.images(network, params, TARGET, CIRCLE, sample=sample)
    for draw in range(3):
        theta = jax.tree.map(lambda leaf, i=draw: leaf[i], params)
        if sample is None:
            gram = kernels.empirical(network, theta, CIRCLE.nodes)
            expected = gram @ (CIRCLE.weights * -TARGET(CIRCLE.nodes))
        else:
            gram = kernels.empirical(network, theta, CIRCLE.nodes, sample[draw])
            expected = gram @ -TARGET(sample[draw]) / 5
        np.testing.assert_allclose(found[draw], expected, rtol=1e-10, atol=1e-12)


def test_images_of_neurons_make_those_of_networks() -> None:
    params = jax.vmap(shallow(8).init)(jax.random.split(KEY, 2))
    whole = onset.images(shallow(8), params, TARGET, CIRCLE)
    of_neurons = onset.images(shallow(1), pools.cut(params, 1), TARGET, CIRCLE)
    np.testing.assert_allclose(of_neurons.reshape(2, 8, 16).mean(axis=1), whole, rtol=1e-10)


def test_what_images_and_neurons_refuse() -> None:
    start = -TARGET(CIRCLE.nodes)
    with refused("neurons must be at least 2, got 1"):
        onset.neuron_law(shallow, start, CIRCLE, KEY, neurons=1)
    for other in (lambda m: networks.antisymmetric(shallow(m)),
                  lambda m: networks.fully_connected(2, (m, m))):  # fmt: skip
        with refused("network must be m ↦ networks.fully_connected(d, (m,), …), with one hidden"):
            onset.neuron_law(other, start, CIRCLE, KEY, neurons=4)
    params = jax.vmap(shallow(2).init)(jax.random.split(KEY, 2))
    with refused("sample has 3 entries and the leading axis of params has 2"):
        onset.images(shallow(2), params, TARGET, CIRCLE, sample=jnp.ones((3, 4, 2)))
    with refused("with draws=True every array of params needs the same leading axis"):
        onset.images(shallow(2), shallow(2).init(KEY), TARGET, CIRCLE)
