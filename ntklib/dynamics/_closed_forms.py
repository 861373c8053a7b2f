r"""Flows of a kernel that stays as it is, in closed form: on a sample, and on all of X."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, _matrices
from ntklib.dynamics import _decay
from ntklib.spectrum import Eigensystem


def kernel_flow(
    gram: Float[Array, "n n *oo"],
    cross: Float[Array, "q n *oo"],
    sample_residual: Float[Array, "n *o"],
    initial: Float[Array, "q *o"],
    times: Float[Array, " s"],
    *,
    ridge: float = 0.0,
) -> Float[Array, "s q *o"]:
    r"""The flow of the kernel itself on a finite sample (m = ∞), in closed form.

    $\partial_t r_t(x) = -\frac1n\sum_i K(x, x_i)\,r_t(x_i)$. With
    $K(X, X)/n = U\Lambda U^T$ the residual on the sample is
    $\hat r_t = U e^{-\Lambda t}U^T\hat r_0$, and integrating the equation over time gives

    $$r_t(x) = r_0(x) - \frac1n K(x, X)\,U\,\frac{1 - e^{-\Lambda t}}{\Lambda}\,U^T\hat r_0$$

    everywhere else. Eigenvalues that can't be told from 0 are no cause of growth at any t
    (`_decay` has the analysis), so that t may be as large as a float.

    A ridge λ is that of the loss $\Phi(\theta) + \frac\lambda2\|\theta - \theta_0\|^2$. Then
    $\hat r_t = U\frac{\lambda + \Lambda e^{-(\Lambda+\lambda)t}}{\Lambda + \lambda}U^T\hat r_0$,
    and elsewhere Λ + λ takes the place of Λ; the limit is kernel ridge regression,

    $$r_\infty(x) = r_0(x) - K(x, X)(K(X, X) + n\lambda I)^{-1}\hat r_0 .$$

    With o outputs the residuals have a last axis of them. A kernel in the form above is that of
    each, as $K^\infty$ is, and they decouple. One with o × o blocks, as `kernels.empirical` gives
    it, couples them:

    $$\partial_t r_t^a(x) = -\frac1n\sum_{i,b} K^{ab}(x, x_i)\,r_t^b(x_i) .$$

    Args:
      gram: K(X, X) on the sample, symmetric positive semidefinite, shape (n, n), or (n, n, o, o).
      cross: K(nodes, X), shape (q, n), or (q, n, o, o).
      sample_residual: r̂₀ at the sample, shape (n,), or (n, o).
      initial: r₀ at the nodes, shape (q,), or (q, o).
      times: non-negative, strictly increasing, shape (s,).
      ridge: λ ≥ 0, in units of 1/time.

    Returns:
      r_t at the nodes, shape (s, q), or (s, q, o). With nodes = X, where cross is gram and initial
      is sample_residual, it is r̂_t, whose norm never grows.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics
      >>> gram = jnp.array([[2.0, 0.0], [0.0, 4.0]])
      >>> start = jnp.ones(2)
      >>> flow = dynamics.kernel_flow(gram, gram, start, start, jnp.array([0.0, 1.0]))
      >>> np.asarray(flow[1]).round(4).tolist()  # e⁻¹ and e⁻², since K/n has 1 and 2
      [0.3679, 0.1353]
    """
    _checks.require_x64("A difference of trajectories")
    return closed_form(gram, cross, sample_residual, initial, times, ridge=ridge)


def closed_form(
    gram: Float[Array, "n n *oo"],
    cross: Float[Array, "q n *oo"],
    sample_residual: Float[Array, "n *o"],
    initial: Float[Array, "q *o"],
    times: Float[Array, " s"],
    *,
    ridge: float = 0.0,
) -> Float[Array, "s q *o"]:
    """`kernel_flow` in any precision, for other compiled functions, too.

    Arguments, result and errors are those of `kernel_flow`. Inside `jax.jit` and `jax.vmap` there
    are no values to look at: shapes are checked there, and nothing else.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics
      >>> gram, start = jnp.array([[2.0, 0.0], [0.0, 4.0]]), jnp.ones(2)
      >>> dynamics.closed_form(gram, gram, start, start, jnp.array([0.0])).tolist()
      [[1.0, 1.0]]
    """
    if jnp.ndim(gram) == 4:
        rows, across, behind, start = _in_rows(gram, cross, sample_residual, initial)
        found = closed_form(rows, across, behind, start, times, ridge=ridge)
        return found.reshape(len(found), *jnp.shape(initial))
    flow = gram_flow(gram, cross, sample_residual, initial, times, ridge)
    on_itself = _same(cross, gram) and _same(initial, sample_residual)
    return flow.on_sample if on_itself else flow.elsewhere


def gram_flow(
    gram: Float[Array, "n n"],
    cross: Float[Array, "q n"],
    sample_residual: Float[Array, "n *o"],
    initial: Float[Array, "q *o"],
    times: Float[Array, " s"],
    ridge: float = 0.0,
) -> _decay.GramFlow:
    """Returns the flow at the nodes and on the sample; arguments, checked, as `closed_form`."""
    traced = isinstance(gram, jax.core.Tracer)
    matrix = jnp.asarray(gram if traced else _matrices.symmetric("gram", gram))
    n = matrix.shape[0]
    rows = _checks.real_array("cross", cross, "q n")
    several = jnp.ndim(sample_residual) == 2
    on_sample = _checks.real_array("sample_residual", sample_residual, "n o" if several else "n")
    start = _checks.real_array("initial", initial, "q o" if several else "q")
    _checks.same_length("cross's second axis", rows.shape[1], "gram", n)
    _checks.same_length("sample_residual", on_sample.shape[0], "gram", n)
    _checks.same_length("initial", start.shape[0], "cross", rows.shape[0])
    if several:
        _checks.same_length(
            "initial's last axis", start.shape[1], "sample_residual", on_sample.shape[1]
        )
    ts = _checks.increasing_times(times)
    ridge = _checks.not_negative("ridge", ridge)
    flow = _decay.gram_flow(matrix, rows, on_sample, start, ts, ridge)
    _decay.sound("gram", flow)
    return flow


def _in_rows(gram: Array, cross: Array, sample_residual: Array, initial: Array) -> list[Array]:
    """Returns what has o × o blocks as matrices and rows, the outputs of a point together.

    They are of n·o numbers, whose mean is 1/o of the mean over points of their sums over outputs.
    """
    o, found = gram.shape[-1], []
    for name, value in {"gram": gram, "cross": cross}.items():
        blocks = _checks.real_array(name, value, "q n o o")
        if blocks.shape[-2:] != (o, o):
            raise ValueError(f"{name} must have blocks of {o} × {o}, got shape {blocks.shape}.")
        found.append(o * blocks.transpose(0, 2, 1, 3).reshape(len(blocks) * o, -1))
    for name, value in {"sample_residual": sample_residual, "initial": initial}.items():
        columns = _checks.real_array(name, value, "n o")
        _checks.same_length(f"{name}'s last axis", columns.shape[1], "a block of gram", o)
        found.append(columns.reshape(-1))
    return found


def _same(first: Array, second: Array) -> bool:
    """Whether two arrays are one, or equal where there are values to compare."""
    if first is second:
        return True
    if isinstance(first, jax.core.Tracer) or isinstance(second, jax.core.Tracer):
        return False
    return np.array_equal(np.asarray(first), np.asarray(second))


def ideal_flow(
    eigensystem: Eigensystem,
    initial: Float[Array, "q *o"],
    times: Float[Array, " s"],
    *,
    ridge: float = 0.0,
) -> Float[Array, "s q *o"]:
    r"""The ideal dynamics $r_t = e^{-T_K t} r_0$ (m = n = ∞), equation (4) of the source.

    $\langle r_t, \phi_i\rangle_\rho = e^{-\sigma_i t}\langle r_0, \phi_i\rangle_\rho$; what lies
    outside the span of the given eigenfunctions has eigenvalue 0 there and stays as it is. With a
    ridge λ, see `kernel_flow`, the factor is
    $(\lambda + \sigma_i e^{-(\sigma_i+\lambda)t})/(\sigma_i + \lambda)$.

    Args:
      eigensystem: of T_K.
      initial: r₀ at the nodes, shape (q,), or (q, o) with o outputs, which decouple.
      times: non-negative, strictly increasing, shape (s,).
      ridge: λ ≥ 0, in units of 1/time.

    Returns:
      r_t at the nodes, shape (s, q), or (s, q, o).

    Raises:
      ValueError: an eigenvalue is negative beyond rounding.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures, spectrum
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle = measures.circle(8)
      >>> system = spectrum.circle(poisson, circle)
      >>> cosine = circle.nodes[:, 0]  # its eigenvalue is 1/2
      >>> flow = dynamics.ideal_flow(system, cosine, jnp.array([0.0, 2.0]))
      >>> np.asarray(flow[:, 0]).round(4).tolist()
      [1.0, 0.3679]
    """
    _checks.require_x64("A difference of trajectories")
    start = _checks.real_array("initial", initial, "q o" if jnp.ndim(initial) == 2 else "q")
    _checks.same_length("initial", start.shape[0], "measure", eigensystem.functions.shape[1])
    if start.ndim == 2:
        columns = [ideal_flow(eigensystem, column, times, ridge=ridge) for column in start.T]
        return jnp.stack(columns, axis=-1)
    ts = _checks.increasing_times(times)
    sigma = _decay.rates("eigensystem.values", eigensystem.values, ts)
    ridge = _checks.not_negative("ridge", ridge)
    coefficients = eigensystem.coefficients(start)
    return _ideal_flow(start, coefficients, sigma, eigensystem.functions, ts, ridge)


@jax.jit
def _ideal_flow(
    start: Array, coefficients: Array, sigma: Array, functions: Array, ts: Array, ridge: Any
) -> Array:
    learned = sigma[None, :] * _decay.integral((sigma + ridge)[None, :], ts[:, None])
    return start[None, :] - (learned * coefficients[None, :]) @ functions


def damping_factor(values: Float[Array, " k"], times: Float[Array, " s"]) -> Float[Array, "s k"]:
    r"""The damping factor $\int_0^t e^{-\sigma(t-s)}ds = \frac{1 - e^{-\sigma t}}{\sigma}$.

    At most min(t, 1/σ): the larger the eigenvalue, the less a deviation of the kernel matters.

    Args:
      values: σ, shape (k,); 0 and rounding below it are allowed, where the factor is t.
      times: non-negative, strictly increasing, shape (s,).

    Returns:
      The factors in units of time, shape (s, k), exact to rounding for every σ and t.

    Raises:
      ValueError: a value is below 0 and isn't rounding: below 10⁻⁸ of both the largest value and
        1/t for the last t.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics
      >>> sigma, times = jnp.array([2.0, 0.0]), jnp.array([1.0, 100.0])
      >>> np.asarray(dynamics.damping_factor(sigma, times)).round(4).tolist()
      [[0.4323, 1.0], [0.5, 100.0]]
    """
    ts = _checks.increasing_times(times)
    sigma = _decay.rates("values", values, ts)
    return _decay.integral(sigma[None, :], ts[:, None])
