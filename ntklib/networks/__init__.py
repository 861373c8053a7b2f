r"""Networks in the source's form: $f(x;\theta) = v^T\alpha^{(L)}/\sqrt{m_L}$, parameters N(0, 1).

A `Network` is a few functions. Everything in `dynamics` and `kernels.empirical` asks only for an
`apply(params, x)`, so a network written in plain JAX serves as well, and one of Equinox, Flax or
PyTorch by `from_equinox`, `from_flax` or `from_torch`.
"""

from ntklib.networks import activations
from ntklib.networks._antisymmetric import antisymmetric
from ntklib.networks._convolutional import convolutional, lenet5
from ntklib.networks._dense import fully_connected, residual
from ntklib.networks._frameworks import from_equinox, from_flax
from ntklib.networks._network import Network
from ntklib.networks._torch import from_torch

__all__ = [
    "Network",
    "activations",
    "antisymmetric",
    "convolutional",
    "from_equinox",
    "from_flax",
    "from_torch",
    "fully_connected",
    "lenet5",
    "residual",
]
