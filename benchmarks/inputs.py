"""Makes what all sides of a job start from, as .npy files in its folder.

Points, images and parameters are drawn here with NumPy, so that every side has the same ones.
"""

from pathlib import Path
from typing import Any

import numpy as np

LENET_LAYERS = {
    "c1": (6, 1, 5, 5),
    "c2_1": (16, 6, 5, 5),
    "c2_2": (16, 6, 5, 5),
    "c3": (120, 16, 5, 5),
    "f4": (84, 120),
    "f5": (10, 84),
}
"""The layers of `networks.lenet5` by its names, with the shapes of their weights as in PyTorch."""

SIDE = 32


def dense(folder: Path, size: dict[str, Any]) -> None:
    """Normal points and a network with one hidden layer and biases, all N(0, 1)."""
    rng = np.random.default_rng(1)
    n, d, m = size["n"], size["d"], size["m"]
    _save(folder, size["precision"], {
        "x": rng.standard_normal((n, d)),
        "hidden": rng.standard_normal((m, d)),
        "hidden_bias": rng.standard_normal(m),
        "output": rng.standard_normal(m),
        "output_bias": rng.standard_normal(()),
    })  # fmt: skip


def lenet(folder: Path, size: dict[str, Any]) -> None:
    """Images and a LeNet-5 with PyTorch's default initialization U(−1/√inputs, 1/√inputs)."""
    rng = np.random.default_rng(2)
    arrays = {"x": smooth_images(rng, size["n"])}
    for name, shape in LENET_LAYERS.items():
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        arrays[f"{name}.weight"] = rng.uniform(-bound, bound, shape)
        arrays[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0])
    _save(folder, size["precision"], arrays)


def smooth_images(rng: np.random.Generator, n: int) -> np.ndarray:
    """Returns n images like a data set's: four soft strokes on a background that is exactly 0.

    Args:
      rng: the source of randomness.
      n: how many.

    Returns:
      Intensities in [0, 1], shape (n, 1024).
    """
    grid = np.arange(SIDE)
    image = np.zeros((n, SIDE, SIDE))
    for _ in range(4):
        row, column = rng.uniform(10, 22, (2, n, 1))
        width = rng.uniform(2, 4, (2, n, 1))
        vertical = np.exp(-(((grid - row) / width[0]) ** 2))
        horizontal = np.exp(-(((grid - column) / width[1]) ** 2))
        image += vertical[:, :, None] * horizontal[:, None, :]
    return np.clip(image - 0.1, 0.0, 1.0).reshape(n, SIDE * SIDE)


def flow(folder: Path, size: dict[str, Any]) -> None:
    """Normal points and eight networks; the labels are `target` of the points."""
    rng = np.random.default_rng(3)
    n, d, m = size["n"], size["d"], size["m"]
    _save(folder, "float32", {
        "x": rng.standard_normal((n, d)),
        "hidden": rng.standard_normal((size["seeds"], m, d)),
        "output": rng.standard_normal((size["seeds"], m)),
    })  # fmt: skip


def points(folder: Path, size: dict[str, Any]) -> None:
    """Normal points."""
    rng = np.random.default_rng(4)
    _save(folder, size["precision"], {"x": rng.standard_normal((size["n"], size["d"]))})


def two_sets_of_points(folder: Path, size: dict[str, Any]) -> None:
    """Normal points, twice, and the weight of every entry of their Gram matrix."""
    rng = np.random.default_rng(7)
    n, d = size["n"], size["d"]
    _save(folder, size["precision"], {
        "x": rng.standard_normal((n, d)),
        "y": rng.standard_normal((n, d)),
        "weights": rng.standard_normal((n, n)),
    })  # fmt: skip


def images(folder: Path, size: dict[str, Any]) -> None:
    """Images of normal pixels: nothing coincides."""
    rng = np.random.default_rng(8)
    _save(folder, size["precision"], {"x": rng.standard_normal((size["n"], size["side"] ** 2))})


def sphere(folder: Path, size: dict[str, Any]) -> None:
    """Uniform points on the sphere."""
    x = np.random.default_rng(5).standard_normal((size["n"], size["d"]))
    _save(folder, "float64", {"x": x / np.linalg.norm(x, axis=1, keepdims=True)})


def erf_gram(folder: Path, size: dict[str, Any]) -> None:
    """The analytic Gram matrix of one hidden layer with erf on normal points, in closed form."""
    x = np.random.default_rng(6).standard_normal((size["n"], size["d"])) / np.sqrt(size["d"])
    covariance = x @ x.T
    volume = 1 + 2 * np.diag(covariance)
    volume = volume[:, None] * volume
    gram = 2 / np.pi * np.arcsin(2 * covariance / np.sqrt(volume))
    gram += covariance * 4 / np.pi / np.sqrt(volume - 4 * covariance**2)
    _save(folder, "float64", {"gram": gram})


def load(folder: Path, *names: str) -> list[np.ndarray]:
    """Returns inputs by name."""
    return [np.load(folder / f"{name}.npy") for name in names]


def lenet_parameters(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Returns weights and biases of the LeNet-5 by layer."""
    return {
        name: {part: np.load(folder / f"{name}.{part}.npy") for part in ("weight", "bias")}
        for name in LENET_LAYERS
    }


def _save(folder: Path, precision: str, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.asarray(array, precision))
