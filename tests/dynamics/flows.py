"""Flows on the circle, and of a linear model whose flow is known."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from ntklib import dynamics, measures, networks
from ntklib.dynamics import Trajectory
from ntklib.targets import FourierSum

CIRCLE = measures.circle(12)
TARGET = FourierSum((1, 2), (1.0, 0.5), (0.0, 0.7))
TIMES = jnp.asarray([0.0, 0.3, 1.0, 4.0])
SMALL = networks.fully_connected(2, (6,), "tanh", biases=True)

Flow = Callable[..., Trajectory]


def linearized_flow(*arguments: Any, **options: Any) -> Trajectory:
    """The flow of a network that is linearized at its start."""
    return dynamics.gradient_flow(*arguments, linearized=True, **options)


either_flow = pytest.mark.parametrize(
    "kind", [dynamics.gradient_flow, linearized_flow], ids=lambda kind: kind.__name__
)


def linear(theta: jax.Array, x: jax.Array) -> jax.Array:
    """f(x; θ) = ⟨θ, features(x)⟩, whose flow is known in closed form."""
    return features(x) @ theta


def features(x: jax.Array) -> jax.Array:
    first, second = x[:, 0], x[:, 1]
    return jnp.stack([jnp.ones_like(first), first, 2 * second, first * second, first**2], axis=-1)


def exact_residuals(theta_0: jax.Array, x: jax.Array, weights: jax.Array) -> np.ndarray:
    """r_t at the circle's nodes: ∂_tθ = −Aθ + c with A = FᵀWF and c = FᵀWf*."""
    design = np.asarray(features(x))
    weighted = design.T * np.asarray(weights)
    system = np.zeros((6, 6))
    system[:5, :5] = -weighted @ design
    system[:5, 5] = weighted @ np.asarray(TARGET(x))
    start = np.append(np.asarray(theta_0), 1.0)
    thetas = np.stack([(linalg.expm(t * system) @ start)[:5] for t in np.asarray(TIMES)])
    return thetas @ np.asarray(features(CIRCLE.nodes)).T - np.asarray(TARGET(CIRCLE.nodes))


def flow(
    apply: Any, params: Any, *, kind: Flow = dynamics.gradient_flow, **options: Any
) -> Trajectory:
    settings = {"progress": False, **options}
    return kind(apply, params, TARGET, CIRCLE, TIMES, **settings)


def sample(n: int, seed: int = 0) -> jax.Array:
    return CIRCLE.sample(jax.random.key(seed), n)
