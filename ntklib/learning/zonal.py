r"""Zonal harmonics: what a kernel's flow or a network has learned of them, on all of the sphere.

$\phi_{k,\zeta}(x) = \sqrt{N(d,k)}\,P_k(\langle\zeta, x\rangle)$ is a spherical harmonic of degree k
with mean square 1. By the Funk–Hecke formula (Müller 1966) its inner product with a function of
$\langle w, x\rangle$ is one number times its value at $w/\|w\|$. Kernels and neurons are such
functions, so their projections on zonal harmonics need no nodes on the sphere, which in ten
dimensions nobody has enough of: the integrals over all of it are sums over sample or neurons.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import solve_triangular

from ntklib import _checks, measures
from ntklib.dynamics import _decay, _problem
from ntklib.dynamics._closed_forms import gram_flow
from ntklib.learning._projections import of_network, of_profile
from ntklib.learning._zonal_harmonics import Harmonics
from ntklib.measures import Measure
from ntklib.networks import _door
from ntklib.networks._network import Kernel, Target

__all__ = ["Harmonics", "kernel_flow", "of_network", "of_profile", "shares"]

MOST_ALIKE = 1e5
"""Condition number of a target's terms, each of norm 1, beyond which they count as dependent."""


def kernel_flow(
    kernel: Kernel,
    eigenvalues: Float[Array, " degrees"],
    target: Target | Float[Array, " n"],
    harmonics: Harmonics,
    times: Float[Array, " s"],
    *,
    sample: Float[Array, "n d"],
    noise: Float[Array, " n"] | None = None,
    ridge: float = 0.0,
) -> tuple[Float[Array, "s n"], Float[Array, "s k"]]:
    r"""The flow of a rotation-invariant kernel from f₀ = 0, on the sample and along harmonics.

    $f_t = \sum_i \alpha_i(t)\,K(\cdot, x_i)$ and $\langle K(\cdot, x_i), \phi_j\rangle_\rho =
    \sigma_{k_j}\phi_j(x_i)$ for uniform ρ. So `dynamics.kernel_flow`, with this in place of a row
    of the kernel, gives the projection on φ_j over all of the sphere, without nodes.

    Args:
      kernel: K, a JAX function.
      eigenvalues: σ₀, σ₁, … by degree, from `spectrum.funk_hecke`, shape (most + 1,).
      target: f*, or labels f*(x_i), shape (n,).
      harmonics: the φ_j, along which f_t is returned, in place of a measure's nodes.
      times: non-negative, strictly increasing, shape (s,).
      sample: x_i on the sphere, shape (n, d).
      noise: ζ of the labels, shape (n,).
      ridge: λ ≥ 0 as in `dynamics.kernel_flow`.

    Returns:
      r̂_t at the sample, from the labels with their noise, shape (s, n), and
      $\langle f_t, \phi_j\rangle_\rho$, shape (s, k).

    Raises:
      ValueError: eigenvalues end before the highest degree, or the sample is not on the sphere.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> from ntklib.learning import zonal
      >>> linear = lambda x, y: x @ y.T
      >>> sigma = spectrum.funk_hecke(linear, d=2, most=1)  # 0 and 1/2
      >>> harmonics = zonal.Harmonics(degrees=(1,), directions=jnp.array([[1.0, 0.0]]))
      >>> target, times = harmonics.target([1.0]), jnp.array([0.0, 2.0])
      >>> sample = measures.circle(4).nodes
      >>> _, learned = zonal.kernel_flow(linear, sigma, target, harmonics, times, sample=sample)
      >>> np.asarray(learned[:, 0]).round(4).tolist()  # 0 and 1 − 1/e
      [0.0, 0.6321]
    """
    _checks.require_x64("A difference of trajectories")
    points = _checks.real_array("sample", sample, "n d")
    d = jnp.asarray(harmonics.directions).shape[1]
    if points.shape[1] != d:
        raise ValueError(
            f"sample must hold points of {d} dimensions, like the harmonics' directions, got shape "
            f"{points.shape}."
        )
    highest = max(harmonics.degrees)
    ts = _checks.increasing_times(times)
    sigma = _decay.rates("eigenvalues", eigenvalues, ts)
    if sigma.shape[0] <= highest:
        raise ValueError(
            f"eigenvalues must reach degree {highest}, but end with {sigma.shape[0] - 1}: "
            f"use spectrum.funk_hecke(kernel, d, {highest})."
        )
    _checks.on_sphere("sample", points)
    problem = _problem.posed(target, measures.empirical(points), points, points.dtype, draws=False)
    (labels,) = _problem.noisy(problem.labels, noise, draws=False)
    _door.look_at_kernel(kernel, points)
    gram, phi = _door.gram_of(kernel, points, points), harmonics(points)
    along = sigma[jnp.asarray(harmonics.degrees)][:, None] * phi
    flow = gram_flow(gram, along, -labels, jnp.zeros(len(phi), labels.dtype), ts, ridge)
    return flow.on_sample, flow.elsewhere


def shares(
    residuals: Float[Array, "*b q"], terms: Float[Array, "k q"], measure: Measure
) -> Float[np.ndarray, "*b k"]:
    r"""How much of each term of a target $f^* = \sum_j g_j$ was learned: 0 nothing, 1 all of it.

    The residual's projection on the span of the terms is $-\sum_j (1 - s_j)\,g_j$. The projection
    is orthogonal in L²(ρ), a least-squares fit, since terms that are orthogonal for one ρ are not
    for another, nor on a sample.

    Args:
      residuals: r at the nodes, shape (..., q).
      terms: g_j at the nodes, shape (k, q).
      measure: ρ.

    Returns:
      s_j, shape (..., k).

    Raises:
      ValueError: the terms are linearly dependent on the nodes.

    Example:
      >>> from ntklib import measures
      >>> from ntklib.learning import zonal
      >>> circle = measures.circle(8)
      >>> terms = circle.nodes.T  # cos θ and sin θ
      >>> residual = -0.25 * terms[0] - terms[1]
      >>> zonal.shares(residual, terms, circle).round(6).tolist()
      [0.75, 0.0]
    """
    g, r, w = (np.asarray(each) for each in (terms, residuals, measure.weights))
    roots = np.sqrt(w)
    # Each term by itself may have any size: what counts is whether their directions differ.
    sizes = np.linalg.norm(g * roots, axis=1)
    basis, triangle = np.linalg.qr((g * roots / np.where(sizes > 0, sizes, 1)[:, None]).T)
    if len(g) > g.shape[1] or not sizes.all() or np.linalg.cond(triangle) > MOST_ALIKE:
        raise ValueError(
            f"terms must be linearly independent on the {g.shape[1]} nodes of "
            f"{measure.name!r}: leave out those that the others give."
        )
    products = (r.reshape(-1, r.shape[-1]) * roots) @ basis
    found = solve_triangular(triangle, products.T).T / sizes
    return 1 + found.reshape(*r.shape[:-1], g.shape[0])
