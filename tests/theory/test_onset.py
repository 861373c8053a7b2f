"""The law of ε̂ as T → 0 is the mean over all samples and initializations, taken one by one."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import measures
from ntklib.theory import onset

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


def law_of(kernels: np.ndarray, limit: np.ndarray, m: int) -> onset.StartLaw:
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
