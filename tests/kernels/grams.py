"""A network of each architecture, its Gram matrix from the Jacobian, and routes to it."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ntklib import kernels, networks
from ntklib.kernels import _routes
from ntklib.networks import Network


def gram_of_jacobian(apply: Any, params: Any, x1: Any, x2: Any) -> np.ndarray:
    """K(x, x') from the whole Jacobian, by reverse mode over all points at once."""
    flat, unravel = ravel_pytree(params)
    points = jnp.concatenate([x1, x2])
    rows = np.asarray(jax.jit(jax.jacrev(lambda theta: apply(unravel(theta), points)))(flat))
    first, second = rows[: len(x1)], rows[len(x1) :]
    if rows.ndim == 2:
        return first @ second.T
    return np.einsum("iap,jbp->ijab", first, second)


def everyone(outputs: int | None) -> dict[str, tuple[Network, int]]:
    """A small network of each architecture and the dimension of its points."""
    two: dict[str, Any] = {"outputs": outputs}
    convolutional = networks.convolutional
    plain = {
        "dense": (networks.fully_connected(3, (5, 6), "softplus", biases=True, **two), 3),
        "residual": (networks.residual(3, 4, 3, "erf", biases=True, **two), 3),
        # Many positions and few weights: by gradients. The other way round: by positions.
        "image": (
            convolutional((4, 3, 2), (3, 4), "relu", filter_size=2, padding="CIRCULAR", biases=True,
                          **two), 24,
        ),
        "channels": (convolutional((3, 2), (30, 40), "gelu", biases=True, **two), 6),
        "valid": (convolutional((5, 1), (3, 2), "tanh", padding="VALID", **two), 5),
    }  # fmt: skip
    paired = {
        f"{name} asi": (networks.antisymmetric(plain[name][0]), plain[name][1])
        for name in ("dense", "residual", "image")
    }
    return {**plain, **paired, "lenet": (networks.lenet5(None if outputs else 3), 1024)}


def chosen(network: Network, x: Any, method: str = "auto", budget: int = 2**30) -> Any:
    params = network.init(jax.random.key(0))
    outputs = jax.eval_shape(network.apply, params, x).size // x.shape[0]
    return _routes.choose(network.apply, network.forward, params, (x,), outputs, method, budget)


def least_budget(network: Network, method: str, *sets: Any) -> int:
    params = network.init(jax.random.key(0))
    with pytest.raises(ValueError, match=f"too small for method '{method}'") as refusal:
        kernels.empirical(network, params, *sets, method=method, memory_budget=1)
    found = re.search("at least ([0-9]+)[.]", str(refusal.value))
    assert found is not None
    return int(found[1])
