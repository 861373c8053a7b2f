"""The compiled integration behind `dynamics.gradient_flow`, and the progress bar it advances."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import diffrax
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree
from tqdm import tqdm

Apply = Callable[[PyTree, Array], Array]

DELAY = 5.0
"""Seconds before a bar appears."""

EVERY = 50
"""Integrator steps between two messages from the compiled code."""

# Compiled code can hold a number but no Python object, so open bars are found by number.
_numbers = itertools.count()
_open: dict[int, tuple[Any, list[float]]] = {}


@contextmanager
def progress_bar(title: str, draws: int, *, shown: bool) -> Iterator[Array]:
    """Opens a bar over draws and yields the number by which compiled code knows it."""
    number = next(_numbers)
    with tqdm(total=draws, desc=title, delay=DELAY, mininterval=0.5, disable=not shown) as display:
        display.bar_format = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
        _open[number] = (display, [0.0] * draws)
        try:
            yield jnp.asarray(number, jnp.int32)
        finally:
            jax.effects_barrier()
            display.update(draws - display.n)
            del _open[number]


def _advance(number: Any, draw: Any, fraction: Any) -> None:
    display, fractions = _open[int(number)]
    # Messages of one draw may overtake each other.
    fractions[int(draw)] = max(fractions[int(draw)], float(fraction))
    display.update(sum(fractions) - display.n)


def report(number: Array, draw: Array, fraction: Any) -> None:
    """Tells the bar, from inside compiled code, how far a draw is."""
    jax.debug.callback(_advance, number, draw, fraction)


def over_draws(one: Callable[[Any], Any], batch: PyTree, *, side_by_side: bool) -> PyTree:
    """Maps over a batch's leading axis.

    Side by side pays on a GPU. On a CPU it waits for memory: one after another was three times
    faster there for eight draws.
    """
    return jax.vmap(one)(batch) if side_by_side else jax.lax.map(one, batch)


class _Meter(diffrax.AbstractProgressMeter[Array]):
    """Reports how far one draw's integration is, as a fraction of its time span."""

    number: Array
    draw: Array

    def init(self) -> Array:
        """Starts counting steps."""
        return jnp.zeros((), jnp.int32)

    def step(self, state: Array, progress: Any) -> Array:
        """Counts a step and reports now and then."""
        # The count is the same for all draws side by side, so its maximum keeps the condition
        # out of the batch: a batched one would send a message at every step.
        due = eqxi.unvmap_max(state) % EVERY == EVERY - 1
        jax.lax.cond(
            eqxi.nonbatchable(due),
            lambda: report(self.number, self.draw, progress),
            lambda: None,
        )
        return state + 1

    def close(self, state: Array) -> None:
        """Reports that the draw is done."""
        # Depends on the state, or it would be sent before the first step.
        report(self.number, self.draw, jnp.where(state >= 0, 1.0, 0.0))


@functools.partial(
    jax.jit,
    static_argnames=("apply", "keep_params", "max_steps", "side_by_side", "progress"),
)
def integrate(
    batch: PyTree, weights: Array, nodes: Array, wanted: Array, ts: Array, rtol: Array,
    atol: Array, bar: Array, *, apply: Apply, keep_params: bool, max_steps: int,
    side_by_side: bool, progress: bool,
) -> tuple[dict[str, PyTree], Array, Array]:  # fmt: skip
    """Solves the flow of every draw of the batch (θ₀, points, labels, index)."""

    def one(draw: tuple[PyTree, Array, Array, Array]) -> tuple[dict[str, PyTree], Array, Array]:
        theta_0, points, labels, index = draw

        def loss(theta: PyTree) -> Array:
            return 0.5 * jnp.sum(weights * (apply(theta, points) - labels) ** 2)

        def descent(t: Any, theta: PyTree, args: Any) -> PyTree:
            return jax.tree.map(jnp.negative, jax.grad(loss)(theta))

        def save(t: Any, theta: PyTree, args: Any) -> dict[str, PyTree]:
            saved = {"residuals": apply(theta, nodes) - wanted}
            return saved | {"params": theta} if keep_params else saved

        meter = _Meter(bar, index) if progress else diffrax.NoProgressMeter()
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(descent),
            diffrax.Tsit5(),
            t0=jnp.zeros((), ts.dtype),
            t1=ts[-1],
            dt0=None,
            y0=theta_0,
            saveat=diffrax.SaveAt(ts=ts, fn=save),
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=rtol, atol=atol), step_ts=ts
            ),
            max_steps=max_steps,
            throw=False,
            progress_meter=meter,
            # Nothing is differentiated backwards through the flow: a plain loop compiles faster.
            adjoint=diffrax.ForwardMode(),
        )
        failed = solution.result != diffrax.RESULTS.successful
        return solution.ys, solution.stats["num_steps"], failed

    return over_draws(one, batch, side_by_side=side_by_side)
