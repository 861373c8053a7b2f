r"""Gaussian moments E[ω(u)ω(v)] of a smooth activation ω, by its Hermite series.

For (u, v) normal with variances s, r and covariance c, Mehler's formula gives with ρ = c/√(sr)

  $E[\omega(u)\omega(v)] = \sum_k a_k(s)\,a_k(r)\,\rho^k$,
  $a_k(s) = E[\omega(\sqrt s\,z)\,\mathrm{he}_k(z)]$, z standard normal,

where he_k is the normalized Hermite polynomial (Daniely, Frostig and Singer 2016, "Toward deeper
understanding of neural networks"). The a_k belong to a point and only the power series to a pair
of points, so a Gram matrix costs `TERMS` multiply-adds an entry instead of a quadrature in the
plane.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.networks import _calls

Moment = Callable[[Float[Array, ""], Float[Array, ""], Float[Array, ""]], Float[Array, ""]]

TERMS = 512
"""Terms of the series: what is left out is at most Σ_{k ≥ TERMS} a_k², its value at ρ = 1."""

STEP = 1 / 16
"""Step of the trapezoidal rule for a_k. Its integrand has frequencies up to √TERMS ≈ 23 from he_k
and, up to a factor e^{−αa}, α from a function ω(√s z) analytic within a of the real axis. The rule
is off by what lies above 2π/STEP ≈ 100."""

REACH = 13.0
"""The rule ends at |z| = REACH, where e^{−z²/4} is 4·10⁻¹⁹: it bounds the integrand but for ω."""

UNROLL = 16
"""Terms added in one pass over a Gram matrix: fewer passes mean less traffic with memory. Both
Gram matrices of 2000 points took 0.4 s on two CPU cores with 16, 1.0 s with 8 and 1.4 s with 1;
blocks of rows saved memory, not time."""


def moments(function: Callable[[Array], Array], corner: float = 0.0) -> tuple[Moment, Moment]:
    r"""The moments E[ω(u)ω(v)] and E[ω'(u)ω'(v)] as functions of (c, s, r).

    Both are scalar functions in plain JAX, the `nngp_fn` and `d_nngp_fn` of
    `neural_tangents.stax.Elementwise`. Under its nested vmaps the coefficients are computed once
    a point. The second is the series of ω' itself. The error, relative to the moment at ρ = 1,
    grows with the variance, since ω(√s z) becomes steep, and is largest at ρ = ±1. In double
    precision, with s = r, it was measured as

      s         ≤ 3      4        5        8        10       16       100
      tanh      1e-15    1e-15    2e-14    1e-11    1e-10    1e-8     1e-4
      tanh'     1e-15    2e-13    7e-12    3e-9     3e-8     2e-6     2e-2
      softplus  1e-15    1e-15    1e-15    1e-15    1e-15    1e-15    2e-10
      softplus' 1e-15    1e-15    1e-15    1e-15    1e-15    1e-15    1e-7

    It falls quickly away from ρ = ±1 (at s = 10 and |ρ| = 0.99 to 1e-10 for tanh') and where one
    of the two variances is small. Single precision adds its rounding. Without variance u = 0, so
    that s = 0 is allowed; only there the derivative by s is NaN.

    A corner at 0 is a multiple b of ReLU's, whose coefficients are known, as is the sum of their
    squares: $\sum_k (g_k + b_k)(g'_k + b'_k)\rho^k = \sum_k (g_kg'_k + g_kb'_k + b_kg'_k)\rho^k
    + b^2\sqrt{sr}\,E[\mathrm{relu}(z)\,\mathrm{relu}(z')]$ converges as the series of the
    smooth part g does. Near ρ = ±1 its derivative knows the angle to √ε only.

    Args:
      function: ω, elementwise, analytic near the real axis but for the corner, and of at most
        polynomial growth.
      corner: b, by how much ω' jumps at 0.

    Returns:
      The functions (c, s, r) ↦ E[ω(u)ω(v)] and (c, s, r) ↦ E[ω'(u)ω'(v)] of the covariance c and
      the variances s, r ≥ 0, of one floating-point type, which is the result's.
    """
    smooth, slope = without_corner(function, corner)
    return _moment(smooth, corner, _RELU), _moment(slope, corner, _STEP)


def without_corner(
    function: Callable[[Array], Array], corner: float
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Returns g = ω − b·relu and its derivative."""
    if not corner:
        return function, jax.vmap(jax.grad(function))

    def smooth(u: Array) -> Array:
        return function(u) - corner * jax.nn.relu(u)

    def slope(u: Array) -> Array:
        # At 0 itself ω and ReLU may have any derivative between those of both sides.
        beside = jnp.where(u == 0, float(np.finfo(u.dtype).tiny), u)
        return jax.vmap(jax.grad(smooth))(beside)

    return smooth, slope


@dataclass(frozen=True)
class _Part:
    """ReLU or its derivative h, with h(√s z) = √sᵈ h(z).

    Attributes:
      degree: d.
      coefficients: of h in the he_k, shape (TERMS,).
      product: ρ ↦ E[h(z)h(z')].
    """

    degree: int
    coefficients: np.ndarray
    product: Callable[[Array], Array]


def _relu() -> np.ndarray:
    """1/√(2π), 1/2, then (−1)^{k/2−1} (k − 3)!!/√(2π k!) for even k: E[relu(z) he_k(z)]."""
    found = np.zeros(TERMS + 1)
    found[:3] = 1 / math.sqrt(2 * math.pi), 1 / 2, 1 / math.sqrt(4 * math.pi)
    for k in range(2, TERMS - 1, 2):
        found[k + 2] = -found[k] * (k - 1) / math.sqrt((k + 1) * (k + 2))
    return found


def _angle_from_opposite(rho: Array) -> Array:
    """Returns π − arccos ρ, with derivative 0 at the ends, where it has none."""
    inside = jnp.abs(rho) < 1
    return math.pi / 2 + jnp.where(inside, jnp.arcsin(jnp.where(inside, rho, 0)), rho * math.pi / 2)


@jax.custom_jvp
def _relu_product(rho: Array) -> Array:
    sine = jnp.sqrt((1 - rho) * (1 + rho))
    return (sine + rho * _angle_from_opposite(rho)) / (2 * math.pi)


@_relu_product.defjvp
def _relu_product_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (rho,), (rho_dot,) = primals, tangents
    return _relu_product(rho), _step_product(rho) * rho_dot


def _step_product(rho: Array) -> Array:
    return _angle_from_opposite(rho) / (2 * math.pi)


_RELU = _Part(1, _relu()[:TERMS], _relu_product)
# relu' = step, and the k-th coefficient of a derivative is √(k + 1) times the next one.
_STEP = _Part(0, np.sqrt(np.arange(1, TERMS + 1)) * _relu()[1:], _step_product)


def _moment(function: Callable[[Array], Array], corner: float, part: _Part) -> Moment:
    def moment(c: Float[Array, ""], s: Float[Array, ""], r: Float[Array, ""]) -> Float[Array, ""]:
        root_s, root_r = jnp.sqrt(s), jnp.sqrt(r)
        # Without variance there is no correlation, and of the series only the first term is left.
        deviation = root_s * root_r
        constant = deviation == 0
        rho = jnp.where(constant, 0, c / jnp.where(constant, 1, deviation))
        # Rounding may lead out of [−1, 1].
        rho = jnp.clip(rho, -1, 1)
        weights = [corner * root**part.degree for root in (root_s, root_r)] if corner else []

        def horner(total: Array, factors: tuple[Array, ...]) -> tuple[Array, None]:
            a, b, *relus = factors
            term = a * b
            for h in relus:  # with a corner there is one
                term += h * (weights[0] * b + weights[1] * a)
            return total * rho + term, None

        series = [_coefficients(function, root) for root in (root_s, root_r)]
        if corner:
            series.append(jnp.asarray(part.coefficients, rho.dtype))
        total, _ = jax.lax.scan(
            horner, jnp.zeros_like(rho), tuple(series), reverse=True, unroll=UNROLL
        )
        return total + weights[0] * weights[1] * part.product(rho) if corner else total

    return moment


def _coefficients(
    function: Callable[[Array], Array], deviation: Float[Array, ""]
) -> Float[Array, " k"]:
    r"""The a_k for k < TERMS, of ω(√s z) at √s = deviation."""
    nodes, table = (jnp.asarray(array, deviation.dtype) for array in _rule())
    values = function(deviation * nodes)
    return jnp.matmul(table, values, precision=jax.lax.Precision.HIGHEST)


def squares(
    function: Callable[[Array], Array], deviation: float, name: str = "activation"
) -> tuple[np.ndarray, float]:
    r"""The a_k(s)² for k < TERMS at √s = deviation, and E[ω(√s z)²], which is their sum if all.

    Args:
      function: ω, elementwise, as for `moments`.
      deviation: √s.
      name: of the argument that ω was.

    Returns:
      The squares, shape (TERMS,), and the mean.
    """
    nodes, table = _rule()
    values = np.asarray(_calls.array(name, function(jnp.asarray(deviation * nodes))))
    if values.shape != nodes.shape:
        raise ValueError(
            f"{name} must return one number for each it is given, shape {nodes.shape}, but "
            f"returns shape {values.shape}."
        )
    values = np.asarray(_checks.real_array(f"{name}(u)", values))
    return (table @ values) ** 2, float(table[0] @ values**2)


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes z, shape (q,), and the table of STEP·he_k(z)φ(z), shape (TERMS, q).

    The recurrence $\sqrt{k+1}\,\mathrm{he}_{k+1} = z\,\mathrm{he}_k - \sqrt k\,\mathrm{he}_{k-1}$
    runs on the functions he_k(z)e^{−z²/4}, which are bounded where the polynomials overflow.
    """
    reach = round(REACH / STEP)
    z = STEP * np.arange(-reach, reach + 1)
    half = np.exp(-(z**2) / 4)
    rows = [half, z * half]
    for k in range(1, TERMS - 1):
        rows.append((z * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    return z, STEP / math.sqrt(2 * math.pi) * half * np.stack(rows)
