"""Axes of length 1, for broadcasting that is written out: the tests allow no other."""

from jaxtyping import Array


def padded(array: Array, ndim: int) -> Array:
    """Returns an array with so many leading axes of length 1 that it has `ndim` axes."""
    return array.reshape((1,) * (ndim - array.ndim) + array.shape)
