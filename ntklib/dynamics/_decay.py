r"""Exponential decay for any time: its rates, its integral, and a Gram matrix's modes.

**Rounding.** The computed eigenvalues λ of $K(X, X)/n$ and the products $K(x, X)u/n$ with the
eigenvectors are off by about $e = \max(\varepsilon\lambda_1, -\lambda_n)$, ε the spacing of floats
at 1. An eigenvalue below $\max(n\varepsilon\lambda_1, -\lambda_n)$ can't be told from 0: of its
direction is known that it hardly moves until $t \approx 1/e$, and no more. What rounding adds to
r_t in the meantime, $t\,e$ of its coefficient, would go on growing. So for these directions time
ends at $1/\sqrt{e\lambda_1}$: rounding has then added $\sqrt{e/\lambda_1} \approx 10^{-8}$, and
less before. Two equal points have such a direction, and so have kernels whose eigenvalues fall off
fast. Every other eigenvalue λ counts for all t, with a relative error of e/λ where λt > 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks, _matrices


def rates(name: str, values: Any, times: Any) -> Float[Array, " k"]:
    """Returns eigenvalues σ as rates of decay: non-negative, with 0 for what rounding put below.

    Args:
      name: of the values, for the message.
      values: σ, shape (k,).
      times: for which they are used; a rate so small that nothing changes by it is rounding, too.

    Raises:
      ValueError: a value is negative beyond rounding.
    """
    sigma = _checks.real_array(name, values, "k")
    if isinstance(sigma, jax.core.Tracer) or isinstance(times, jax.core.Tracer):
        return jnp.maximum(sigma, 0.0)
    on_host = np.asarray(sigma)
    slack = float(np.sqrt(np.finfo(on_host.dtype).eps))
    last = float(np.max(np.asarray(times)))
    allowed = slack * max(float(on_host.max()), 1 / last if last > 0 else np.inf)
    if on_host.min() < -allowed:
        raise ValueError(
            f"{name} must not be negative, got {on_host.min():.3g}: no kernel has such an "
            "eigenvalue, and what decays by it would grow."
        )
    return jnp.asarray(np.maximum(on_host, 0))


@jax.jit
def integral(rates: Float[Array, "*#s k"], times: Float[Array, "*s #k"]) -> Float[Array, "*s k"]:
    r"""Returns $\int_0^t e^{-\sigma s}ds = (1 - e^{-\sigma t})/\sigma$ for all σ ≥ 0 and t ≥ 0."""
    decay = rates * times
    # Below this the integral is t(1 − σt/2), which is t to rounding.
    none = decay <= np.finfo(decay.dtype).eps
    return jnp.where(none, times, -jnp.expm1(-decay) / jnp.where(none, 1.0, rates))


class GramFlow(NamedTuple):
    """The flow of a kernel that stays as it is.

    Attributes:
      on_sample: r̂_t, shape (s, n); with several outputs (s, n, o).
      elsewhere: r_t at the other points, shape (s, q); with several outputs (s, q, o).
      movement: the norm of r_t − r₀ in the kernel's RKHS, shape (s,).
      values: eigenvalues of K(X, X)/n as computed, ascending, shape (n,).
      asymmetry: how far K(X, X) differs from its transpose, relative to its largest entry.
    """

    on_sample: Float[Array, "s n *o"]
    elsewhere: Float[Array, "s q *o"]
    movement: Float[Array, " s"]
    values: Float[Array, " n"]
    asymmetry: Float[Array, ""]


@jax.jit
def gram_flow(
    gram: Float[Array, "n n"],
    cross: Float[Array, "q n"],
    sample_residual: Float[Array, "n *o"],
    initial: Float[Array, "q *o"],
    times: Float[Array, " s"],
    ridge: Any = 0.0,
) -> GramFlow:
    """Solves the flow of a kernel; arguments are those of `dynamics.kernel_flow`, unchecked.

    On the sample every part of the residual only decays, so that its norm doesn't grow. Several
    outputs have the same kernel each and eigenvectors that are found once.
    """
    if sample_residual.ndim > 1:
        each = jax.vmap(
            lambda residual, start: tuple(gram_flow(gram, cross, residual, start, times, ridge)),
            in_axes=-1,
            out_axes=(-1, -1, -1, None, None),
        )(sample_residual, initial)
        on_sample, elsewhere, movement, values, asymmetry = each
        whole = jnp.linalg.norm(movement, axis=-1)
        return GramFlow(on_sample, elsewhere, whole, values, asymmetry)
    n = gram.shape[0]
    values, vectors = jnp.linalg.eigh(gram / n)
    largest, below = values[-1], -values[0]
    eps = np.finfo(values.dtype).eps
    unknown = values <= jnp.maximum(n * eps * largest, below)
    stop = 1 / jnp.sqrt(largest * jnp.maximum(eps * largest, below))
    ends = jnp.minimum(times[:, None], jnp.where(unknown, stop, jnp.inf)[None, :])
    sigma = jnp.maximum(values, 0.0)[None, :]
    start = (sample_residual @ vectors)[None, :]
    total = sigma + ridge
    moved = integral(total, ends) * start
    stays = jnp.where(total > 0, ridge / jnp.where(total > 0, total, 1.0), 1.0)
    # The movement is of the root of an eigenvalue, whose rounding is far larger: 0 is closer.
    square = jnp.sum(jnp.where(unknown[None, :], 0.0, sigma) * moved**2, axis=1) / n
    largest_entry = jnp.max(jnp.abs(gram))
    difference = jnp.max(jnp.abs(gram - gram.T))
    return GramFlow(
        on_sample=((stays + (1 - stays) * jnp.exp(-total * ends)) * start) @ vectors.T,
        elsewhere=initial[None, :] - moved @ vectors.T @ cross.T / n,
        movement=jnp.sqrt(square),
        values=values,
        asymmetry=jnp.where(difference == 0, 0.0, difference / largest_entry),
    )


def sound(name: str, flow: GramFlow) -> None:
    """Refuses Gram matrices that were none, seen from their flows; inside jit it can't tell.

    Args:
      name: of the matrices, for the message.
      flow: of one, or of several with a leading axis.

    Raises:
      ValueError: a matrix has NaN or infinite entries, isn't symmetric, or has a negative
        eigenvalue beyond rounding.
    """
    if isinstance(flow.values, jax.core.Tracer):
        return
    values = np.atleast_2d(np.asarray(flow.values))
    for spectrum, asymmetry in zip(values, np.atleast_1d(np.asarray(flow.asymmetry)), strict=True):
        if not (np.all(np.isfinite(spectrum)) and np.isfinite(asymmetry)):
            raise ValueError(
                f"{name} holds NaN or infinite values: check the kernel's values at the sample."
            )
        _matrices.small_asymmetry(name, float(asymmetry), spectrum.dtype)
        _matrices.nonnegative_spectrum(name, spectrum * spectrum.size)
