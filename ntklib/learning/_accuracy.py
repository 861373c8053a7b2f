"""How often a network names the right class."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks


def accuracy(
    values: Float[Array, "*b n o"] | Float[np.ndarray, "*b n o"], classes: Any
) -> Float[np.ndarray, "*b"]:
    """The share of points whose largest output is that of their class.

    Args:
      values: f at the points, a column for each class, shape (..., n, o): of `gradient_descent` its
        values, of a flow its residuals plus the labels at the nodes.
      classes: the index of each point's class, shape (n,).

    Returns:
      The shares, shape (...). 1/o is chance where classes are equally frequent.

    Raises:
      ValueError: there is no class for each point, or no column for each class.

    Example:
      >>> import numpy as np
      >>> from ntklib import learning
      >>> outputs = np.array([[0.7, -0.7], [0.1, -0.1]])
      >>> float(learning.accuracy(outputs, [0, 1]))
      0.5
    """
    found, index = np.asarray(values), np.asarray(classes)
    if found.ndim < 2 or found.shape[-1] < 2:
        raise ValueError(
            f"values must have a last axis of at least 2 classes, got shape {found.shape}."
        )
    _checks.same_length("classes", index.size, "values' points", found.shape[-2])
    if index.min() < 0 or index.max() >= found.shape[-1]:
        raise ValueError(
            f"classes must be from 0 to {found.shape[-1] - 1}, like values' columns, got "
            f"{index.min()} to {index.max()}."
        )
    return np.asarray(np.mean(found.argmax(axis=-1) == index, axis=-1))
