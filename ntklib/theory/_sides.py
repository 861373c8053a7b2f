r"""Both sides of the inequalities of Theorem 1 and Corollary 2, and the least ε."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _axes, _shown


@dataclass(frozen=True, eq=False)
class Comparison:
    r"""Both sides of the two inequalities along trajectories; axes b count draws.

    Attributes:
      times: t > 0, shape (s,).
      projected: $\|P_k(r_t - e^{-T_K t}r_0)\|^2$, shape (b, s, k).
      total: $\|r_t - e^{-T_K t}r_0\|^2$, shape (b, s).
      damping: $[(1 - e^{-\sigma_k t})/\sigma_k]^2$ in units of time squared, shape (s, k), or
        (b, s, k) where each draw has a kernel of its own.
      kernel_term: $4\|f^*\|_\infty^2\|K - K_0\|^2$, shape (b,); 0 in Corollary 2.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures, spectrum, theory
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle, times = measures.circle(8), jnp.array([0.5, 1.0])
      >>> system = spectrum.circle(poisson, circle)
      >>> start = -circle.nodes[:, 0]
      >>> residuals = dynamics.ideal_flow(system, start, times) + 0.1  # off by 0.1 along φ₁ = 1
      >>> both = theory.compare(residuals, start, times, system)
      >>> np.asarray(both.total).round(6).tolist()
      [0.01, 0.01]
      >>> epsilon = 1.0001 * float(both.projected_epsilon[-1])
      >>> bool(np.all(both.projected <= both.projected_bound(epsilon)))
      True
      >>> both
      Comparison(s=2, k=7, t 0.5 to 1, ε̂(T) 0.06459)
    """

    times: Float[Array, " s"]
    projected: Float[Array, "*b s k"]
    total: Float[Array, "*b s"]
    damping: Float[Array, "*c s k"]
    kernel_term: Float[Array, "*b"]

    def __repr__(self) -> str:
        *draws, s, k = self.projected.shape
        least = _shown.span(self.projected_epsilon[..., -1])
        axes = "".join(f"draws={b}, " for b in draws)
        return f"Comparison({axes}s={s}, k={k}, t {_shown.span(self.times)}, ε̂(T) {least})"

    def projected_bound(self, epsilon: float) -> Float[Array, "*b s k"]:
        """Returns the right side of the first inequality at ε = `epsilon`."""
        bracket = self.kernel_term[..., None, None] + epsilon
        return bracket * _axes.padded(self.damping, self.projected.ndim)

    def total_bound(self, epsilon: float) -> Float[Array, "*b s"]:
        """Returns the right side of the second inequality at ε = `epsilon`."""
        return (self.kernel_term[..., None] + epsilon) * _axes.padded(
            self.times**2, self.total.ndim
        )

    @property
    def projected_needed(self) -> Float[Array, "*b s"]:
        r"""The bracket that the first inequality needs, for each T: positive, whatever K is.

        $\sup_{t\le T,k} \|P_k(r_t - e^{-T_K t}r_0)\|^2 / [(1-e^{-\sigma_k t})/\sigma_k]^2$. As the
        bracket's first term is not negative, an ε that is as large suffices.
        """
        return _projected_needed(self.projected, self.damping)

    @property
    def total_needed(self) -> Float[Array, "*b s"]:
        """The bracket that the second inequality needs, for each T."""
        return _total_needed(self.total, self.times)

    @property
    def projected_epsilon(self) -> Float[Array, "*b s"]:
        r"""The least ε for which the first inequality holds at all t ≤ T and all k, for each T.

        `projected_needed` $- 4\|f^*\|^2_\infty\|K-K_0\|^2$. Negative where the first term of the
        bracket is more than enough; a power law is fitted to what is needed, which has a
        logarithm there too.
        """
        return self.projected_needed - self.kernel_term[..., None]

    @property
    def total_epsilon(self) -> Float[Array, "*b s"]:
        """The least ε for which the second inequality holds at all t ≤ T, for each T."""
        return self.total_needed - self.kernel_term[..., None]


# One program each, in place of one for each operation in them.
@jax.jit
def _projected_needed(projected: Array, damping: Array) -> Array:
    ratio = projected / _axes.padded(damping, projected.ndim)
    return _running_supremum(jnp.max(ratio, axis=-1))


@jax.jit
def _total_needed(total: Array, times: Array) -> Array:
    return _running_supremum(total / _axes.padded(times**2, total.ndim))


def _running_supremum(values: Float[Array, "*b s"]) -> Float[Array, "*b s"]:
    return jnp.maximum.accumulate(values, axis=-1)
