"""Exact eigenvalues on the sphere, which both sides of a row are held against."""

from pathlib import Path
from typing import Any

import mpmath
import numpy as np

from benchmarks import inputs


def sphere(folder: Path, size: dict[str, Any]) -> None:
    """Draws the points and writes one ReLU layer's eigenvalues, integrated with 30 digits."""
    inputs.sphere(folder, size)
    d = size["d"]
    order = mpmath.mpf(d - 2) / 2
    with mpmath.workdps(30):

        def kernel(phi: Any) -> Any:
            t = mpmath.cos(phi)
            return (mpmath.sin(phi) + 2 * (mpmath.pi - phi) * t) / (2 * mpmath.pi * d)

        def weight(phi: Any) -> Any:
            return mpmath.sin(phi) ** (d - 2)

        def value(k: int) -> float:
            at_one = mpmath.gegenbauer(k, order, 1)

            def integrand(phi: Any) -> Any:
                polynomial = mpmath.gegenbauer(k, order, mpmath.cos(phi)) / at_one
                return kernel(phi) * polynomial * weight(phi)

            return float(mpmath.quad(integrand, [0, mpmath.pi]) / total)

        total = mpmath.quad(weight, [0, mpmath.pi])
        values = [value(k) for k in range(size["degree"] + 1)]
    np.save(folder / "reference.npy", values)
