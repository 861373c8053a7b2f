"""PyTorch's sides. They run in an environment of their own, which `make bench` installs."""

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.inputs import lenet_parameters, load
from benchmarks.machine import cores
from benchmarks.worker import Outcome, Run, UnavailableError

torch.set_num_threads(cores())

Size = dict[str, Any]

BLOCK = 250
"""Images whose gradients are computed at once."""


def lenet(folder: Path, size: Size) -> Run:
    """LeNet-5's kernel from per-example gradients, with its eigenvalues unless `gram_only`."""
    (x,) = load(folder, "x")
    n = size["n"]
    images = torch.from_numpy(x).reshape(n, 1, 32, 32)
    params = {
        f"{layer}.{part}": torch.from_numpy(array)
        for layer, parts in lenet_parameters(folder).items()
        for part, array in parts.items()
    }
    gradients = torch.func.vmap(torch.func.grad(_lenet_output), in_dims=(None, 0))
    blocks = [slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK)]

    def run() -> Outcome:
        jacobian = [
            torch.cat([leaf.flatten(1) for leaf in gradients(params, images[rows]).values()], 1)
            for rows in blocks
        ]
        gram = images.new_empty(n, n)
        for i, rows in enumerate(blocks):
            for j, columns in enumerate(blocks[: i + 1]):
                block = jacobian[i] @ jacobian[j].T
                gram[rows, columns] = block
                gram[columns, rows] = block.T
        if size["gram_only"]:
            return Outcome({"gram": gram.numpy()})
        return Outcome({"values": torch.linalg.eigvalsh(gram / n).flip(0).numpy()})

    return run


def _lenet_output(params: dict[str, Any], image: Any) -> Any:
    """The first coordinate of the output for one image."""
    functional = torch.nn.functional

    def convolution(name: str, x: Any) -> Any:
        return functional.conv2d(x, params[f"{name}.weight"], params[f"{name}.bias"]).relu()

    x = functional.max_pool2d(convolution("c1", image[None]), 2)
    first, second = (functional.max_pool2d(convolution(name, x), 2) for name in ("c2_1", "c2_2"))
    x = convolution("c3", first + second).flatten(1)
    x = functional.linear(x, params["f4.weight"], params["f4.bias"]).relu()
    return functional.linear(x, params["f5.weight"], params["f5.bias"])[0, 0]


def flow(folder: Path, size: Size) -> Run:
    """Gradient descent by autograd."""
    return _flow(folder, size, lambda loss: _by_autograd(loss))


def flow_compiled(folder: Path, size: Size) -> Run:
    """Gradient descent by a compiled gradient."""
    # Inductor writes C++ and compiles it.
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        raise UnavailableError("torch.compile needs a C++ compiler: install g++.")
    return _flow(folder, size, lambda loss: torch.compile(torch.func.grad(loss, argnums=(0, 1))))


def _by_autograd(loss: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(hidden: Any, output: Any) -> Any:
        hidden, output = hidden.requires_grad_(), output.requires_grad_()
        return torch.autograd.grad(loss(hidden, output), (hidden, output))

    return gradient


def _flow(folder: Path, size: Size, differentiate: Callable[..., Any]) -> Run:
    x, *start = map(torch.from_numpy, load(folder, "x", "hidden", "output"))
    n, d, m = size["n"], size["d"], size["m"]
    labels = torch.sin(x[:, 0])

    def network(hidden: Any, output: Any) -> Any:
        return torch.tanh(x @ hidden.T / math.sqrt(d)) @ output / math.sqrt(m)

    def loss(hidden: Any, output: Any) -> Any:
        return 0.5 * (network(hidden, output) - labels).square().sum() / n

    gradient = differentiate(loss)

    def run() -> Outcome:
        params = [array[0].clone() for array in start]
        for _ in range(size["steps"]):
            slopes = gradient(*params)
            with torch.no_grad():
                for array, slope in zip(params, slopes, strict=True):
                    array.sub_(slope, alpha=size["time"] / size["steps"])
        with torch.no_grad():
            residual = network(*params) - labels
        return Outcome({"residual": np.asarray(residual)}, units=size["steps"])

    return run
