r"""Gram matrices: the analytic kernel, the empirical one of a finite network, and comparisons."""

from ntklib.kernels._draws import initial_kernels, tangent_kernels
from ntklib.kernels._gram import DEFAULT_BUDGET, analytic, distance, empirical, rbf
from ntklib.kernels._products import products, tangent_products

__all__ = [
    "DEFAULT_BUDGET",
    "analytic",
    "distance",
    "empirical",
    "initial_kernels",
    "products",
    "rbf",
    "tangent_kernels",
    "tangent_products",
]
