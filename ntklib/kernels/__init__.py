r"""Gram matrices: the analytic kernel, the empirical one of a finite network, and comparisons."""

from ntklib.kernels._draws import initial_kernels, kernel_distances, tangent_kernels
from ntklib.kernels._gram import (
    DEFAULT_BUDGET,
    analytic,
    distance,
    empirical,
    products,
    rbf,
    tangent_products,
)

__all__ = [
    "DEFAULT_BUDGET",
    "analytic",
    "distance",
    "empirical",
    "initial_kernels",
    "kernel_distances",
    "products",
    "rbf",
    "tangent_kernels",
    "tangent_products",
]
