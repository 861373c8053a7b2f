"""Projections on zonal harmonics of networks and of functions of one coordinate."""

from collections.abc import Callable
from itertools import islice

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.learning._zonal_harmonics import Harmonics
from ntklib.measures import _harmonics
from ntklib.networks import _door, activations

PIECE = 48
"""Fejér nodes on each side of a neuron's kink; an integrand is entire there for ReLU."""
PROFILE = 512
"""Fejér nodes for the expansion of a profile."""


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
      ValueError: params have another form.

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
