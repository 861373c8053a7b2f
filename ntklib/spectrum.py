r"""Eigenvalues and eigenfunctions of $T_K$: exact on the circle, Nyström for any measure."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.measures import Measure, equispaced_angles, points_at
from ntklib.networks import Kernel

QUADRATURE_NODES = 512
"""Fejér nodes on [0, π] for the circle's eigenvalues."""


@dataclass(frozen=True, eq=False)
class Eigensystem:
    r"""The leading eigenpairs of $T_K$, its eigenfunctions given at a measure's nodes.

    Attributes:
      values: σ₁ ≥ σ₂ ≥ …, each as often as its multiplicity, shape (k,).
      functions: φᵢ at the nodes, orthonormal in L²(ρ), shape (k, q).
      measure: ρ.
    """

    values: Float[Array, " k"]
    functions: Float[Array, "k q"]
    measure: Measure

    def coefficients(self, g: Float[Array, "*b q"]) -> Float[Array, "*b k"]:
        r"""Returns $\langle g, \phi_i\rangle_\rho$ for functions g given at the nodes."""
        return (g * self.measure.weights.reshape((1,) * (g.ndim - 1) + (-1,))) @ self.functions.T

    def synthesis(self, coefficients: Float[Array, "*b k"]) -> Float[Array, "*b q"]:
        r"""Returns $\sum_i c_i \phi_i$ at the nodes."""
        return coefficients @ self.functions

    def leading(self, k: int) -> "Eigensystem":
        """Returns the first k eigenpairs.

        Args:
          k: how many, from 1 to their number.

        Raises:
          ValueError: k is out of range.
        """
        k = _checks.whole_number("k", k, least=1, most=self.values.shape[0])
        return Eigensystem(self.values[:k], self.functions[:k], self.measure)


def circle(kernel: Kernel, measure: Measure, k: int | None = None) -> Eigensystem:
    r"""The eigensystem of a rotation-invariant kernel on the uniform circle, in closed form.

    With $K(x, x') = \kappa(\theta - \theta')$, κ even, the eigenfunctions are 1, √2 cos jθ,
    √2 sin jθ with the eigenvalues $\lambda_j = \frac{1}{\pi}\int_0^\pi \kappa(\theta)
    \cos(j\theta)\,d\theta$ (the Funk–Hecke formula for d = 2). The tangent kernels of ReLU
    networks have corners at θ = 0 and π and are analytic between them, so Fejér's nodes on
    [0, π] converge geometrically where equispaced ones would not.

    Args:
      kernel: (x, x') ↦ Gram matrix, such as `network.kernel`.
      measure: the uniform circle with q nodes, from `measures.circle`.
      k: how many eigenpairs, at most the q − 1 or fewer that the nodes tell apart; all by default.

    Returns:
      The eigensystem; within each pair of equal eigenvalues the cosine comes first. Eigenvalues
      are exact to about 10⁻¹⁵ of the largest; where rounding makes one negative it is set to 0.

    Raises:
      ValueError: the measure is not an equispaced circle, the kernel is not rotation-invariant or
        has a negative eigenvalue, k is out of range, or x64 is off.
    """
    _checks.require_x64("A spectrum")
    q = measure.nodes.shape[0]
    theta = np.asarray(_equispaced_angles(measure))
    most = (q - 1) // 2  # frequencies below q/2 are orthogonal on q equispaced nodes
    k = 2 * most + 1 if k is None else _checks.whole_number("k", k, least=1, most=2 * most + 1)
    by_frequency = fourier_eigenvalues(kernel, most)

    frequency = np.repeat(np.arange(most + 1), [1] + [2] * most)
    order = np.argsort(-np.asarray(by_frequency)[frequency], kind="stable")[:k]
    phase = np.where(np.arange(2 * most + 1) % 2 == 0, np.pi / 2, 0.0)  # cos, then sin
    phase[0] = 0.0
    amplitude = np.where(frequency == 0, 1.0, np.sqrt(2))
    functions = amplitude[order, None] * np.cos(
        frequency[order, None] * theta[None, :] - phase[order, None]
    )
    return Eigensystem(by_frequency[frequency[order]], jnp.asarray(functions), measure)


def fourier_eigenvalues(kernel: Kernel, most: int) -> Float[Array, " j"]:
    r"""Eigenvalues λ₀, …, λ_most of a rotation-invariant kernel on the circle, by frequency.

    Args:
      kernel: (x, x') ↦ Gram matrix.
      most: the highest frequency.

    Returns:
      $\lambda_j$, shape (most + 1,); see `circle`.

    Raises:
      ValueError: the kernel is not rotation-invariant, or has a negative eigenvalue.
    """
    count = max(QUADRATURE_NODES, 2 * most)
    nodes, weights = _fejer(count)
    angles = jnp.asarray(nodes)
    profile = kernel(points_at(jnp.zeros(1)), points_at(angles))[0]
    # Turned by an angle that no symmetry of a kernel is likely to share, and mirrored.
    turned = kernel(points_at(jnp.ones(1)), points_at(1 - angles))[0]
    asymmetry = float(jnp.max(jnp.abs(profile - turned)) / jnp.max(jnp.abs(profile)))
    if asymmetry > 1e-8:
        raise ValueError(
            "kernel must depend on the angle between its arguments only, but a rotation changes "
            f"it by {asymmetry:.2g} of its largest value: use nystrom() instead."
        )
    modes = np.cos(np.arange(most + 1)[:, None] * np.asarray(angles))
    values = modes @ (weights * np.asarray(profile))
    if values.min() < -1e-8 * values.max():
        j = int(np.argmin(values))
        raise ValueError(
            f"kernel must be positive semidefinite, but frequency {j} has the eigenvalue "
            f"{values[j]:.3g}: it is no kernel."
        )
    return jnp.asarray(np.maximum(values, 0.0))


def frequency_norms(
    g: Float[Array, "*b q"], measure: Measure, most: int
) -> Float[Array, "*b frequencies"]:
    r"""The norms of a function's projections on each frequency of the circle.

    The eigenspace of frequency j ≥ 1 is spanned by √2 cos jθ and √2 sin jθ, so this is
    $(\langle g, \sqrt2\cos j\theta\rangle_\rho^2 + \langle g, \sqrt2\sin
    j\theta\rangle_\rho^2)^{1/2}$, and $|\langle g, 1\rangle_\rho|$ for j = 0.

    Args:
      g: values at the nodes, shape (..., q).
      measure: the uniform circle, from `measures.circle`.
      most: the highest frequency, below q/2.

    Returns:
      The norms for j = 0, …, most, shape (..., most + 1).

    Raises:
      ValueError: the measure is not an equispaced circle, or `most` is out of range.
    """
    q = _equispaced_angles(measure).shape[0]
    most = _checks.whole_number("most", most, least=0, most=(q - 1) // 2)
    amplitudes = jnp.abs(jnp.fft.rfft(g)[..., : most + 1]) / q
    scale = jnp.where(jnp.arange(most + 1) == 0, 1.0, jnp.sqrt(2.0))
    return amplitudes * scale.reshape((1,) * (g.ndim - 1) + (-1,))


def _fejer(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns Fejér's nodes on [0, π] and weights that sum to 1 (Waldvogel 2006).

    Unlike those of Gauss–Legendre rules, its weights have a formula that is exact to rounding.
    """
    phi = np.pi * (np.arange(count) + 0.5) / count
    k = np.arange(1, count // 2 + 1)
    weights = (1 - 2 * np.cos(2 * phi[:, None] * k) @ (1 / (4.0 * k**2 - 1))) / count
    return np.pi * np.sin(phi / 2) ** 2, weights


def _equispaced_angles(measure: Measure) -> Float[Array, " q"]:
    nodes = measure.nodes
    q = nodes.shape[0]
    expected = equispaced_angles(q)
    if nodes.shape[1] != 2 or float(jnp.max(jnp.abs(nodes - points_at(expected)))) > 1e-10:
        raise ValueError(
            f"measure must be measures.circle(nodes), got {measure.name!r} with nodes of shape "
            f"{nodes.shape}: use nystrom() for other measures."
        )
    return expected


def nystrom(gram: Float[Array, "q q"], measure: Measure, k: int | None = None) -> Eigensystem:
    r"""The eigensystem of $T_K = K\,\mathrm{diag}(w)$ on a measure's nodes.

    $T_K$ is symmetric in $\langle\cdot,\cdot\rangle_\rho$: with
    $A = \mathrm{diag}(w)^{1/2} K\,\mathrm{diag}(w)^{1/2} = U\Sigma U^T$ its eigenfunctions are
    $\phi_i = \mathrm{diag}(w)^{-1/2}u_i$. For nodes drawn from ρ the eigenvalues approach those of
    the operator at the rate 1/√q (Koltchinskii and Giné 2000).

    Args:
      gram: K at the nodes, symmetric positive semidefinite, shape (q, q).
      measure: ρ.
      k: how many eigenpairs; all q by default.

    Returns:
      The eigensystem; eigenvalues that rounding makes negative are set to 0.

    Raises:
      ValueError: gram is not symmetric positive semidefinite of shape (q, q), k is out of range,
        or x64 is off.
    """
    _checks.require_x64("A spectrum")
    matrix = _checks.symmetric_positive("gram", gram)
    q = measure.weights.shape[0]
    _checks.same_length("gram", matrix.shape[0], "measure", q)
    k = q if k is None else _checks.whole_number("k", k, least=1, most=q)
    roots = jnp.sqrt(measure.weights)
    values, vectors = jnp.linalg.eigh(roots[:, None] * matrix * roots[None, :])
    functions = (vectors / roots[:, None]).T
    return Eigensystem(jnp.maximum(values[::-1], 0.0)[:k], functions[::-1][:k], measure)
