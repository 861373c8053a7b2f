"""Outputs and kernels of networks, written anew in NumPy from the formulas of the source."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

Moments = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


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


def residual_kernel(
    moments: Moments, depth: int, biases: bool, x1: np.ndarray, x2: np.ndarray
) -> np.ndarray:
    """The tangent kernel of a residual network with an odd ω by the recursion over its layers.

    With the covariance C = Σ + β of a layer's inputs, Σ' = E[ω(u)ω(v)] + Σ and
    Θ' = (Θ + C)∘E[ω'(u)ω'(v)] + Θ; the first layer has no Σ and Θ to add.
    """
    d, beta = x1.shape[1], float(biases)
    sigma = {"11": np.sum(x1**2, axis=1) / d, "12": x1 @ x2.T / d, "22": np.sum(x2**2, axis=1) / d}
    theta = np.zeros_like(sigma["12"])
    for layer in range(depth):
        inputs = {pair: value + beta for pair, value in sigma.items()}
        own_1, own_2 = inputs["11"], inputs["22"]
        values, slopes = moments(own_1[:, None], inputs["12"], own_2[None, :])
        rest = float(layer > 0)
        theta = (theta + inputs["12"]) * slopes + rest * theta
        sigma = {
            "11": moments(own_1, own_1, own_1)[0] + rest * sigma["11"],
            "12": values + rest * sigma["12"],
            "22": moments(own_2, own_2, own_2)[0] + rest * sigma["22"],
        }
    return theta + sigma["12"] + beta


def residual_output(
    function: Callable[[np.ndarray], np.ndarray], params: Any, point: np.ndarray
) -> float:
    """f(x; θ) of a residual network for one point."""
    alpha, before = point, np.zeros(())
    for layer in params[:-1]:
        weight = np.asarray(layer["weight"])
        u = np.dot(weight, alpha) / np.sqrt(len(alpha)) + np.asarray(layer.get("bias", 0.0))
        alpha = function(u) + before
        before = alpha
    last = params[-1]
    v, c = np.asarray(last["weight"]), float(last.get("bias", 0.0))
    return float(np.dot(v, alpha)) / len(alpha) ** 0.5 + c


def offsets(extent: tuple[int, ...], size: int, padding: str) -> list[np.ndarray]:
    """For each offset of a filter the 0-1 matrix from input positions to output positions."""
    lost = size - 1 if padding == "VALID" else 0
    outputs = list(itertools.product(*(range(length - lost) for length in extent)))
    inputs = list(itertools.product(*map(range, extent)))
    start = 0 if padding == "VALID" else -((size - 1) // 2)
    matrices = []
    for offset in itertools.product(range(start, start + size), repeat=len(extent)):
        matrix = np.zeros((len(outputs), len(inputs)))
        for row, position in enumerate(outputs):
            seen = tuple(p + o for p, o in zip(position, offset, strict=True))
            if padding == "CIRCULAR":
                seen = tuple(p % length for p, length in zip(seen, extent, strict=True))
            if seen in inputs:
                matrix[row, inputs.index(seen)] = 1
        matrices.append(matrix)
    return matrices


@dataclass(frozen=True)
class Form:
    """The form of a convolutional network: shape of an input and of the filters."""

    shape: tuple[int, ...]
    size: int
    padding: str

    def layers(self, depth: int) -> list[list[np.ndarray]]:
        """The offsets of each layer."""
        lost = self.size - 1 if self.padding == "VALID" else 0
        extent = self.shape[:-1]
        return [
            offsets(tuple(length - lost * layer for length in extent), self.size, self.padding)
            for layer in range(depth)
        ]


def convolution_kernel(
    moments: Moments, depth: int, biases: bool, form: Form, x1: np.ndarray, x2: np.ndarray
) -> np.ndarray:
    """The tangent kernel of a convolutional network by the recursion over its layers.

    Σ and Θ are matrices over positions (p, p'); a layer of filters sums them over the offsets, and
    the readout sums over the positions themselves.
    """
    beta = float(biases)
    images = [x.reshape(len(x), -1, form.shape[-1]) for x in (x1, x2)]

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ipc,jqc->ijpq", a, b) / form.shape[-1]

    def own(a: np.ndarray) -> np.ndarray:
        return np.einsum("ipc,iqc->ipq", a, a) / form.shape[-1]

    def filtered(value: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
        return sum((m @ value @ m.T for m in matrices), np.zeros(()))

    def variances(value: np.ndarray) -> np.ndarray:
        return np.diagonal(value, axis1=-2, axis2=-1)

    cross, own_1, own_2 = covariance(*images), own(images[0]), own(images[1])
    theta = np.zeros_like(cross)
    for matrices in form.layers(depth):
        cross, own_1, own_2 = (filtered(each, matrices) + beta for each in (cross, own_1, own_2))
        theta = filtered(theta, matrices) + cross
        var_1, var_2 = variances(own_1), variances(own_2)
        cross, slopes = moments(var_1[:, None, :, None], cross, var_2[None, :, None, :])
        theta = theta * slopes
        own_1 = moments(var_1[:, :, None], own_1, var_1[:, None, :])[0]
        own_2 = moments(var_2[:, :, None], own_2, var_2[:, None, :])[0]
    return variances(cross + theta).sum(axis=-1) + beta


def convolution_output(
    function: Callable[[np.ndarray], np.ndarray], form: Form, params: Any, point: np.ndarray
) -> float:
    """f(x; θ) of a convolutional network for one point, by offsets of the filters."""
    alpha = point.reshape(-1, form.shape[-1])  # (positions, channels)
    for layer, matrices in zip(params[:-1], form.layers(len(params) - 1), strict=True):
        weight = np.asarray(layer["weight"])
        filters = weight.reshape(*weight.shape[:2], -1)
        u = sum(
            (m @ alpha @ filters[:, :, q].T for q, m in enumerate(matrices)), np.zeros(())
        ) / np.sqrt(alpha.shape[1])
        alpha = function(u + np.asarray(layer.get("bias", 0.0)))
    last = params[-1]
    v = np.asarray(last["weight"]).reshape(alpha.shape[1], alpha.shape[0])
    c = float(last.get("bias", 0.0))
    return float(np.sum(v.T * alpha)) / alpha.shape[1] ** 0.5 + c
