"""Progress bars over draws that compiled code advances."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diffrax
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ntklib import _progress

EVERY = 50
"""Integrator steps between two messages from the compiled code."""


# Compiled code can hold a number but no Python object, so open bars are found by number.
_numbers = itertools.count()


_open: dict[int, tuple[Any, list[float]]] = {}


@contextmanager
def bar(title: str, draws: int, *, shown: bool) -> Iterator[Array]:
    """Opens a bar over draws and yields the number by which compiled code knows it."""
    number = next(_numbers)
    with _progress.display(title, draws, shown=shown) as shown_bar:
        _open[number] = (shown_bar, [0.0] * draws)
        try:
            yield jnp.asarray(number, jnp.int32)
        finally:
            jax.effects_barrier()
            shown_bar.update(draws - shown_bar.n)
            del _open[number]


def _advance(number: Any, draw: Any, fraction: Any) -> None:
    shown_bar, fractions = _open[int(number)]
    # Messages of one draw may overtake each other.
    fractions[int(draw)] = max(fractions[int(draw)], float(fraction))
    shown_bar.update(sum(fractions) - shown_bar.n)


def report(number: Array, draw: Array, fraction: Any) -> None:
    """Tells the bar, from inside compiled code, how far a draw is."""
    jax.debug.callback(_advance, number, draw, fraction)


class Meter(diffrax.AbstractProgressMeter[Array]):
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
