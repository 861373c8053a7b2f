"""How results show themselves in a line."""

from typing import Any

import jax
import numpy as np

FEW = 3


def leading(values: Any) -> str:
    """Returns the first numbers of an array of one axis, or its shape while JAX traces."""
    if isinstance(values, jax.core.Tracer):
        return f"shape {values.shape}"
    numbers = np.asarray(values)
    rest = ", …" if len(numbers) > FEW else ""
    return ", ".join(f"{number:.3g}" for number in numbers[:FEW]) + rest


def span(values: Any) -> str:
    """Returns the least and the largest of an array, or one number where they are the same."""
    if isinstance(values, jax.core.Tracer):
        return f"shape {values.shape}"
    numbers = np.asarray(values)
    if not numbers.size:
        return "none"
    least, most = f"{numbers.min():.4g}", f"{numbers.max():.4g}"
    return least if least == most else f"{least} to {most}"
