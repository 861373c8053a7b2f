r"""Numerics on the sphere S^{d−1}: quadrature in the angle, Gegenbauer polynomials, harmonics."""

import itertools
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy import fft

Numbers = TypeVar("Numbers", np.ndarray, jax.Array)

EXACT = 1e-10
"""Error of the integral of a normalized harmonic up to which a rule counts as exact for it."""


def fejer(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns Fejér's nodes on [0, π] and weights that sum to 1 (Waldvogel 2006).

    Unlike those of Gauss–Legendre rules, its weights have a formula that is exact to rounding.
    """
    phi = np.pi * (np.arange(count) + 0.5) / count
    # (1 − 2 Σ cos(2kφ)/(4k² − 1))/count, a sum of cosines of even frequencies.
    amplitudes = np.zeros(count)
    amplitudes[::2] = 1 / (1 - np.arange(0.0, count, 2.0) ** 2)
    return np.pi * np.sin(phi / 2) ** 2, fft.dct(amplitudes, type=3) / count


def angle_rule(d: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns angles to a fixed direction of S^{d−1}, and their weights for uniform points."""
    angles, weights = fejer(count)
    weights = weights * np.sin(angles) ** (d - 2)
    return angles, weights / weights.sum()


def polynomials(d: int, t: Numbers) -> Iterator[Numbers]:
    r"""Yields the Gegenbauer polynomials $P_0(t), P_1(t), \dots$ in d dimensions, $P_k(1) = 1$.

    By the recurrence for the differences, $(k + d - 2)(P_{k+1} - P_k) = k(P_k - P_{k-1}) +
    (2k + d - 2)(t - 1)P_k$, at |t|: near ±1, where the recurrence for the polynomials loses a
    factor k² of accuracy, this one is exact to rounding (Reinsch's device; Oliver 1977).
    """
    library: Any = np if isinstance(t, np.ndarray) else jnp
    sign = library.where(t < 0, -1.0, 1.0)  # P_k(−t) = (−1)ᵏ P_k(t)
    drop = sign * t - 1
    current, difference = library.ones_like(drop), drop
    for k in itertools.count():
        yield sign * current if k % 2 else current
        current = current + difference
        difference = ((k + 1) * difference + (2 * k + d) * drop * current) / (k + d - 1)


def multiplicity(d: int, degree: int) -> int:
    """Returns the dimension of the harmonics of a degree: homogeneous less |x|² times others."""
    fewer = math.comb(degree + d - 3, d - 1) if degree >= 2 else 0
    return math.comb(degree + d - 1, d - 1) - fewer


def exactness(nodes: np.ndarray, weights: np.ndarray, most: int | None = None) -> int:
    r"""Returns the largest D such that a rule on the sphere integrates all polynomials up to D.

    $\zeta \mapsto \sum_j w_j P_n(\langle\zeta, x_j\rangle)$ is a harmonic of degree n, and 0 if
    and only if the rule integrates all of that degree: one generic ζ tells.

    Args:
      nodes: shape (q, d).
      weights: shape (q,), summing to 1.
      most: the largest degree looked at; no limit if None.
    """
    d = nodes.shape[1]
    values = polynomials(d, nodes @ _directions(1, d, seed=0)[0])
    next(values)
    degree = 0
    while most is None or degree < most:
        error = abs(weights @ next(values)) * math.sqrt(multiplicity(d, degree + 1))
        if error > EXACT:
            break
        degree += 1
    return degree


def orthonormal(degree: int, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""Returns harmonics of one degree that a rule holds orthonormal, shape (N(d, degree), q).

    The zonal harmonics $P_k(\langle\zeta_j, \cdot\rangle)$ of generic directions ζ_j span them;
    twice as many as needed make that well-conditioned.

    Args:
      degree: k; the rule must be exact for 2k.
      nodes: shape (q, d).
      weights: shape (q,).
    """
    d = nodes.shape[1]
    size = multiplicity(d, degree)
    if degree == 0:
        return np.ones((1, len(nodes)))
    inner = _directions(2 * size, d, seed=degree) @ nodes.T
    zonal = next(itertools.islice(polynomials(d, inner), degree, None))
    roots = np.sqrt(weights)
    _, _, basis = np.linalg.svd(zonal * roots, full_matrices=False)
    return basis[:size] / roots


def _directions(count: int, d: int, seed: int) -> np.ndarray:
    """Returns unit vectors with no relation to the axes."""
    points = np.random.default_rng(seed).standard_normal((count, d))
    return points / np.linalg.norm(points, axis=1, keepdims=True)
