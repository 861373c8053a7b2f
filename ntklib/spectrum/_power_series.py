r"""The tangent kernel as a power series in ⟨x, x'⟩; the public name is in `spectrum`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln

from ntklib import _arguments, _checks
from ntklib.networks import _calls, _hermite
from ntklib.networks.activations import named

MOST = _hermite.TERMS - 1
"""Terms of a power series, at most: the derivative's Hermite series has one less than ω's."""
LEFT_OUT = 1e-8
"""The share of E[ω(z)²] that the Hermite series of an analytic ω may leave out."""


@dataclass(frozen=True)
class PowerSeries:
    r"""A kernel $K(x, x') = \sum_p \gamma_p\langle x, x'\rangle^p$ on the unit sphere.

    Attributes:
      coefficients: γ_p ≥ 0 for p < P, shape (P,).
      diagonal: $K(x, x) = \sum_p \gamma_p$ over all p, those that are left out as well.
    """

    coefficients: Float[Array, " p"]
    diagonal: float

    def __call__(self, x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        """Returns the Gram matrix of the terms that are there, of points of the unit sphere."""
        return jnp.polyval(self.coefficients[::-1], x1 @ x2.T)

    def shares(self) -> Float[Array, " p"]:
        r"""Returns what the first terms carry, $\sum_{q\le p}\gamma_q / K(x, x)$, shape (P,)."""
        return jnp.cumsum(self.coefficients) / self.diagonal

    def eigenvalues(self, d: int, most: int) -> Float[Array, " degrees"]:
        r"""Returns the eigenvalues on the uniform sphere S^{d−1} by degree, as `funk_hecke` does.

        $\sigma_k = \frac{\Gamma(d/2)}{2^k\sqrt\pi}\sum_{p \ge k,\; p-k\text{ even}}
        \frac{p!}{(p-k)!}\,\frac{\Gamma(\frac{p-k+1}{2})}{\Gamma(\frac{p+k+d}{2})}\,\gamma_p$,
        the integral of tᵖP_k(t) by Rodrigues' formula. All terms are positive, so small
        eigenvalues are as precise as large ones, relative to themselves, as far as the γ_p are;
        what is left out makes them too small.

        Args:
          d: dimension of the ambient space, at least 2.
          most: the highest degree, less than the number of coefficients.

        Returns:
          σ₀, …, σ_most, shape (most + 1,).
        """
        d = _checks.whole_number("d", d, least=2)
        terms = len(self.coefficients)
        most = _checks.whole_number("most", most, least=0, most=terms - 1)
        p, k = np.arange(terms), np.arange(most + 1)[:, None]
        rest = p - k
        there = (rest >= 0) & (rest % 2 == 0)
        rest = np.where(there, rest, 0)
        logs = gammaln(p + 1) - gammaln(rest + 1) + gammaln((rest + 1) / 2)
        logs += gammaln(d / 2) - gammaln((p + k + d) / 2) - k * math.log(2) - math.log(math.pi) / 2
        moments = np.exp(np.where(there, logs, -np.inf))
        return jnp.asarray(moments @ np.asarray(self.coefficients))

    def cube_eigenvalues(self, d: int, most: int) -> Float[Array, " degrees"]:
        r"""Returns the eigenvalues on the uniform cube {±1/√d}ᵈ, by degree of the parities.

        On the cube the eigenfunctions are the products of k of the signs (Yang and Salman 2019),
        with $\mu_k = \sum_p \gamma_p\,E[t^p\varepsilon_1\cdots\varepsilon_k]$, t the mean of d
        independent signs ε. Written out in one factor t, the moments are $M_{p,k} = \frac kd
        M_{p-1,k-1} + \frac{d-k}d M_{p-1,k+1}$: all terms are positive here, too.

        Args:
          d: dimension of the cube.
          most: the highest degree, at most d and less than the number of coefficients.

        Returns:
          μ₀, …, μ_most, shape (most + 1,), of the multiplicities $\binom dk$.
        """
        d = _checks.whole_number("d", d, least=1)
        terms = len(self.coefficients)
        most = _checks.whole_number("most", most, least=0, most=min(d, terms - 1))
        k = np.arange(d + 1)
        moments = np.zeros(d + 2)
        moments[0] = 1
        total = np.zeros(d + 1)
        for coefficient in np.asarray(self.coefficients):
            total += coefficient * moments[:-1]
            lower, higher = np.append(0.0, moments[:-2]), moments[1:]
            moments = np.append((k * lower + (d - k) * higher) / d, 0.0)
        return jnp.asarray(total[: most + 1])


def power_series(
    activation: str | Callable[[Array], Array],
    depth: int = 1,
    *,
    terms: int = MOST,
    first: Sequence[float] = (1.0, 0.0),
    later: Sequence[float] = (1.0, 0.0),
) -> PowerSeries:
    r"""The power series of a fully connected network's analytic kernel on the unit sphere.

    Murray, Jin, Bowman and Montúfar 2023: with the Hermite coefficients $a_k$ of an activation
    $\omega(\sqrt s\,z)$, s the variance of a layer's inputs, $F(\rho) = \sum_k a_k^2\rho^k$ and
    $\dot F(\rho) = \frac1s\sum_k (k+1)\,a_{k+1}^2\,\rho^k$, the series
    $\Sigma_l = w\,F(\Sigma_{l-1}/s) + b$ and
    $\Theta_l = \Sigma_l + w\,\dot F(\Sigma_{l-1}/s)\,\Theta_{l-1}$ in t = ⟨x, x'⟩, which begin with
    $\Sigma_0 = \Theta_0 = w_1 t + b_1$ and variances w, b of weights and biases, end with
    $K^\infty = \Theta_L$, whose coefficients are the γ_p.
    No coefficient is negative.

    Args:
      activation: the name of ω, a key of `activations.ACTIVATIONS`, or ω itself, elementwise and
        analytic near the real axis.
      depth: L, the number of hidden layers.
      terms: P, at most 511.
      first: the variances w₁ of a weight of the first layer and b₁ of its biases.
      later: w, which a later layer divides by the number of its inputs, and b.

    Returns:
      The series: `coefficients`, `diagonal`, `shares()`, `eigenvalues(d, most)` on spheres,
      `cube_eigenvalues(d, most)`, and the kernel as a function of two sets of points. That of
      this library's networks on the unit sphere of ℝᵈ has `first=(1 / d, b)` and
      `later=(1, b)`, b = 1 with biases and 0 without.

    Raises:
      ValueError: the Hermite series of an ω that was passed leaves out more than 10⁻⁸ of
        $E[\omega(\sqrt s\,z)^2]$; a variance is negative, or the first two are 0.

    Example:
      >>> import numpy as np
      >>> from ntklib import spectrum
      >>> relu = spectrum.power_series("relu", later=(2.0, 0.0))
      >>> np.asarray(relu.coefficients[:4]).round(4).tolist()  # 1/π, 1, 3/(2π), 0
      [0.3183, 1.0, 0.4775, 0.0]
      >>> relu.diagonal
      2.0
    """
    _checks.require_x64("A power series")
    depth = _checks.whole_number("depth", depth, least=1)
    terms = _checks.whole_number("terms", terms, least=1, most=MOST)
    (weights, biases), (gain, shift) = (
        _variances(name, pair) for name, pair in (("first", first), ("later", later))
    )
    variance = diagonal = weights + biases
    if variance == 0:
        raise ValueError("first must have a positive variance: the network is constant.")
    sigma = np.zeros(terms)
    sigma[:2] = (biases, weights)[:terms]
    theta = sigma
    for _ in range(depth):
        squares, mean, slope = _squares(activation, variance)
        rho = sigma / variance
        derivative = gain * _composed(np.arange(1, len(squares)) * squares[1:] / variance, rho)
        sigma = gain * _composed(squares[:-1], rho)
        sigma[0] += shift
        theta = sigma + np.convolve(theta, derivative)[:terms]
        variance = gain * mean + shift
        diagonal = variance + gain * slope * diagonal
    return PowerSeries(jnp.asarray(theta), float(diagonal))


def _variances(name: str, pair: Sequence[float]) -> tuple[float, float]:
    found = _arguments.real_numbers(name, pair, "(1.0, 0.0)")
    if len(found) != 2 or min(found) < 0:
        raise ValueError(
            f"{name} must be two variances, of weights and of biases, none negative, got {found}."
        )
    return found[0], found[1]


def _squares(
    activation: str | Callable[[Array], Array], variance: float
) -> tuple[np.ndarray, float, float]:
    """Returns the a_k², E[ω(u)²] and E[ω'(u)²], u normal with the variance."""
    if activation == "relu":  # homogeneous, and not analytic
        k = np.arange(2.0, _hermite.TERMS, 2)
        squares = np.zeros(_hermite.TERMS)
        squares[:2] = 1 / (2 * math.pi), 1 / 4
        # ((k − 3)!!)²/(2π k!)
        logs = (k - 2) * math.log(2) + 2 * gammaln((k - 1) / 2) - gammaln(k + 1)
        squares[2::2] = np.exp(logs) / (2 * math.pi**2)
        return variance * squares, variance / 2, 1 / 2
    omega = named(activation).function if isinstance(activation, str) else activation
    _calls.function("activation", omega, "of numbers, u ↦ ω(u), or a name")
    squares, mean = _hermite.squares(omega, math.sqrt(variance))
    if not mean - squares.sum() <= LEFT_OUT * mean:
        raise ValueError(
            f"activation must be analytic near the real axis, but {_hermite.TERMS} terms of its "
            f"Hermite series leave out {1 - squares.sum() / mean:.1g} of E[ω(u)²], u of variance "
            f"{variance:.3g}: smooth its corners, scale the weights down, or take 'relu' by name."
        )
    return squares, mean, float(np.arange(len(squares)) @ squares / variance)


def _composed(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Returns Σ_k outer_k inner(t)ᵏ, cut off where the inner series is, by Horner's rule."""
    total = np.zeros_like(inner)
    for coefficient in outer[::-1]:
        total = np.convolve(total, inner)[: len(inner)]
        total[0] += coefficient
    return total
