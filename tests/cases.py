"""The networks under test.

Each is one entry of `CASES`, with its output and its tangent kernel by `formulas`, so that a new
architecture joins every test by one entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from formulas import (
    FUNCTIONS,
    MOMENTS,
    Form,
    convolution_kernel,
    convolution_output,
    dense_kernel,
    dense_output,
    residual_kernel,
    residual_output,
)

from ntklib import networks
from ntklib.networks import Network

ACCURACY = 1e-12
"""Of the analytic kernels, relative to their largest entry."""


@dataclass(frozen=True)
class Case:
    """A network under test and what it should compute.

    Attributes:
      name: the test's id.
      network: (d, m) ↦ the library's network on ℝᵈ with all widths m.
      output: (θ, x) ↦ f(x; θ) for one point.
      kernel: (x, x') ↦ the analytic Gram matrix.
      parameters: (d, m) ↦ the number of parameters.
    """

    name: str
    network: Callable[[int, int], Network]
    output: Callable[[Any, np.ndarray], float]
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
    parameters: Callable[[int, int], int]


def dense(activation: str, depth: int, *, biases: bool) -> Case:
    """A fully connected case."""
    return Case(
        name=f"{activation}-{depth}{'-biases' if biases else ''}",
        network=lambda d, m: networks.fully_connected(d, (m,) * depth, activation, biases=biases),
        output=lambda params, point: dense_output(FUNCTIONS[activation], params, point),
        kernel=lambda x1, x2: dense_kernel(MOMENTS[activation], depth, biases, x1, x2),
        parameters=lambda d, m: (d + (depth - 1) * m + 1) * m + biases * (depth * m + 1),
    )


def residual(activation: str, depth: int, *, biases: bool) -> Case:
    """A residual case."""
    return Case(
        name=f"residual-{activation}-{depth}{'-biases' if biases else ''}",
        network=lambda d, m: networks.residual(d, m, depth, activation, biases=biases),
        output=lambda params, point: residual_output(FUNCTIONS[activation], params, point),
        kernel=lambda x1, x2: residual_kernel(MOMENTS[activation], depth, biases, x1, x2),
        parameters=lambda d, m: (d + (depth - 1) * m + 1) * m + biases * (depth * m + 1),
    )


def convolution(
    activation: str, depth: int, *, biases: bool, size: int, padding: str, planar: bool = False
) -> Case:
    """A convolutional case on signals of length d, as an image of one row if planar."""

    def form(d: int) -> Form:
        return Form((1, d, 1) if planar else (d, 1), size, padding)

    def parameters(d: int, m: int) -> int:
        weights = m * size ** (1 + planar) * (1 + (depth - 1) * m)
        left = d - (depth * (size - 1) if padding == "VALID" else 0)
        return weights + m * left + biases * (depth * m + 1)

    return Case(
        name=f"convolutional-{activation}-{depth}{'-biases' if biases else ''}-{padding.lower()}"
        f"{size}{'-planar' if planar else ''}",
        network=lambda d, m: networks.convolutional(
            form(d).shape, (m,) * depth, activation, filter_size=size, padding=padding,
            biases=biases,
        ),
        output=lambda params, point: convolution_output(
            FUNCTIONS[activation], form(len(point)), params, point
        ),
        kernel=lambda x1, x2: convolution_kernel(
            MOMENTS[activation], depth, biases, form(x1.shape[1]), x1, x2
        ),
        parameters=parameters,
    )  # fmt: skip


CASES = (
    dense("erf", 1, biases=False),
    dense("erf", 3, biases=True),
    dense("relu", 1, biases=True),
    dense("relu", 2, biases=False),
    dense("gelu", 1, biases=False),
    dense("gelu", 2, biases=True),
    dense("softplus", 1, biases=True),
    dense("softplus", 2, biases=False),
    dense("tanh", 1, biases=False),
    dense("tanh", 2, biases=True),
    residual("erf", 3, biases=True),
    residual("tanh", 2, biases=False),
    convolution("erf", 2, biases=True, size=2, padding="SAME"),
    convolution("gelu", 1, biases=False, size=3, padding="SAME", planar=True),
    convolution("relu", 2, biases=False, size=2, padding="CIRCULAR"),
    convolution("softplus", 1, biases=True, size=2, padding="VALID"),
    convolution("tanh", 2, biases=False, size=3, padding="SAME"),
)
"""Every network and kernel test runs through these."""

CLOSED_FORMS = tuple(
    dense(activation, depth, biases=biases)
    for activation in ("erf", "relu")
    for depth in (1, 2, 3)
    for biases in (False, True)
)
"""Every depth and bias with elementary kernels, which cost nothing but the evaluation."""


def by_name(name: str) -> Case:
    """Returns one case."""
    return next(case for case in (*CASES, *CLOSED_FORMS) if case.name == name)


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_kernel = pytest.mark.parametrize(
    "case",
    {case.name: case for case in (*CASES, *CLOSED_FORMS)}.values(),
    ids=lambda case: case.name,
)


def points(n: int, d: int = 3, seed: int = 0) -> np.ndarray:
    """Returns n points of ℝᵈ of different norms."""
    return np.random.default_rng(seed).standard_normal((n, d))
