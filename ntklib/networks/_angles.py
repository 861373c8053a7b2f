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
"""Of the polynomials in m on [0, 1]: their error is below rounding."""

STEEP = 0.4
"""Where 1 − |ρ| is less, arcsin ρ is counted from ±π/2: so all angles are small."""

SMALL = {"float64": 12, "float32": 5}
"""Degrees of the polynomials on [0, STEEP]."""

TERMS = 64
"""Of the series, whose terms fall off like 2⁻ᵏ at m = 1."""


def arc(rho: Array, m: Array) -> tuple[Array, Array]:
    """Returns what `arcsine` needs of ρ and m = 1 − |ρ|: one may be exact where one isn't."""
    steep = m < STEEP
    # Of both ways what is costly is taken once.
    cosine = jnp.sqrt(jnp.where(steep, m * (2 - m), (1 - rho) * (1 + rho)))
    # Without this XLA splits three layers at their square roots, into 11 loops in place of 5.
    cosine = jnp.maximum(cosine, 0)
    size = jnp.where(steep, m, 1 - cosine)
    phi = jnp.where(steep, cosine, rho) * (1 + size * _rest(size, STEEP, SMALL))
    return jnp.where(steep, jnp.where(rho < 0, phi - math.pi / 2, math.pi / 2 - phi), phi), cosine


@jax.custom_jvp
def arcsine(rho: Array, arc: tuple[Array, Array]) -> tuple[Array, Array]:
    """Returns arcsin ρ and √(1 − ρ²), of ρ and its `arc`. Where ρ is ±1, derivatives are 0."""
    return arc


@arcsine.defjvp
def _arcsine_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    phi, cosine = arcsine(*primals)
    dot = _over(tangents[0], cosine)
    return (phi, cosine), (dot, -primals[0] * dot)


def rest(m: Array) -> Array:
    """Returns what `angle` needs of m = 1 − cos φ: (φ/sin φ − 1)/m.

    Apart from it, since XLA would compute this polynomial once for each use of an angle: a loop
    hands it on instead.
    """
    return _rest(m, 1.0, DEGREES)


@jax.custom_jvp
def angle(m: Array, rest: Array) -> tuple[Array, Array, Array]:
    r"""Returns sin φ, φ and sin φ − φ cos φ, of m = 1 − cos φ in [0, 1] and its `rest`.

    Where φ is below rounding, its derivative is 0: the mean over directions, since the kernel has
    a cusp there or doesn't depend on φ.
    """
    apart = m > 16 * float(np.finfo(m.dtype).eps) ** 2
    sine = jnp.where(apart, jnp.sqrt(jnp.where(apart, m * (2 - m), 1)), 0)
    # sin φ − φ cos φ itself would lose φ² of its digits, layer after layer.
    return sine, sine * (1 + m * rest), sine * m * (1 - (1 - m) * rest)


@angle.defjvp
def _angle_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Any, Any]:
    m, m_dot = primals[0], tangents[0]
    sine, phi, excess = angle(*primals)
    phi_dot = _over(m_dot, sine)
    return (sine, phi, excess), ((1 - m) * phi_dot, phi_dot, phi * m_dot)


def _over(dot: Array, sine: Array) -> Array:
    """Returns dot/sin φ, and 0 where that is 0."""
    some = sine > 0
    return jnp.where(some, dot / jnp.where(some, sine, 1), 0)


def _rest(m: Array, most: float, degrees: dict[str, int]) -> Array:
    """Returns (φ/sin φ − 1)/m, of m = 1 − cos φ in [0, most]."""
    return _horner(_polynomial(most, degrees[str(m.dtype)]), m * (2 / most) - 1)


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
def _polynomial(most: float, degree: int) -> tuple[float, ...]:
    """Returns the series of (φ/sin φ − 1)/m as a polynomial in z = 2m/most − 1 of this degree.

    In powers of z all terms add up without cancellation; then Lanczos's economization replaces
    the highest power by its Chebyshev polynomial, as long as there are too many.
    """
    w = [1 / 3]
    for k in range(1, TERMS + 30):
        w.append(w[-1] * (k + 1) / (2 * k + 3))
    half = most / 2
    powers = np.asarray([
        math.fsum(w[j] * math.comb(j, k) * half**j for j in range(k, len(w))) for k in range(TERMS)
    ])  # fmt: skip
    for k in range(TERMS - 1, degree, -1):
        chebyshev = np.polynomial.chebyshev.cheb2poly([0] * k + [1])
        powers = (powers - powers[-1] / chebyshev[-1] * chebyshev)[:-1]
    return tuple(powers.tolist())
