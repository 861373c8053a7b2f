r"""Eigenpairs of $T_K$ on a measure's nodes; the public names are in `spectrum`."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _axes, _checks, _shown
from ntklib.measures import Measure

EXTENSIBLE = 1e-12
"""Eigenvalues below this part of the largest are not told from rounding by an extension."""


@dataclass(frozen=True, eq=False)
class Eigensystem:
    r"""The leading eigenpairs of $T_K$, its eigenfunctions given at a measure's nodes.

    Attributes:
      values: σ₁ ≥ σ₂ ≥ …, each as often as its multiplicity, shape (k,).
      functions: φᵢ at the nodes, orthonormal in L²(ρ), shape (k, q).
      measure: ρ.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> circle = measures.circle(8)
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> system = spectrum.circle(poisson, circle, k=3)
      >>> coefficients = system.coefficients(circle.nodes[:, 0])  # cos θ is φ₂/√2
      >>> round(float(coefficients[1]), 4)
      0.7071
      >>> bool(np.allclose(system.synthesis(coefficients), circle.nodes[:, 0]))
      True
      >>> system.leading(2).functions.shape
      (2, 8)
      >>> system
      Eigensystem(k=3, σ = 1, 0.5, 0.5, uniform on the circle, q=8 nodes)
    """

    values: Float[Array, " k"]
    functions: Float[Array, "k q"]
    measure: Measure

    def __repr__(self) -> str:
        k, q = self.functions.shape
        values = _shown.leading(self.values)
        return f"Eigensystem(k={k}, σ = {values}, {self.measure.name}, q={q} nodes)"

    def coefficients(self, g: Float[Array, "*b q"]) -> Float[Array, "*b k"]:
        r"""Returns $\langle g, \phi_i\rangle_\rho$ for functions g given at the nodes."""
        _checks.at_nodes("g", g, self.measure.weights)
        return _coefficients(g, self.measure.weights, self.functions)

    def synthesis(self, coefficients: Float[Array, "*b k"]) -> Float[Array, "*b q"]:
        r"""Returns $\sum_i c_i \phi_i$ at the nodes."""
        return coefficients @ self.functions

    def leading(self, k: int) -> "Eigensystem":
        """Returns the first k eigenpairs.

        Args:
          k: how many, from 1 to their number.
        """
        k = _checks.whole_number("k", k, least=1, most=self.values.shape[0])
        return Eigensystem(self.values[:k], self.functions[:k], self.measure)


@jax.jit
def _coefficients(g: Array, weights: Array, functions: Array) -> Array:
    return (g * _axes.padded(weights, g.ndim)) @ functions.T


def extension(system: Eigensystem, cross: Float[Array, "x q"]) -> Float[Array, "k x"]:
    r"""Eigenfunctions at points that are not nodes, by Nyström's formula.

    $\phi_i(x) = \sigma_i^{-1} \sum_j w_j K(x, x_j)\,\phi_i(x_j)$: the eigenvalue equation, read as
    a definition of its left side (Nyström 1930). At the nodes it gives back `system.functions`.
    If they are a sample, these are the eigenfunctions of $T_n$ on all of X.

    Args:
      system: eigenpairs of K at the nodes x_j.
      cross: K(x, x_j), a row for each new point x, shape (x, q).

    Returns:
      φᵢ(x), shape (k, x). Rounding in K enters multiplied by σ₁/σᵢ.

    Raises:
      ValueError: an eigenvalue is below 10⁻¹² of the largest.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> kernel = lambda x, y: 2 + 2 * x @ y.T
      >>> circle = measures.circle(8)
      >>> system = spectrum.circle(kernel, circle, k=3)
      >>> x = jnp.array([[0.6, 0.8]])  # there 1, √2 cos θ and √2 sin θ are
      >>> np.asarray(spectrum.extension(system, kernel(x, circle.nodes))[:, 0]).round(4).tolist()
      [1.0, 0.8485, 1.1314]
    """
    cross = _checks.real_array("cross", cross, "x q")
    weights = system.measure.weights
    _checks.same_length("cross's last axis", cross.shape[1], "system.measure", weights.shape[0])
    sigma = np.asarray(system.values)
    lost = np.flatnonzero(sigma <= EXTENSIBLE * sigma.max())
    if lost.size:
        raise ValueError(
            f"system must have eigenvalues above {EXTENSIBLE:g} of the largest, {sigma.max():.3g}, "
            f"to be extended, but number {lost[0] + 1} is {sigma[lost[0]]:.3g}: what is left of "
            f"its function is rounding. Extend system.leading({lost[0]})."
        )
    return system.coefficients(cross).T / system.values[:, None]


def transfer(system: Eigensystem, cross: Float[Array, "x q"], measure: Measure) -> Eigensystem:
    r"""An eigensystem on the nodes of another measure: `extension`, then Gram–Schmidt.

    Extended eigenfunctions of a sample are nearly, and not exactly, orthonormal in L²(ρ).
    Orthonormalized in their order, the first k span what they spanned before, for every k: so
    `principal_angles` can compare them with eigenfunctions of ρ.

    Args:
      system: eigenpairs of K at its own nodes.
      cross: K between the nodes of the new measure and those of the system, shape (x, q).
      measure: ρ, with x nodes.

    Returns:
      The same eigenvalues, with functions orthonormal in L²(ρ).

    Raises:
      ValueError: as `extension`, or the new nodes are other or fewer than cross and system need.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> kernel = lambda x, y: 2 + 2 * x @ y.T
      >>> coarse, fine = measures.circle(4), measures.circle(8)
      >>> system = spectrum.nystrom(kernel(coarse.nodes, coarse.nodes), coarse, k=3)
      >>> moved = spectrum.transfer(system, kernel(fine.nodes, coarse.nodes), fine)
      >>> exact = spectrum.circle(kernel, fine, k=3)
      >>> np.asarray(spectrum.principal_angles(moved, exact)).round(6).tolist()
      [0.0, 0.0, 0.0]
    """
    functions = np.asarray(extension(system, cross))
    k, x = functions.shape
    _checks.same_length("cross", x, "measure", measure.weights.shape[0])
    if x < k:
        raise ValueError(
            f"measure must have at least as many nodes as system has functions, {k}, got {x}: "
            f"transfer system.leading({x}) or take more nodes."
        )
    roots = np.sqrt(np.asarray(measure.weights))
    basis, triangle = np.linalg.qr((functions * roots).T)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return Eigensystem(system.values, jnp.asarray((basis * signs).T / roots), measure)


def principal_angles(
    first: Eigensystem, second: Eigensystem, k: int | None = None
) -> Float[Array, " k"]:
    r"""The principal angles between the spans of the leading eigenfunctions of two kernels.

    Their cosines are the singular values of $(\langle\phi_a, \psi_b\rangle_\rho)_{a,b\le k}$, their
    sines those of the ψ's less their projections on the φ's; from both, small angles are exact as
    well as large ones (Björck and Golub 1973). A span is defined only where k doesn't cut a
    multiple eigenvalue.

    Args:
      first: eigenpairs with the eigenfunctions φ.
      second: eigenpairs with the eigenfunctions ψ on the same measure.
      k: how many eigenfunctions of each; all by default, if there are equally many.

    Returns:
      θ₁ ≤ θ₂ ≤ … ≤ π/2 in radians, shape (k,), exact to about 10⁻¹⁵.

    Raises:
      ValueError: the measures differ, or k is None and the numbers of eigenfunctions differ.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> circle = measures.circle(8)
      >>> one, cosine, sine = spectrum.circle(lambda x, y: 1 + x @ y.T, circle, k=3).functions
      >>> first = spectrum.Eigensystem(jnp.ones(2), jnp.stack([one, cosine]), circle)
      >>> second = spectrum.Eigensystem(jnp.ones(2), jnp.stack([one, sine]), circle)
      >>> np.asarray(spectrum.principal_angles(first, second)).round(4).tolist()  # 0 and π/2
      [0.0, 1.5708]
    """
    _same_measure(first.measure, second.measure)
    if k is None:
        k = first.values.shape[0]
        _checks.same_length("first", k, "second", second.values.shape[0])
    k = _checks.whole_number(
        "k", k, least=1, most=min(first.values.shape[0], second.values.shape[0])
    )
    roots = np.sqrt(np.asarray(first.measure.weights))
    base, other = (np.asarray(system.functions[:k]) * roots for system in (first, second))
    products = other @ base.T
    cosines = np.linalg.svd(products, compute_uv=False)
    # scipy.linalg.subspace_angles pairs the two the wrong way round if some angles exceed 45°.
    sines = np.linalg.svd(other - products @ base, compute_uv=False)[::-1]
    return jnp.asarray(np.arctan2(sines, cosines))


def _same_measure(first: Measure, second: Measure) -> None:
    if first is second:
        return
    same = all(
        a.shape == b.shape and bool(jnp.all(a == b))
        for a, b in ((first.nodes, second.nodes), (first.weights, second.weights))
    )
    if not same:
        raise ValueError(
            f"first and second must be on one measure, got {first.name!r} with "
            f"{first.weights.shape[0]} nodes and {second.name!r} with {second.weights.shape[0]}: "
            "compute both on the same nodes."
        )
