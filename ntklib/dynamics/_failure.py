"""Why flows that don't come to their end have stopped."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ntklib.dynamics._solver import Solver
from ntklib.networks import _parameters
from ntklib.networks._network import Apply


def explained(
    stopped: np.ndarray, steps: np.ndarray, end: float, batch: PyTree, apply: Apply, solver: Solver
) -> RuntimeError:
    """Returns the error that says how far a flow came, in which draws, and what to do about it.

    Args:
      stopped: the time at which each draw stopped, ∞ if it didn't, shape (b,).
      steps: how many steps each has made, shape (b,).
      end: the last time wanted.
      batch: θ₀, points and labels, each with a leading axis b.
      apply: the network's function.
      solver: how it was integrated.
    """
    draws = np.flatnonzero(np.isfinite(stopped))
    exhausted = draws[steps[draws] >= solver.max_steps]
    if exhausted.size:
        reached = float(np.min(stopped[exhausted]))
        reason = _too_few_steps(reached, end, solver)
    else:
        first = int(draws[0])
        reached = float(stopped[first])
        reason = _not_finite(_parameters.draw(batch, first), reached, apply)
    named = ", ".join(map(str, draws[:8])) + (", …" if draws.size > 8 else "")
    where = f"draw(s) {named} of {stopped.size}" if stopped.size > 1 else "its only draw"
    return RuntimeError(
        f"the flow stopped at t = {reached:.6g}, before {end:g}, in {where}: {reason}"
    )


def _too_few_steps(reached: float, end: float, solver: Solver) -> str:
    max_steps = solver.max_steps
    needed = f", and at this rate needs {max_steps * end / reached:.1g}" if reached > 0 else ""
    other = ""
    if solver.method == "explicit":
        other = (
            " Its steps stay below about 3 over the largest eigenvalue of the kernel: if that is "
            'what takes so many, method="exponential" needs few.'
        )
    return (
        f"it made all max_steps = {max_steps} steps{needed}. Raise max_steps, shorten times, or "
        f"loosen rtol and atol.{other}"
    )


def _not_finite(draw: tuple[Any, ...], reached: float, apply: Apply) -> str:
    """Says what of a draw (θ₀, points, labels, index) is NaN or infinite."""
    theta, points, labels = draw[:3]

    def loss(params: PyTree) -> Array:
        return jnp.mean((apply(params, points).reshape(-1) - labels) ** 2)

    found: tuple[tuple[str, Callable[[], PyTree]], ...] = (
        (
            "the network is NaN or infinite at {} of {} training points with θ₀",
            lambda: apply(theta, points),
        ),
        (
            "the loss's gradient at θ₀ is NaN or infinite in {} of {} parameters, as √ has it at 0",
            lambda: jax.grad(loss)(theta),
        ),
    )
    for sentence, values in found:
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(values())]
        bad = sum(int(np.sum(~np.isfinite(leaf))) for leaf in leaves)
        if bad:
            return sentence.format(bad, sum(leaf.size for leaf in leaves)) + "."
    return (
        "all was finite at the start, but no step from there is, however short: the network or its "
        f"gradient is NaN or infinite near θ at t = {reached:.6g}."
    )
