"""What a Gram matrix must be: square, finite, symmetric, positive semidefinite."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks

TILE = 512
"""Rows and columns of a matrix that `symmetric` looks at together."""


def symmetric_positive(name: str, gram: Any) -> Float[Array, "n n"]:
    """Returns `gram` as a square, symmetric, positive semidefinite matrix.

    Rounding is allowed for: asymmetry and negative eigenvalues up to 10⁻⁸ of the largest entry
    and eigenvalue in double precision (10⁻³ in single).
    """
    matrix = symmetric(name, gram)
    nonnegative_spectrum(name, np.linalg.eigvalsh(matrix))
    return jnp.asarray(gram)


def symmetric(name: str, gram: Any) -> np.ndarray:
    """Returns `gram` as a square, symmetric NumPy array, without a copy where it is on the CPU.

    It is looked at tile by tile, so that a matrix which fills the memory can be checked too.
    Asymmetry is allowed for as in `symmetric_positive`.
    """
    if callable(gram):
        raise TypeError(f"{name} must be a matrix, got a function: give its values, kernel(x, x).")
    matrix = np.asarray(gram)
    _checks.form(name, matrix, "n n")
    n = matrix.shape[0]
    if matrix.shape != (n, n):
        raise ValueError(f"{name} must be square, got shape {matrix.shape}.")
    stripes = [slice(start, start + TILE) for start in range(0, n, TILE)]
    _checks.finite(name, sum(int(np.sum(~np.isfinite(matrix[rows]))) for rows in stripes), n * n)
    largest = max(float(np.max(np.abs(matrix[rows]))) for rows in stripes)
    difference = max(
        float(np.max(np.abs(matrix[rows, columns] - matrix[columns, rows].T)))
        for index, rows in enumerate(stripes)
        for columns in stripes[index:]
    )
    small_asymmetry(name, difference / largest if largest > 0 else 0.0, matrix.dtype)
    return matrix


def small_asymmetry(name: str, difference: float, dtype: Any) -> None:
    """Raises a ValueError if a difference, relative to the largest entry, is beyond rounding."""
    if difference > _slack(dtype):
        raise ValueError(
            f"{name} must be symmetric, but differs from its transpose by {difference:.2g} of its "
            "largest entry: use (K + K.T)/2 if that is rounding, or check the kernel's arguments."
        )


def nonnegative_spectrum(name: str, values: np.ndarray, precision: Any = None) -> None:
    """Raises a ValueError if an eigenvalue is negative beyond rounding.

    It is rounding in `precision`, or in the values' own type where None.
    """
    least, largest = float(np.min(values)), float(np.max(values))
    if least < -_slack(values.dtype if precision is None else precision) * largest:
        raise ValueError(
            f"{name} must be positive semidefinite, but has the eigenvalue {least:.3g} "
            f"(largest {largest:.3g}): it is no kernel's Gram matrix."
        )


def _slack(dtype: Any) -> float:
    return float(np.sqrt(np.finfo(dtype).eps))
