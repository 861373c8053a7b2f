r"""The mean of $\hat\epsilon$ over draws as $T \to 0$: a law in three numbers, without training.

As $T \to 0$ the least ε of Corollary 2 tends to $\|(T_{K^\infty} - T_n^0)\,r_0\|^2$, and since it
is a supremum over t ≤ T, no T makes it smaller. With $\Delta = K_0 - K^\infty$ its mean over
independent θ₀ and samples is $A + (B + C)/n$,

$$A = E\|T_\Delta r_0\|^2, \quad
B = \iint K^\infty(x,s)^2 r_0(s)^2 - \|T_{K^\infty}r_0\|^2, \quad
C = E\iint \Delta(x,s)^2 r_0(s)^2 - A .$$

Given θ₀, $T_n^0 r_0(x)$ is a mean of n independent $K_0(x, S)\,r_0(S)$, so the square splits into
$\|T_\Delta r_0\|^2$ and $\frac1n(\iint K_0^2r_0^2 - \|T_{K_0}r_0\|^2)$; terms linear in Δ have
mean 0. With one hidden layer Δ is a mean of m independent terms, one a neuron, and $A = a/m$,
$B = b$, $C = c/m$ exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.measures import Measure

__all__ = ["sample_constant", "start_law"]

Sizes = float | int | Sequence[float] | np.ndarray
Mean = float | np.ndarray


@dataclass(frozen=True)
class StartLaw:
    r"""The mean $a/m + (b + c/m)/n$ of $\hat\epsilon$ over draws as $T \to 0$, in 1/time².

    Attributes:
      a: A·m.
      b: B.
      c: C·m.
      a_error: standard error of a.
      c_error: standard error of c.
    """

    a: float
    b: float
    c: float
    a_error: float
    c_error: float

    def width_part(self, m: Sizes) -> Mean:
        """Returns a/m, what the width leaves at n = ∞."""
        return self.a / np.asarray(m, float)

    def sample_part(self, m: Sizes, n: Sizes) -> Mean:
        """Returns (b + c/m)/n, the mean squared distance from the same network at n = ∞."""
        return (self.b + self.c / np.asarray(m, float)) / np.asarray(n, float)

    def __call__(self, m: Sizes, n: Sizes) -> Mean:
        """Returns the mean at width m and n samples, which may be ∞; arrays broadcast."""
        return self.width_part(m) + self.sample_part(m, n)


def start_law(
    initial_kernels: Float[Array, "b q q"],
    gram: Float[Array, "q q"],
    initial: Float[Array, " q"],
    measure: Measure,
    *,
    width: int,
) -> StartLaw:
    r"""Finds the three numbers from kernels at initialization.

    Args:
      initial_kernels: K₀ of independent initializations at the nodes, shape (b, q, q), as from
        `kernels.initial_kernels`.
      gram: $K^\infty$ at the nodes, shape (q, q).
      initial: r₀ at the nodes, shape (q,); −f* with antisymmetric initialization.
      measure: ρ.
      width: m of the networks that the kernels are of. With one hidden layer the numbers are those
        of every width; with several they are those of this one.

    Returns:
      The law, which is called with m and n, arrays or ∞. Its `a`, `b` and `c` are A·m, B and C·m: b
      is exact up to the quadrature, a and c are means over the draws, with the standard errors
      `a_error` and `c_error`. `width_part(m)` is a/m, `sample_part(m, n)` is (b + c/m)/n.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: fewer than two draws, wrong shapes, NaN or infinite values, width is less than 1,
        or x64 is off.

    Example:
      >>> import jax
      >>> from ntklib import kernels, measures, networks
      >>> from ntklib.theory import onset
      >>> network, circle = networks.fully_connected(2, (4,), biases=True), measures.circle(8)
      >>> grams = kernels.initial_kernels(network, circle.nodes, jax.random.key(0), draws=2)
      >>> limit = kernels.analytic(network, circle.nodes)
      >>> law = onset.start_law(grams, limit, -circle.nodes[:, 0], circle, width=4)
      >>> law.a > 0, law.b > 0
      (True, True)
      >>> bool(law(4, 10) == law.width_part(4) + law.sample_part(4, 10))
      True
    """
    _checks.require_x64("A difference of kernels")
    m = _checks.whole_number("width", width, least=1)
    grams = _checks.real_array("initial_kernels", initial_kernels, "b q q")
    limit = _checks.real_array("gram", gram, "q q")
    start = _checks.real_array("initial", initial, "q")
    draws, q = grams.shape[:2]
    if draws < 2:
        raise ValueError(f"initial_kernels must hold at least 2 draws, got {draws}.")
    for name, length in (
        ("initial_kernels' last axis", grams.shape[2]),
        ("initial_kernels' second axis", q),
        ("gram", limit.shape[0]),
        ("initial", start.shape[0]),
    ):
        _checks.same_length(name, length, "measure", measure.weights.shape[0])
    a, c = (np.asarray(m * part) for part in _parts(grams - limit[None], start, measure.weights))
    errors = (float(np.std(each, ddof=1)) / draws**0.5 for each in (a, c))
    b = float(sample_constant(limit, start, measure))
    return StartLaw(float(a.mean()), b, float(c.mean()), *errors)


def sample_constant(
    gram: Float[Array, "q q"], initial: Float[Array, " q"], measure: Measure
) -> Float[Array, ""]:
    r"""Returns $b = \iint K(x,s)^2r_0(s)^2 - \|T_Kr_0\|^2$, the whole law at m = ∞ times n.

    Args:
      gram: K at the nodes, shape (q, q).
      initial: r₀ at the nodes, shape (q,).
      measure: ρ.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, or NaN or infinite values.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> from ntklib.theory import onset
      >>> two = measures.empirical(jnp.array([[-1.0], [1.0]]))
      >>> float(onset.sample_constant(jnp.ones((2, 2)), jnp.array([1.0, 0.0]), two))  # 1/2 − 1/4
      0.25
    """
    _checks.real_array("gram", gram, "q q")
    _checks.real_array("initial", initial, "q")
    for name, values in (("gram", gram), ("initial", initial)):
        _checks.at_nodes(name, values, measure.weights)
    return _parts(gram, initial, measure.weights)[1]


@jax.jit
def _parts(
    kernel: Float[Array, "*b q q"], initial: Float[Array, " q"], weights: Float[Array, " q"]
) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
    """Returns ‖T_K r₀‖² and ∬K²r₀² − ‖T_K r₀‖² of one kernel, or of each of several."""
    image = kernel @ (weights * initial)
    # A variance over s, whose two terms have no digit in common with it if K hardly varies.
    spread = kernel * initial[(None,) * (kernel.ndim - 1)] - image[..., None]
    square = jnp.einsum("...xs,...xs,s->...x", spread, spread, weights)
    return jnp.einsum("...x,...x,x->...", image, image, weights), square @ weights
