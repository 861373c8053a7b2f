"""The networks on the plane that studies know by name."""

from collections.abc import Callable

from ntklib import _arguments
from ntklib.networks import _convolutional, _dense
from ntklib.networks._network import Network

ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "fully connected, depth 1": lambda m, omega="erf": _dense.fully_connected(
        2, (m,), omega, biases=True
    ),
    "fully connected, depth 3": lambda m, omega="erf": _dense.fully_connected(
        2, (m,) * 3, omega, biases=True
    ),
    # A point's two coordinates are a signal of length 2 on a ring: K^∞ is rotation-invariant.
    "convolutional, depth 2": lambda m, omega="erf": _convolutional.convolutional(
        (2, 1), (m, m), omega, filter_size=2, padding="CIRCULAR", biases=True
    ),
    "residual, depth 3": lambda m, omega="erf": _dense.residual(2, m, 3, omega, biases=True),
}
"""Networks on the plane by name, each a function of its width m and its activation. They have
biases, so that every frequency has a positive eigenvalue."""


def build(architecture: str, m: int, activation: str = "erf") -> Network:
    """Returns one of `ARCHITECTURES`, or says which there are."""
    _arguments.choice("architecture", architecture, ARCHITECTURES, separator="; ")
    return ARCHITECTURES[architecture](m, activation)
