r"""Angles of preactivations, from what is known of them to rounding: m = 1 − |cos φ|.

$\phi/\sin\phi = \sum_k w_k m^k$ with $w_k = 2^k k!^2/(2k+1)!$, as a polynomial, in place of library
functions, which would take most of the time of a kernel.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

DEGREES = {"float64": 21, "float32": 9}
"""Of the polynomials in m: their error on [0, 1] is below rounding."""

STEEP = 0.4
"""Where 1 − |ρ| is less, arcsin ρ is counted from ±π/2."""

TERMS = 64
"""Of the series, whose terms fall off like 2⁻ᵏ at m = 1."""


def arcsine(rho: Array, m: Array) -> tuple[Array, Array]:
    """Returns arcsin ρ and √(1 − ρ²), of ρ and m = 1 − |ρ|: one may be exact where one isn't."""
    sine, phi, _ = angle(jnp.where(m < STEEP, m, 1 / 2))
    steep = jnp.where(rho < 0, -1, 1).astype(m.dtype) * (math.pi / 2 - phi)
    small = jnp.where(m < STEEP, 0, rho)
    cosine = jnp.sqrt((1 - small) * (1 + small))
    below = small**2 / (1 + cosine)
    flat = small * (1 + below * _rest(below))
    return jnp.where(m < STEEP, steep, flat), jnp.where(m < STEEP, sine, cosine)


@jax.custom_jvp
def angle(m: Array) -> tuple[Array, Array, Array]:
    r"""Returns sin φ, φ and sin φ − φ cos φ, of m = 1 − cos φ in [0, 1].

    Where φ is below rounding, its derivative is 0: the mean over directions, since the kernel has
    a cusp there or doesn't depend on φ.
    """
    sine = jnp.sqrt(m * (2 - m))
    rest = _rest(m)
    # sin φ − φ cos φ itself would lose φ² of its digits, layer after layer.
    return sine, sine * (1 + m * rest), sine * m * (1 - (1 - m) * rest)


@angle.defjvp
def _angle_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Any, Any]:
    (m,), (m_dot,) = primals, tangents
    sine, phi, excess = angle(m)
    apart = m > 16 * float(np.finfo(m.dtype).eps) ** 2
    phi_dot = jnp.where(apart, m_dot / jnp.where(apart, sine, 1), 0)
    return (sine, phi, excess), ((1 - m) * phi_dot, phi_dot, phi * m_dot)


def _rest(m: Array) -> Array:
    """Returns (φ/sin φ − 1)/m, of m = 1 − cos φ."""
    return _horner(_polynomial(DEGREES[str(m.dtype)]), 2 * m - 1)


def _horner(coefficients: tuple[float, ...], z: Array) -> Array:
    """Returns a polynomial's value, from its even and odd powers: two shorter chains."""
    even, odd = coefficients[::2], coefficients[1::2]
    return _chain(even, z * z) + z * _chain(odd, z * z)


def _chain(coefficients: tuple[float, ...], z: Array) -> Array:
    total = jnp.full_like(z, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * z + coefficient
    return total


@functools.cache
def _polynomial(degree: int) -> tuple[float, ...]:
    """Returns the series of (φ/sin φ − 1)/m as a polynomial in z = 2m − 1 of this degree.

    In powers of z all terms add up without cancellation; then Lanczos's economization replaces
    the highest power by its Chebyshev polynomial, as long as there are too many.
    """
    w = [1 / 3]
    for k in range(1, TERMS + 30):
        w.append(w[-1] * (k + 1) / (2 * k + 3))
    powers = np.asarray(
        [math.fsum(w[j] * math.comb(j, k) * 0.5**j for j in range(k, len(w))) for k in range(TERMS)]
    )
    for k in range(TERMS - 1, degree, -1):
        chebyshev = np.polynomial.chebyshev.cheb2poly([0] * k + [1])
        powers = (powers - powers[-1] / chebyshev[-1] * chebyshev)[:-1]
    return tuple(powers.tolist())
