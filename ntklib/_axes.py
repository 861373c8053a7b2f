"""Axes of length 1, for broadcasting that is written out: the tests allow no other."""

from typing import TypeVar

import jax
import numpy as np

Numbers = TypeVar("Numbers", np.ndarray, jax.Array)


def padded(array: Numbers, ndim: int) -> Numbers:
    """Returns an array with so many leading axes of length 1 that it has `ndim` axes."""
    return array.reshape((1,) * (ndim - array.ndim) + array.shape)
