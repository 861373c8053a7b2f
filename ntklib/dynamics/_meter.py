"""Progress bars over draws that compiled code advances."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


def report_now_and_then(number: Array, draw: Array, steps: Array, fraction: Any) -> None:
    """Tells the bar how far a draw is, at every `EVERY`th of its steps and when it is done."""
    jax.lax.cond(
        (_most(steps) % EVERY == 0) | (_most(fraction) >= 1),
        lambda: report(number, draw, fraction),
        lambda: None,
    )


@jax.custom_batching.custom_vmap
def _most(value: Array) -> Array:
    """Returns a value, and the largest of those of all draws where they run side by side.

    That keeps the condition above out of the batch: a batched one would send a message every step.
    """
    return value


@_most.def_vmap
def _most_of_draws(size: int, batched: list[bool], values: Array) -> tuple[Array, bool]:
    return jnp.max(values), False
