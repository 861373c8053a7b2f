r"""Trajectories beside the ideal dynamics of a kernel: the two sides of Theorem 1."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _axes, _checks
from ntklib.dynamics import damping_factor, ideal_flow
from ntklib.measures import Measure
from ntklib.spectrum import Eigensystem, nystrom
from ntklib.theory._sides import Comparison


def compare(
    residuals: Float[Array, "*b s q"],
    initial: Float[Array, " q"],
    times: Float[Array, " s"],
    eigensystem: Eigensystem,
    *,
    sup_norm: float | None = None,
    kernel_distance: Float[Array, "*b"] | None = None,
) -> Comparison:
    r"""Compares trajectories with the ideal dynamics of a kernel K.

    Theorem 1 and Corollary 2 are stated for one output. Of several, compare each by itself,
    `residuals[..., a]`: at infinite width they decouple, and each is a case of its own. At finite
    width they are coupled by blocks of $K_0$ of order $m^{-1/2}$, of which the theorem says
    nothing; what its right side is worth there has to be measured.

    Args:
      residuals: r_t at the nodes, shape (b, s, q) or (s, q).
      initial: r₀ at the nodes, shape (q,); −f* with antisymmetric initialization.
      times: t > 0, strictly increasing, shape (s,).
      eigensystem: of T_K. Modes beyond those given are taken to have eigenvalue 0.
      sup_norm: ‖f*‖_∞, for Theorem 1.
      kernel_distance: ‖K − K₀‖_{L²(ρ⊗ρ)} of each draw, shape (b,) or (), for Theorem 1. Without
        it the bracket is ε alone, which is Corollary 2 when $K = K^\infty$.

    Returns:
      Both sides.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, times that start at 0, only one of
        sup_norm and kernel_distance, a negative kernel_distance, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import dynamics, measures, spectrum, theory
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle, times = measures.circle(8), jnp.array([0.5, 1.0])
      >>> system = spectrum.circle(poisson, circle)
      >>> start = -circle.nodes[:, 0]
      >>> ideal = dynamics.ideal_flow(system, start, times)
      >>> theory.compare(ideal, start, times, system).total.tolist()
      [0.0, 0.0]
      >>> still = theory.compare(start[None].repeat(2, axis=0), start, times, system)
      >>> bool(np.all(still.total_epsilon > 0))
      True
    """
    _checks.require_x64("A difference of trajectories")
    trajectory = _checks.real_array("residuals", residuals)
    ts = _times_after_0(times)
    q = eigensystem.functions.shape[1]
    if trajectory.shape[-2:] != (ts.shape[0], q):
        raise ValueError(
            f"residuals must have the axes (..., times, nodes) with {ts.shape[0]} times and {q} "
            f"nodes, got shape {trajectory.shape}."
        )
    draws = trajectory.shape[:-2]
    ideal = ideal_flow(eigensystem, initial, ts)
    projected, total, damping = _squares(
        trajectory, ideal, damping_factor(eigensystem.values, ts),
        eigensystem.functions, eigensystem.measure.weights,
    )  # fmt: skip
    return Comparison(
        times=ts,
        projected=projected,
        total=total,
        damping=damping,
        kernel_term=_kernel_term(sup_norm, kernel_distance, draws),
    )


def compare_with_start(
    residuals: Float[Array, "b s q"],
    initial: Float[Array, " q"],
    times: Float[Array, " s"],
    grams: Float[Array, "b q q"],
    measure: Measure,
) -> Comparison:
    r"""Compares each trajectory with the ideal dynamics of its own kernel at the start, K = K₀.

    The first term of Theorem 1's bracket is then 0, and at n = ∞ there is no sample: all that is
    left to need an ε is the movement of the kernel during training.

    Args:
      residuals: r_t at the nodes, shape (b, s, q).
      initial: r₀ at the nodes, shape (q,).
      times: t > 0, strictly increasing, shape (s,).
      grams: K₀ of each draw at the nodes, shape (b, q, q), as from `kernels.tangent_kernels`.
      measure: ρ.

    Returns:
      Both sides, with the damping of each draw's own eigenvalues.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, times that start at 0, a kernel that is not
        symmetric positive semidefinite, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures, theory
      >>> two = measures.empirical(jnp.eye(2))
      >>> start, times = jnp.array([1.0, 0.0]), jnp.array([1.0])
      >>> still = jnp.broadcast_to(start, (1, 1, 2))  # K₀ = 2 I: it should fall by a factor e
      >>> both = theory.compare_with_start(still, start, times, 2 * jnp.eye(2)[None], two)
      >>> float(both.total[0, 0]) > 0.1, both.kernel_term.tolist()
      (True, [0.0])
    """
    _checks.require_x64("A difference of trajectories")
    trajectories = _checks.real_array("residuals", residuals, "b s q")
    start = _checks.real_array("initial", initial, "q")
    starts = _checks.real_array("grams", grams, "b q q")
    ts = _times_after_0(times)
    for name, length, other, other_length in (
        ("residuals' second axis", trajectories.shape[1], "times", ts.shape[0]),
        ("grams", starts.shape[0], "residuals", trajectories.shape[0]),
        ("residuals' last axis", trajectories.shape[2], "measure", measure.weights.shape[0]),
        ("initial", start.shape[0], "measure", measure.weights.shape[0]),
    ):
        _checks.same_length(name, length, other, other_length)
    systems = [nystrom(gram, measure) for gram in np.asarray(starts)]
    values = jnp.stack([system.values for system in systems])
    # ⟨·, φᵢ⟩_ρ for each draw's own φᵢ, which are a basis.
    modes = jnp.stack([system.functions for system in systems])
    modes = modes * measure.weights[None, None]
    decay = jnp.exp(-values[:, None] * ts[None, :, None])
    deviation = jnp.einsum("bsq,bkq->bsk", trajectories, modes)
    deviation = deviation - decay * (modes @ start)[:, None]
    projected = jnp.cumsum(deviation**2, axis=-1)
    return Comparison(
        times=ts,
        projected=projected,
        total=projected[..., -1],
        damping=jnp.stack([damping_factor(each, ts) ** 2 for each in values]),
        kernel_term=jnp.zeros(trajectories.shape[0]),
    )


def _times_after_0(times: Float[Array, " s"]) -> Float[Array, " s"]:
    ts = _checks.increasing_times(times)
    if np.asarray(ts)[0] == 0:
        raise ValueError("times must start after 0, where both sides vanish: drop t = 0.")
    return ts


# One program, in place of one for each operation in it.
@jax.jit
def _squares(
    trajectory: Array, ideal: Array, damping: Array, functions: Array, weights: Array
) -> tuple[Array, Array, Array]:
    deviation = trajectory - _axes.padded(ideal, trajectory.ndim)
    weighted = deviation * _axes.padded(weights, trajectory.ndim)
    total = jnp.sum(weighted * deviation, axis=-1)
    return jnp.cumsum((weighted @ functions.T) ** 2, axis=-1), total, damping**2


def _kernel_term(
    sup_norm: float | None, kernel_distance: Array | None, draws: tuple[int, ...]
) -> Array:
    if (sup_norm is None) != (kernel_distance is None):
        missing = "sup_norm" if sup_norm is None else "kernel_distance"
        raise ValueError(
            f"{missing} is missing: Theorem 1 needs both sup_norm and kernel_distance, "
            "Corollary 2 neither."
        )
    if sup_norm is None:
        return jnp.zeros(draws)
    distance = _checks.real_array("kernel_distance", kernel_distance)
    if distance.shape != draws:
        raise ValueError(
            f"kernel_distance must have one entry a draw, shape {draws}, got {distance.shape}."
        )
    on_host = np.asarray(distance)
    if on_host.min() < 0:
        raise ValueError(
            f"kernel_distance must not be negative, got {float(on_host.min()):.3g}: "
            "pass the norm from kernels.distance, not a difference."
        )
    return jnp.asarray(4 * _checks.positive("sup_norm", sup_norm) ** 2 * on_host**2)
