"""The networks that studies know by name."""

import math
from collections.abc import Callable

from ntklib import _arguments
from ntklib.networks import _convolutional, _dense
from ntklib.networks._network import Network


def _convolution(m: int, omega: str = "erf", shape: tuple[int, ...] = (2,)) -> Network:
    """Returns a network with filters of 3×3 on images, and with filters of 2 on other points.

    Their coordinates are a signal on a ring, so that K^∞ is rotation-invariant on the plane.
    """
    if len(shape) > 1:
        return _convolutional.convolutional(shape, (m, m), omega, filter_size=3, biases=True)
    return _convolutional.convolutional(
        (*shape, 1), (m, m), omega, filter_size=2, padding="CIRCULAR", biases=True
    )


ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "fully connected, depth 1": lambda m, omega="erf", shape=(2,): _dense.fully_connected(
        math.prod(shape), (m,), omega, biases=True
    ),
    "fully connected, depth 3": lambda m, omega="erf", shape=(2,): _dense.fully_connected(
        math.prod(shape), (m,) * 3, omega, biases=True
    ),
    "convolutional, depth 2": _convolution,
    "residual, depth 3": lambda m, omega="erf", shape=(2,): _dense.residual(
        math.prod(shape), m, 3, omega, biases=True
    ),
}
"""Networks by name, each a function of its width m, its activation, and the shape of an input:
(d,), or (height, width, channels) for images; the plane by default. They have biases, so that
every frequency has a positive eigenvalue."""


def build(
    architecture: str, m: int, activation: str = "erf", shape: tuple[int, ...] = (2,)
) -> Network:
    """Returns one of `ARCHITECTURES`, or says which there are."""
    _arguments.choice("architecture", architecture, ARCHITECTURES, separator="; ")
    return ARCHITECTURES[architecture](m, activation, shape)
