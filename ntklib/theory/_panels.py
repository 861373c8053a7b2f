"""Integrals over the past in panels of Gauss points; the public names are in `deviations`."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import eval_legendre, ive, roots_legendre

from ntklib import _checks
from ntklib.dynamics import _decay


@dataclass(frozen=True, eq=False)
class Panels:
    """Intervals of time with Gauss–Legendre points in each, for integrals over the past.

    Attributes:
      ends: t > 0, where the panels end and integrals are wanted, shape (s,); the first starts at 0.
      points: Gauss points s of each panel, shape (s, g).

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.theory import deviations
      >>> panels = deviations.panels(jnp.array([1.0, 2.0]), points=1)
      >>> panels.points.tolist(), panels.times.tolist()
      ([[0.5], [1.5]], [0.0, 0.5, 1.0, 1.5, 2.0])
    """

    ends: Float[Array, " s"]
    points: Float[Array, "s g"]

    @property
    def times(self) -> Float[Array, " t"]:
        """0, and each panel's Gauss points and end: pass it to `gradient_flow`."""
        joined = jnp.concatenate([self.points, self.ends[:, None]], axis=1)
        return jnp.concatenate([jnp.zeros(1), joined.ravel()])


def panels(ends: Float[Array, " s"], points: int = 8) -> Panels:
    """Divides the time up to the last end into panels.

    Args:
      ends: t > 0, strictly increasing, shape (s,). A force that changes at the rates λ ≤ λ₁ is a
        polynomial to rounding in a panel no longer than about 1/λ₁, or, once the fast part has
        decayed, than the time before it: so ends in equal ratios of at most 2, the first below
        1/λ₁, suit a gradient flow.
      points: Gauss points g in each panel.

    Returns:
      The panels.

    Raises:
      TypeError: ends are not floating-point numbers, or points is not a whole number.
      ValueError: ends are not increasing or don't start after 0, points is less than 1, or x64 is
        off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib.theory import deviations
      >>> deviations.panels(jnp.array([1.0, 2.0]), points=3).points.shape
      (2, 3)
    """
    _checks.require_x64("A difference of trajectories")
    ts = _checks.increasing_times(ends)
    if float(ts[0]) == 0:
        raise ValueError("ends must start after 0, where the first panel begins: drop t = 0.")
    count = _checks.whole_number("points", points, least=1)
    x, _ = roots_legendre(count)
    starts = np.concatenate([[0.0], np.asarray(ts)[:-1]])
    lengths = np.asarray(ts) - starts
    return Panels(ts, jnp.asarray(starts[:, None] + lengths[:, None] * (x + 1) / 2))


def damped_integrals(
    force: Float[Array, "s g k"], values: Float[Array, " k"], panels: Panels
) -> Float[Array, "s k"]:
    r"""The integrals $\int_0^t e^{-\sigma(t-s)} d(s)\,ds$ up to the end of each panel.

    In a panel of length h the force d is replaced by the polynomial of degree g − 1 through its
    values at the Gauss points, which is integrated against the exponential exactly: with
    $a = \sigma h/2$ the Legendre polynomial P_j has $\int_{-1}^1 e^{-a(1-x)}P_j(x)\,dx =
    2e^{-a}i_j(a)$, i_j the modified spherical Bessel function (from DLMF 10.60.8). So panels may be
    far longer than 1/σ, as long as d is smooth in them. At σ = 0 it is Gauss–Legendre quadrature.

    Args:
      force: d at the Gauss points, shape (s, g, k), one column for each σ.
      values: σ ≥ 0 but for rounding, shape (k,).
      panels: in which d is given.

    Returns:
      The integrals, shape (s, k).

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, or a negative σ beyond
        rounding.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib.theory import deviations
      >>> panels = deviations.panels(jnp.array([1.0, 2.0]), points=2)
      >>> found = deviations.damped_integrals(jnp.ones((2, 2, 1)), jnp.array([1.0]), panels)
      >>> np.asarray(found[:, 0]).round(6).tolist()  # 1 − e⁻ᵗ
      [0.632121, 0.864665]
    """
    d = np.asarray(_checks.real_array("force", force, "s g k"))
    sigma = np.asarray(_decay.rates("values", values, panels.ends))
    if d.shape[:2] != panels.points.shape:
        raise ValueError(
            f"force must have the axes (panels, points, values), {panels.points.shape[0]} panels "
            f"of {panels.points.shape[1]} points, got shape {d.shape}."
        )
    _checks.same_length("values", sigma.size, "force's last axis", d.shape[2])
    lengths = np.diff(np.asarray(panels.ends), prepend=0.0)
    x, weights = roots_legendre(d.shape[1])
    orders = np.arange(d.shape[1])
    # Legendre coefficients of the polynomial through the points, (2j+1)/2 Σ_g w_g P_j(x_g) d(x_g).
    transform = (orders[:, None] + 0.5) * weights * eval_legendre(orders[:, None], x)
    coefficients = np.einsum("jg,sgk->sjk", transform, d)
    a = np.maximum(lengths[:, None, None] * sigma / 2, 1e-300)  # below which i_j(a) is i_j(0)
    moments = np.sqrt(2 * np.pi / a) * ive(orders[:, None] + 0.5, a)
    own = lengths[:, None] / 2 * np.einsum("sjk,sjk->sk", moments, coefficients)
    total, found = np.zeros(sigma.size), []
    for each, length in zip(own, lengths, strict=True):
        total = np.exp(-sigma * length) * total + each
        found.append(total)
    return jnp.asarray(np.stack(found))
