"""The uniform distributions on circle and spheres, with quadrature rules that are exact."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import roots_gegenbauer

from ntklib import _checks
from ntklib.measures._measure import Measure, drawn_length

MOST_NODES = 100_000


def circle(nodes: int) -> Measure:
    """The uniform distribution on the unit circle, with equispaced nodes.

    The rule is exact for trigonometric polynomials of degree below `nodes`.

    Args:
      nodes: their number q, at least 3.

    Returns:
      The measure; `nodes[j]` is (cos 2πj/q, sin 2πj/q).

    Example:
      >>> import numpy as np
      >>> from ntklib import measures
      >>> circle = measures.circle(8)
      >>> circle.nodes.shape, float(circle.weights[0])
      ((8, 2), 0.125)
      >>> sine, cosine = np.asarray(circle.nodes).T
      >>> round(float(circle.weights @ (cosine**4)), 6)  # the mean of cos⁴ is 3/8
      0.375
    """
    _checks.require_x64("A quadrature rule")
    q = _checks.whole_number("nodes", nodes, least=3)
    return Measure(
        name="uniform on the circle",
        nodes=points_at(equispaced_angles(q)),
        weights=jnp.full(q, 1 / q),
        sampler=_on_circle,
    )


def _on_circle(key: Any, n: int) -> Float[Array, "n 2"]:
    return _circle_points(key, drawn_length(n))[:n]


@functools.partial(jax.jit, static_argnames="n")
def _circle_points(key: Any, n: int) -> Float[Array, "n 2"]:
    return points_at(jax.random.uniform(key, (n,), maxval=2 * jnp.pi))


def equispaced_angles(q: int) -> Float[Array, " q"]:
    """Returns the angles 2πj/q, j = 0, …, q − 1, in radians.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures
      >>> np.asarray(measures.equispaced_angles(4)).round(3).tolist()
      [0.0, 1.571, 3.142, 4.712]
    """
    return jnp.asarray(2 * np.pi * np.arange(q) / q)


def points_at(angles: Float[Array, "*b"]) -> Float[Array, "*b 2"]:
    """Returns the points (cos θ, sin θ) of the unit circle; θ in radians.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> np.asarray(measures.points_at(jnp.array([0.0, jnp.pi]))).round(6).tolist()
      [[1.0, 0.0], [-1.0, 0.0]]
    """
    return _points_at(angles)


# One program, in place of one for each operation in it.
@jax.jit
def _points_at(angles: Array) -> Array:
    return jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)


def angles_of(points: Float[Array, "*b 2"]) -> Float[Array, "*b"]:
    """Returns the angles θ ∈ (−π, π] of points of the plane, in radians.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> np.asarray(measures.angles_of(jnp.array([[0.0, 2.0], [-1.0, 0.0]]))).round(4).tolist()
      [1.5708, 3.1416]
    """
    return jnp.arctan2(points[..., 1], points[..., 0])


def sphere(d: int, degree: int) -> Measure:
    r"""The uniform distribution on the sphere S^{d−1} ⊂ ℝᵈ, with a product rule.

    Splitting $x = (t, \sqrt{1-t^2}\,y)$, $y \in S^{d-2}$, gives the weight $(1-t^2)^{(d-3)/2}$ for
    t, so Gauss–Gegenbauer nodes in t times a rule on the smaller sphere integrate every polynomial
    up to `degree` exactly (Stroud, Approximate Calculation of Multiple Integrals, 1971, §2.7).

    Args:
      d: dimension of the ambient space, at least 2.
      degree: of the polynomials that are integrated exactly, at least 2. The rule has about
        (degree/2)^{d−2}·degree nodes.

    Returns:
      The measure.

    Raises:
      ValueError: the rule has more than 100,000 nodes.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures
      >>> sphere = measures.sphere(3, degree=4)
      >>> sphere.nodes.shape
      (15, 3)
      >>> x, y, z = np.asarray(sphere.nodes).T
      >>> weights = np.asarray(sphere.weights)
      >>> round(float(weights @ x**2), 6), round(float(weights @ (x * y) ** 2), 6)  # 1/3 and 1/15
      (0.333333, 0.066667)
    """
    _checks.require_x64("A quadrature rule")
    d = _checks.whole_number("d", d, least=2)
    degree = _checks.whole_number("degree", degree, least=2)
    count = (degree + 1) * (degree // 2 + 1) ** (d - 2)
    if count > MOST_NODES:
        raise ValueError(
            f"sphere(d={d}, degree={degree}) needs {count} nodes, more than {MOST_NODES}: lower "
            "degree, or use empirical() with uniformly drawn points."
        )
    nodes, weights = _sphere_rule(d, degree)
    return Measure(
        name=f"uniform on the sphere in {d} dimensions",
        nodes=jnp.asarray(nodes),
        weights=jnp.asarray(weights),
        sampler=functools.partial(on_sphere, d),
    )


def on_sphere(d: int, key: Any, n: int) -> Float[Array, "n d"]:
    """Draws n uniform points of the sphere S^{d−1}."""
    return _sphere_points(d, key, drawn_length(n))[:n]


@functools.partial(jax.jit, static_argnames=("d", "n"))
def _sphere_points(d: int, key: Any, n: int) -> Float[Array, "n d"]:
    return normalized(jax.random.normal(key, (n, d)))


def normalized(points: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Returns the points x/‖x‖ of the unit sphere; x ≠ 0."""
    return points / jnp.linalg.norm(points, axis=-1, keepdims=True)


def _sphere_rule(d: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns nodes (q, d) and weights (q,) of the product rule on S^{d−1}."""
    if d == 2:
        q = degree + 1
        return np.asarray(points_at(equispaced_angles(q))), np.full(q, 1 / q)
    inner, inner_weights = _sphere_rule(d - 1, degree)
    t, t_weights = roots_gegenbauer(degree // 2 + 1, (d - 2) / 2)
    radius = np.sqrt((1 - t) * (1 + t))  # 1 − t² would lose digits near the poles
    first = np.repeat(t, len(inner))[:, None]
    rest = (radius[:, None, None] * inner).reshape(-1, d - 1)
    weights = np.outer(t_weights / t_weights.sum(), inner_weights).ravel()
    return np.concatenate([first, rest], axis=1), weights
