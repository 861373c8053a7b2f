"""Classes as values to be learned with squared loss."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks


def one_hot(classes: Any, count: int | None = None) -> Float[Array, "n o"]:
    r"""Returns a column for each class: 1 − 1/o in that of a point's own, −1/o in the others.

    The mean of a row is taken off, so that r₀ = 0 − y has no part that says nothing about classes.
    A network with o outputs learns these by the sum of the squared errors, and names the class of
    its largest output; `learning.accuracy` counts how often it is right.

    Args:
      classes: the index of each point's class, whole numbers from 0, shape (n,).
      count: how many classes o there are, at least 2; one more than the largest index by default.

    Returns:
      The labels, shape (n, o), whose columns are in the order of the classes.

    Raises:
      TypeError: classes are not whole numbers.
      ValueError: an index is negative or not below count.

    Example:
      >>> from ntklib import targets
      >>> targets.one_hot([0, 1, 1]).tolist()
      [[0.5, -0.5], [-0.5, 0.5], [-0.5, 0.5]]
    """
    index = np.asarray(classes)
    if not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"classes must be whole numbers, got dtype {index.dtype}.")
    if index.ndim != 1 or index.size == 0:
        raise ValueError(f"classes must list the class of each point, got shape {index.shape}.")
    given = int(index.max()) + 1 if count is None else count
    o = _checks.whole_number("count", given, least=2)
    if index.min() < 0 or index.max() >= o:
        raise ValueError(
            f"classes must be from 0 to {o - 1}, got {index.min()} to {index.max()}: "
            "np.unique(classes, return_inverse=True) numbers them."
        )
    return jnp.asarray((index[:, None] == np.arange(o)) - 1 / o)
