"""What several test modules share: the networks under test and how refusals are checked.

Each network is one entry of `CASES`, with its output and its tangent kernel written anew in NumPy
from the formulas of the source, so that a new architecture joins every test by one entry.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jaxtyping
import numpy as np
import pytest
from scipy import special

from ntklib import networks
from ntklib.networks import Network

Moments = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@contextmanager
def refused(sentence: str, error: type[Exception] = ValueError) -> Iterator[None]:
    """Expects an error with this sentence from the library's own checks.

    The annotations' run-time check, which only the test run has, would object first.
    """
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(error, match=re.escape(sentence)):
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def gelu(u: np.ndarray) -> np.ndarray:
    """Returns uΦ(u), Φ the standard normal distribution function."""
    return u * special.ndtr(u)


def gelu_slope(u: np.ndarray) -> np.ndarray:
    """Returns Φ(u) + uφ(u)."""
    return special.ndtr(u) + u * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "erf": special.erf,
    "gelu": gelu,
    "relu": lambda u: np.maximum(u, 0.0),
    "softplus": lambda u: np.logaddexp(0.0, u),
    "tanh": np.tanh,
}


def arcsine(s: np.ndarray, c: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[ω(u)ω(v)] and E[ω'(u)ω'(v)] for erf; s, r are the variances, c the covariance."""
    volume = (1 + 2 * s) * (1 + 2 * r)
    value = 2 / np.pi * np.arcsin(2 * c / np.sqrt(volume))
    return value, 4 / np.pi / np.sqrt(volume - 4 * c**2)


def arc_cosine(s: np.ndarray, c: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for ReLU (Cho and Saul 2009): the angle between u and v decides."""
    cosine = np.clip(c / np.sqrt(s * r), -1.0, 1.0)
    angle = np.arccos(cosine)
    value = np.sqrt(s * r) * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine)
    return value / (2 * np.pi), (np.pi - angle) / (2 * np.pi)


def trapezoidal(
    function: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray]
) -> Moments:
    """The same for a smooth ω, by a method that has nothing in common with Gauss–Hermite.

    The trapezoidal rule on the whole plane converges like e^{−2πa/h} for an integrand that is
    analytic within a of the real axis: with h = 0.15 below rounding.
    """
    z = np.arange(-8.7, 8.75, 0.15)
    density = np.exp(-(z**2) / 2)
    density /= density.sum()

    def moments(s: np.ndarray, c: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = np.sqrt(s) * z
        slant = c / np.sqrt(s)
        rest = np.sqrt(np.maximum(r - slant**2, 0.0))
        v = slant * z[:, None] + rest * z[None, :]
        return (
            (density * function(u)) @ function(v) @ density,
            (density * slope(u)) @ slope(v) @ density,
        )

    return np.vectorize(moments)


MOMENTS: dict[str, Moments] = {
    "erf": arcsine,
    "gelu": trapezoidal(gelu, gelu_slope),
    "relu": arc_cosine,
    "softplus": trapezoidal(FUNCTIONS["softplus"], special.expit),
    "tanh": trapezoidal(np.tanh, lambda u: 1 / np.cosh(u) ** 2),
}


def dense_kernel(
    moments: Moments, depth: int, biases: bool, x1: np.ndarray, x2: np.ndarray
) -> np.ndarray:
    """The tangent kernel of a fully connected network by the recursion over its layers.

    Σ⁰ = ⟨x,x'⟩/d + β, Θ⁰ = Σ⁰; Σˡ = E[ω(u)ω(v)] + β, Θˡ = Θˡ⁻¹∘E[ω'(u)ω'(v)] + Σˡ, where (u, v)
    is normal with the covariance of Σˡ⁻¹ and β is 1 with biases, 0 without.
    """
    d = x1.shape[1]
    beta = float(biases)
    cross = x1 @ x2.T / d + beta
    own_1, own_2 = np.sum(x1**2, axis=1) / d + beta, np.sum(x2**2, axis=1) / d + beta
    theta = cross
    for layer in range(depth):
        cross_next, slopes = moments(own_1[:, None], cross, own_2[None, :])
        if layer < depth - 1:  # after the last layer nobody asks
            own_1 = moments(own_1, own_1, own_1)[0] + beta
            own_2 = moments(own_2, own_2, own_2)[0] + beta
        cross = cross_next + beta
        theta = theta * slopes + cross
    return theta


def dense_output(
    function: Callable[[np.ndarray], np.ndarray], params: Any, point: np.ndarray
) -> float:
    """f(x; θ) of a fully connected network, one neuron after the other."""
    alpha = [float(value) for value in point]
    for layer in params[:-1]:
        weight = np.asarray(layer["weight"], dtype=float)
        bias = np.asarray(layer["bias"], dtype=float) if "bias" in layer else np.zeros(len(weight))
        alpha = [
            float(
                function(
                    np.asarray(
                        sum(w * a for w, a in zip(row, alpha, strict=True)) / len(alpha) ** 0.5 + b
                    )
                )
            )
            for row, b in zip(weight, bias, strict=True)
        ]
    last = params[-1]
    v = np.asarray(last["weight"], dtype=float)
    c = float(last["bias"]) if "bias" in last else 0.0
    return sum(float(w) * a for w, a in zip(v, alpha, strict=True)) / len(alpha) ** 0.5 + c


@dataclass(frozen=True)
class Case:
    """A network under test and what it should compute.

    Attributes:
      name: the test's id.
      network: (d, m) ↦ the library's network on ℝᵈ with all widths m.
      output: (θ, x) ↦ f(x; θ) for one point.
      kernel: (x, x') ↦ the analytic Gram matrix.
      parameters: (d, m) ↦ the number of parameters.
      accuracy: of the library's analytic kernel, relative to its largest entry.
    """

    name: str
    network: Callable[[int, int], Network]
    output: Callable[[Any, np.ndarray], float]
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
    parameters: Callable[[int, int], int]
    accuracy: float


def dense(activation: str, depth: int, *, biases: bool) -> Case:
    """A fully connected case."""
    return Case(
        name=f"{activation}-{depth}{'-biases' if biases else ''}",
        network=lambda d, m: networks.fully_connected(d, (m,) * depth, activation, biases=biases),
        output=lambda params, point: dense_output(FUNCTIONS[activation], params, point),
        kernel=lambda x1, x2: dense_kernel(MOMENTS[activation], depth, biases, x1, x2),
        parameters=lambda d, m: (d + (depth - 1) * m + 1) * m + biases * (depth * m + 1),
        accuracy=1e-12 if networks.ACTIVATIONS[activation].closed_form else 1e-8,
    )


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
