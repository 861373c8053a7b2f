r"""Distributions on spheres that have no product rule: their nodes are drawn, with equal weights.

In ten dimensions the product rule of `measures.sphere` takes millions of nodes for a polynomial of
degree eight, and for other distributions than the uniform one there is none. q independent nodes
integrate anything, with an error of $\mathrm{sd}(g)/\sqrt q$ for the integral of g.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, _matrices
from ntklib.measures import _rules
from ntklib.measures._measure import Measure

__all__ = ["angular_gaussian", "hemispheres", "uniform"]


def uniform(d: int, nodes: int, key: Any) -> Measure:
    """The uniform distribution on the sphere S^{d−1} ⊂ ℝᵈ, with drawn nodes.

    Args:
      d: dimension of the ambient space, at least 2.
      nodes: their number q, at least 1.
      key: a `jax.random.key`, for the nodes.

    Returns:
      The measure.

    Example:
      >>> import jax
      >>> import numpy as np
      >>> from ntklib.measures import spheres
      >>> sphere = spheres.uniform(10, nodes=100, key=jax.random.key(0))
      >>> sphere.nodes.shape
      (100, 10)
      >>> bool(np.allclose(np.linalg.norm(sphere.nodes, axis=1), 1))
      True
    """
    d = _checks.whole_number("d", d, least=2)
    return _drawn(
        f"uniform on the sphere in {d} dimensions, drawn nodes",
        functools.partial(_rules.on_sphere, d),
        nodes,
        key,
    )


def hemispheres(axis: Float[Array, " d"], share: float, nodes: int, key: Any) -> Measure:
    r"""A distribution whose density is constant on each of two half-spheres.

    A point lies on the side $\langle\zeta, x\rangle > 0$ with probability p, and is uniform on its
    side: the density relative to the uniform distribution is 2p there and 2(1 − p) opposite.

    Args:
      axis: ζ, a unit vector, shape (d,).
      share: p, strictly between 0 and 1.
      nodes: their number q, at least 1.
      key: a `jax.random.key`, for the nodes.

    Returns:
      The measure.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib.measures import spheres
      >>> north = jnp.array([0.0, 0.0, 1.0])
      >>> measure = spheres.hemispheres(north, share=0.9, nodes=400, key=jax.random.key(0))
      >>> share = np.mean(np.asarray(measure.nodes)[:, 2] > 0)
      >>> bool(0.85 < share < 0.95)
      True
    """
    pole = _checks.real_array("axis", axis, "d")
    _checks.on_sphere("axis", pole[None])
    p = _checks.fraction("share", share)
    draw = functools.partial(_by_side, pole, p)
    return _drawn(f"{p:g} and {1 - p:g} of the mass on two half-spheres", draw, nodes, key)


def angular_gaussian(covariance: Float[Array, "d d"], nodes: int, key: Any) -> Measure:
    r"""The directions of a Gaussian vector that is not isotropic (Tyler 1987).

    x = z/‖z‖ for $z \sim N(0, \Sigma)$. Its density relative to the uniform distribution is
    $\det(\Sigma)^{-1/2}(x^T\Sigma^{-1}x)^{-d/2}$; it doesn't change with the scale of Σ.

    Args:
      covariance: Σ, symmetric positive definite, shape (d, d).
      nodes: their number q, at least 1.
      key: a `jax.random.key`, for the nodes.

    Returns:
      The measure.

    Raises:
      ValueError: Σ is not positive definite.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib.measures import spheres
      >>> wide = jnp.diag(jnp.array([9.0, 1.0]))
      >>> measure = spheres.angular_gaussian(wide, nodes=400, key=jax.random.key(0))
      >>> x, y = np.asarray(measure.nodes).T
      >>> bool(np.mean(x**2) > 2 * np.mean(y**2))  # their ratio is 3 in the mean
      True
    """
    sigma = np.asarray(_matrices.symmetric("covariance", covariance))
    try:
        root = jnp.asarray(np.linalg.cholesky(sigma))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(sigma)[0])
        raise ValueError(
            f"covariance must be positive definite, got {least:.3g} for its least eigenvalue: "
            "add a small multiple of the identity."
        ) from None
    return _drawn(
        "directions of an anisotropic Gaussian",
        functools.partial(_of_gaussian, root),
        nodes,
        key,
    )


def _by_side(pole: Float[Array, " d"], p: float, key: Any, n: int) -> Float[Array, "n d"]:
    which, where = jax.random.split(key)
    points = _rules.on_sphere(pole.shape[0], where, n)
    # The antipodal map takes one half to the other and keeps the uniform distribution.
    wanted = jax.random.bernoulli(which, p, (n,))
    return jnp.where((points @ pole > 0) == wanted, 1.0, -1.0)[:, None] * points


def _of_gaussian(root: Float[Array, "d d"], key: Any, n: int) -> Float[Array, "n d"]:
    return _rules.normalized(jax.random.normal(key, (n, root.shape[0])) @ root.T)


def _drawn(
    name: str, draw: Callable[[Any, int], Float[Array, "n d"]], nodes: int, key: Any
) -> Measure:
    """Returns a measure whose nodes are drawn from it."""
    _checks.require_x64("A quadrature rule")
    q, key = _checks.whole_number("nodes", nodes, least=1), _arguments.key("key", key)
    return Measure(name=name, nodes=draw(key, q), weights=jnp.full(q, 1 / q), sampler=draw)
