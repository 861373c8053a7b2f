r"""Zonal harmonics: what a kernel's flow or a network has learned of them, on all of the sphere.

$\phi_{k,\zeta}(x) = \sqrt{N(d,k)}\,P_k(\langle\zeta, x\rangle)$ is a spherical harmonic of degree k
with mean square 1. By the Funk–Hecke formula (Müller 1966) its inner product with a function of
$\langle w, x\rangle$ is one number times its value at $w/\|w\|$. Kernels and neurons are such
functions, so their projections on zonal harmonics need no nodes on the sphere, which in ten
dimensions nobody has enough of: the integrals over all of it are sums over sample or neurons.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from scipy.linalg import solve_triangular

from ntklib import _checks, targets
from ntklib.dynamics import _decay
from ntklib.dynamics._closed_forms import gram_flow
from ntklib.measures import Measure, _harmonics
from ntklib.networks import _door, activations

__all__ = ["Harmonics", "kernel_flow", "of_network", "of_profile", "shares"]

PIECE = 48
"""Fejér nodes on each side of a neuron's kink; an integrand is entire there for ReLU."""
PROFILE = 512
"""Fejér nodes for the expansion of a profile."""
MOST_ALIKE = 1e5
"""Condition number of a target's terms, each of norm 1, beyond which they count as dependent."""


@dataclass(frozen=True, eq=False)
class Harmonics:
    r"""Zonal harmonics $\phi_j(x) = \sqrt{N(d,k_j)}\,P_{k_j}(\langle\zeta_j, x\rangle)$ on S^{d−1}.

    Attributes:
      degrees: the k_j, whole and non-negative.
      directions: the unit vectors ζ_j, shape (number of degrees, d).

    Raises:
      TypeError: a degree is not a whole number, or directions are not floating-point numbers.
      ValueError: lengths differ, a degree is negative, or a direction is not a unit vector.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> from ntklib.learning import zonal
      >>> poles = jnp.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
      >>> harmonics = zonal.Harmonics(degrees=(1, 2), directions=poles)
      >>> sphere = measures.sphere(3, degree=4)
      >>> phi = np.asarray(harmonics(sphere.nodes))
      >>> (((phi * np.asarray(sphere.weights)) @ phi.T).round(6) + 0.0).tolist()  # no −0
      [[1.0, 0.0], [0.0, 1.0]]
    """

    degrees: Sequence[int]
    directions: Any

    def __post_init__(self) -> None:
        targets.ZonalSum(self.degrees, [1.0] * len(self.degrees), self.directions)

    @property
    def scales(self) -> np.ndarray:
        """The factors √N(d, k_j), shape (k,)."""
        d = jnp.asarray(self.directions).shape[1]
        return np.sqrt([float(_harmonics.multiplicity(d, k)) for k in self.degrees])

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """Returns φ_j(x), shape (k, n)."""
        directions, scales = (jnp.asarray(each, x.dtype) for each in (self.directions, self.scales))
        return _zonal(directions, scales, x, tuple(int(k) for k in self.degrees))

    def target(self, weights: Sequence[float]) -> targets.ZonalSum:
        r"""Returns $f^* = \sum_j a_j\phi_j$ for the weights a_j.

        Raises:
          ValueError: there are not as many weights as degrees.
        """
        _checks.same_length("weights", len(weights), "degrees", len(self.degrees))
        amplitudes = [float(a * s) for a, s in zip(weights, self.scales, strict=True)]
        return targets.ZonalSum(self.degrees, amplitudes, self.directions)


@functools.partial(jax.jit, static_argnames="degrees")
def _zonal(directions: Array, scales: Array, x: Array, degrees: tuple[int, ...]) -> Array:
    """Returns harmonics at points, shape (k, n), compiled once for each shape."""
    d = directions.shape[1]
    each = zip(degrees, directions, scales, strict=True)
    return jnp.stack([scale * targets.gegenbauer(k, d, x @ zeta) for k, zeta, scale in each])


def kernel_flow(
    gram: Float[Array, "n n"],
    eigenvalues: Float[Array, " degrees"],
    sample: Float[Array, "n d"],
    labels: Float[Array, " n"],
    harmonics: Harmonics,
    times: Float[Array, " s"],
) -> tuple[Float[Array, "s n"], Float[Array, "s k"]]:
    r"""The flow of a rotation-invariant kernel from f₀ = 0, on the sample and along harmonics.

    $f_t = \sum_i \alpha_i(t)\,K(\cdot, x_i)$ and $\langle K(\cdot, x_i), \phi_j\rangle_\rho =
    \sigma_{k_j}\phi_j(x_i)$ for uniform ρ. So `dynamics.kernel_flow`, with this in place of a row
    of the kernel, gives the projection on φ_j over all of the sphere, without nodes.

    Args:
      gram: K at the sample, shape (n, n).
      eigenvalues: σ₀, σ₁, … by degree, from `spectrum.funk_hecke`, shape (most + 1,).
      sample: x_i on the sphere, shape (n, d).
      labels: f*(x_i), shape (n,).
      harmonics: the φ_j.
      times: non-negative, strictly increasing, shape (s,).

    Returns:
      r̂_t at the sample, shape (s, n), and $\langle f_t, \phi_j\rangle_\rho$, shape (s, k).

    Raises:
      TypeError: as `dynamics.kernel_flow`.
      ValueError: eigenvalues end before the highest degree, the sample is not on the sphere, or as
        `dynamics.kernel_flow`.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> from ntklib.learning import zonal
      >>> linear = lambda x, y: x @ y.T
      >>> sigma = spectrum.funk_hecke(linear, d=2, most=1)  # 0 and 1/2
      >>> harmonics = zonal.Harmonics(degrees=(1,), directions=jnp.array([[1.0, 0.0]]))
      >>> sample = measures.circle(4).nodes
      >>> labels = harmonics(sample)[0]
      >>> _, learned = zonal.kernel_flow(
      ...     linear(sample, sample), sigma, sample, labels, harmonics, jnp.array([0.0, 2.0])
      ... )
      >>> np.asarray(learned[:, 0]).round(4).tolist()  # 0 and 1 − 1/e
      [0.0, 0.6321]
    """
    points = _checks.real_array("sample", sample, "n d")
    wanted = _checks.real_array("labels", labels, "n")
    _checks.same_length("labels", wanted.shape[0], "sample", points.shape[0])
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
    phi = harmonics(points)
    along = sigma[jnp.asarray(harmonics.degrees)][:, None] * phi
    _checks.require_x64("A difference of trajectories")
    flow = gram_flow(gram, along, -wanted, jnp.zeros(len(phi), wanted.dtype), ts)
    return flow.on_sample, flow.elsewhere


def of_network(params: PyTree, activation: str, harmonics: Harmonics) -> Float[np.ndarray, "*b k"]:
    r"""Projections of a network with one hidden layer on zonal harmonics, over all of the sphere.

    $f(x) = \frac1{\sqrt m}\sum_i v_i\,\omega(\langle w_i, x\rangle/\sqrt d + b_i) + c$ is a sum of
    functions of $\langle w_i, x\rangle$, so that for uniform ρ
    $\langle f, \phi_j\rangle_\rho = \frac1{\sqrt m}\sum_i v_i\,\lambda_{ij}\,\phi_j(w_i/\|w_i\|)$
    (and c for degree 0) with $\lambda_{ij}$ the Funk–Hecke integral of the i-th neuron. It is split
    where the neuron's preactivation is 0, so that ReLU's kink costs no accuracy.

    Args:
      params: θ of `networks.fully_connected` with one hidden layer, or of its
        `networks.antisymmetric` form; leaves may have the same leading axes, such as times.
      activation: the name of ω.
      harmonics: the φ_j.

    Returns:
      $\langle f(\cdot;\theta), \phi_j\rangle_\rho$, shape (..., k).

    Raises:
      ValueError: params have another form, or the activation is unknown.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.learning import zonal
      >>> neuron = [
      ...     {"weight": jnp.array([[2**0.5, 0.0]])},
      ...     {"weight": jnp.ones(1)},
      ... ]  # f(x) = max(x₁, 0)
      >>> harmonics = zonal.Harmonics(degrees=(0, 1), directions=jnp.array([[1.0, 0.0]] * 2))
      >>> zonal.of_network(neuron, "relu", harmonics).round(4).tolist()  # 1/π and √2/4
      [0.3183, 0.3536]
    """
    if isinstance(params, dict) and set(params) == {"plus", "minus"}:
        halves = (of_network(params[side], activation, harmonics) for side in ("plus", "minus"))
        return np.subtract(*halves) / np.sqrt(2)
    if not isinstance(params, list) or len(params) != 2 or np.ndim(params[0]["weight"]) < 2:
        raise ValueError(
            "params must be those of networks.fully_connected with one hidden layer and one "
            "output, or of its antisymmetric form."
        )
    omega = activations.named(activation).function
    hidden, readout = ({k: np.asarray(v, float) for k, v in layer.items()} for layer in params)
    w, v = hidden["weight"], readout["weight"]
    lead, (m, d) = w.shape[:-2], w.shape[-2:]
    shift = hidden.get("bias", np.zeros(w.shape[:-1]))
    out = np.empty((*lead, len(harmonics.degrees)))
    for at in np.ndindex(*lead):
        norms = np.linalg.norm(w[at], axis=1)
        factors = _neurons(omega, norms / np.sqrt(d), shift[at], d, max(harmonics.degrees))
        phi = np.asarray(harmonics(jnp.asarray(w[at] / norms[:, None])))
        parts = v[at] * factors[list(harmonics.degrees)] * phi
        out[at] = parts.sum(axis=1) / np.sqrt(m)
    constant = np.asarray(readout.get("bias", 0.0))[..., None] * harmonics.scales
    return out + constant * (np.asarray(harmonics.degrees) == 0)


def _neurons(
    omega: Callable[[Array], Array], scale: np.ndarray, shift: np.ndarray, d: int, most: int
) -> Float[np.ndarray, "degrees m"]:
    """Returns the Funk–Hecke integrals of t ↦ ω(scale·t + shift) for each neuron."""
    kink = np.arccos(np.clip(-shift / scale, -1, 1))[:, None]
    nodes, weights = _harmonics.fejer(PIECE)
    angles = np.concatenate([nodes / np.pi * kink, kink + nodes * (1 - kink / np.pi)], axis=1)
    lengths = np.concatenate([weights * kink / np.pi, weights * (1 - kink / np.pi)], axis=1)
    whole, whole_weights = _harmonics.fejer(PROFILE)
    lengths = lengths * np.sin(angles) ** (d - 2) / (whole_weights @ np.sin(whole) ** (d - 2))
    t = np.cos(angles)
    values = np.asarray(omega(jnp.asarray(scale[:, None] * t + shift[:, None]))) * lengths
    bases = islice(_harmonics.polynomials(d, t), most + 1)
    return np.stack([np.sum(values * basis, axis=1) for basis in bases])


def of_profile(
    profile: Callable[[Float[Array, " q"]], Float[Array, " q"]], d: int, most: int
) -> Float[np.ndarray, " degrees"]:
    r"""The coefficients of $x \mapsto g(\langle\zeta, x\rangle)$ along the zonal harmonics of ζ.

    $\langle g(\langle\zeta,\cdot\rangle), \phi_{k,\zeta}\rangle_\rho =
    \sqrt{N(d,k)}\,c_d\int_{-1}^1 g(t)\,P_k(t)\,(1-t^2)^{(d-3)/2}\,dt$ for uniform ρ. Their squares
    sum to the mean square of g.

    Args:
      profile: g, a smooth function of t ∈ [−1, 1]; at a kink the integral's error is about
        10⁻⁵ of g.
      d: dimension of the ambient space, at least 2.
      most: the highest degree.

    Returns:
      The coefficients for k = 0, …, most.

    Raises:
      TypeError: profile is no function, or doesn't return floating-point numbers.
      ValueError: d or most is too small, or profile returns another shape than that of t, or NaN
        or infinite values.

    Example:
      >>> from ntklib.learning import zonal
      >>> zonal.of_profile(lambda t: 1 + t, d=3, most=1).round(4).tolist()  # 1 and 1/√3
      [1.0, 0.5774]
    """
    d = _checks.whole_number("d", d, least=2)
    most = _checks.whole_number("most", most, least=0)
    angles, weights = _harmonics.angle_rule(d, PROFILE)
    t = np.cos(angles)
    values = _door.profile_of(profile, t) * weights
    bases = islice(_harmonics.polynomials(d, t), most + 1)
    sizes = [np.sqrt(_harmonics.multiplicity(d, k)) for k in range(most + 1)]
    return np.array([size * (values @ basis) for size, basis in zip(sizes, bases, strict=True)])


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
