"""The least time each job could take: its counted operations and bytes at this machine's rates.

Operations are multiplications and additions of matrix products and decompositions; elementwise
functions such as tanh are not counted, so a floor is low where they dominate. Products with a
symmetric result count half. Stages follow each other, and each takes at least as long as its
operations and as the bytes it must move between memory and processor.
"""

from dataclasses import dataclass
from typing import Any

Size = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A part of a job.

    Attributes:
      name: what it does.
      operations: floating-point operations.
      moved: bytes read from or written to memory.
    """

    name: str
    operations: float
    moved: float = 0.0


def seconds(stages: list[Stage], rates: dict[str, float], precision: str) -> float:
    """Returns the floor of a job.

    Args:
      stages: its stages.
      rates: "float64" and "float32" operations per second, "bandwidth" bytes per second.
      precision: which of the two rates applies.
    """
    return sum(
        max(stage.operations / rates[precision], stage.moved / rates["bandwidth"])
        for stage in stages
    )


def eigenvalues(n: int) -> list[Stage]:
    """All eigenvalues of a symmetric float64 matrix by LAPACK's reduction to tridiagonal form."""
    # Of its 4n³/3 operations half are products of matrices. The other half are products of the
    # matrix that is left, j × j, with a vector for j = n, …, 1: each reads j²/2 numbers once.
    return [
        Stage("reduction, matrix products", 2 * n**3 / 3),
        Stage("reduction, matrix-vector products", 2 * n**3 / 3, 8 * n**3 / 6),
    ]


def dense_gram(size: Size) -> list[Stage]:
    """The empirical kernel of one hidden layer: (S Sᵀ)∘(X Xᵀ) + A Aᵀ."""
    n, d, m = size["n"], size["d"], size["m"]
    return [
        Stage("hidden layer W X", 2 * n * m * d),
        Stage("X Xᵀ, half", n**2 * d),
        Stage("A Aᵀ and S Sᵀ, half", 2 * n**2 * m),
    ]


def dense_spectrum(size: Size) -> list[Stage]:
    """The same and its eigenvalues."""
    return [*dense_gram(size), *eigenvalues(size["n"])]


LENET_CONVOLUTIONS = ((28 * 28, 25, 6), (10 * 10, 150, 16), (10 * 10, 150, 16))
"""Positions, inputs and outputs of a position of each convolution that has several positions."""

LENET_DENSE = ((400, 120), (120, 84), (84, 1))
"""Inputs and outputs of the layers after them; one output is asked for."""


def lenet_gram(size: Size) -> list[Stage]:
    """The empirical kernel of LeNet-5 by layers."""
    n = size["n"]
    forward = sum(2 * p * i * o for p, i, o in LENET_CONVOLUTIONS)
    forward += sum(2 * i * o for i, o in LENET_DENSE)
    # Gradients of convolutions by their weights and biases cost as much as the layer itself, and
    # as much again by their inputs. Their Gram matrix takes (i + 1)·o operations an entry (half
    # of 2, by symmetry), that of a dense layer i + o by its identity.
    entries = sum((i + 1) * o for _, i, o in LENET_CONVOLUTIONS)
    entries += sum(i + o for i, o in LENET_DENSE)
    return [Stage("forward and backward", 3 * n * forward), Stage("Gram matrices", n**2 * entries)]


def lenet_spectrum(size: Size) -> list[Stage]:
    """The same and its eigenvalues."""
    return [*lenet_gram(size), *eigenvalues(size["n"])]


def flow(size: Size) -> list[Stage]:
    """One gradient of one hidden layer on all points."""
    n, d, m = size["n"], size["d"], size["m"]
    # Forward 2nmd + 2nm; backward the gradients by W (2nmd) and by v (2nm).
    return [Stage("gradient", 4 * n * m * d + 4 * n * m)]


def long_flow(size: Size) -> list[Stage]:
    """A single step: the Gram matrix of one hidden layer, its eigenvalues, and a gradient."""
    return [*dense_gram(size | {"d": 2}), *eigenvalues(size["n"]), *flow(size | {"d": 2})]


def analytic(size: Size) -> list[Stage]:
    """The analytic Gram matrix: elementwise after X Xᵀ, so at least written once."""
    n, d = size["n"], size["d"]
    return [Stage("X Xᵀ, half", n**2 * d), Stage("the matrix written", 0.0, 8 * n**2)]


def convolutional(size: Size) -> list[Stage]:
    """The same of maps: a product of pixels a pair and position, and sums over windows of 9."""
    entries, positions = size["n"] ** 2 / 2, size["side"] ** 2
    return [
        Stage("products of pixels and sums", entries * positions * (1 + 9 * size["depth"])),
        Stage("the matrix written", 0.0, 8 * size["n"] ** 2),
    ]


def sphere(size: Size) -> list[Stage]:
    """The integrals ∫κ P_k: as many nodes as degrees, one product of their matrix with κ."""
    return [Stage("integrals", 2 * (size["degree"] + 1) ** 2)]


def krylov(size: Size) -> list[Stage]:
    """A Krylov space that holds k eigenpairs: at least k products with the matrix."""
    n, k = size["n"], size["k"]
    return [Stage("matrix-vector products", 2 * n**2 * k, 8 * n**2 * k)]
