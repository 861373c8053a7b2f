"""A kernel with a known spectrum, and a prescribed spectrum."""

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import measures, spectrum


def exponential(x1: jax.Array, x2: jax.Array) -> jax.Array:
    """κ(θ) = e^{cos θ}, whose eigenvalues are the modified Bessel functions I_j(1)."""
    return jnp.exp(x1 @ x2.T)


def weighted(values: np.ndarray, count: int, seed: int = 0) -> spectrum.Eigensystem:
    """Prescribed eigenvalues on random nodes with random weights."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(count, 3.0))
    nodes = jnp.asarray(random.standard_normal((count, 2)))
    rotation, _ = np.linalg.qr(random.standard_normal((count, len(values))))
    functions = rotation.T / np.sqrt(weights)[None]
    measure = measures.empirical(nodes, jnp.asarray(weights))
    return spectrum.Eigensystem(jnp.asarray(values), jnp.asarray(functions), measure)
