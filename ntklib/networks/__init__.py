r"""Networks in the source's form: $f(x;\theta) = v^T\alpha^{(L)}/\sqrt{m_L}$, parameters N(0, 1).

A `Network` is a few functions. Everything in `dynamics` and `kernels.empirical` asks only for an
`apply(params, x)`, so a network written with Flax, Equinox or plain JAX serves as well.
"""

from ntklib.networks import activations
from ntklib.networks._convolutional import convolutional, lenet5
from ntklib.networks._dense import antisymmetric, fully_connected, residual
from ntklib.networks._network import Network

__all__ = [
    "Network",
    "activations",
    "antisymmetric",
    "convolutional",
    "fully_connected",
    "lenet5",
    "residual",
]
