"""Probability measures with quadrature: the circle, spheres, and samples."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import roots_gegenbauer

from ntklib import _arguments, _checks, _shown

MOST_NODES = 100_000


@dataclass(frozen=True, eq=False)
class Measure:
    r"""A probability measure ρ on X ⊂ ℝᵈ, with a quadrature rule for it.

    Attributes:
      name: what it is, for titles and messages.
      nodes: quadrature nodes x_j, shape (q, d).
      weights: their weights w_j > 0, summing to 1, shape (q,).
      sampler: (key, n) ↦ n independent points of ρ, shape (n, d).

    Raises:
      TypeError: nodes or weights are not floating-point numbers, or sampler is no function.
      ValueError: wrong shapes, NaN or infinite values, or weights that are not probabilities.

    Example:
      >>> from ntklib import measures
      >>> circle = measures.circle(8)
      >>> cosine = circle.nodes[:, 0]
      >>> round(float(circle.inner(cosine, cosine)), 6)
      0.5
      >>> round(float(circle.norm(cosine)), 4)
      0.7071
      >>> circle
      Measure('uniform on the circle', q=8 nodes, d=2, weights 0.125)
    """

    name: str
    nodes: Float[Array, "q d"]
    weights: Float[Array, " q"]
    sampler: Callable[[Any, int], Float[Array, "n d"]]

    def __post_init__(self) -> None:
        nodes = _checks.real_array("nodes", self.nodes, "q d")
        weights = _checks.real_array("weights", self.weights, "q")
        _checks.same_length("weights", weights.shape[0], "nodes", nodes.shape[0])
        _probabilities(weights)
        if not callable(self.sampler):
            raise TypeError(
                f"sampler must be a function (key, n) ↦ n points, got {self.sampler!r}: one that "
                "raises an error will do where no points are drawn."
            )
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "weights", weights)

    def __repr__(self) -> str:
        q, d = self.nodes.shape
        return f"Measure({self.name!r}, q={q} nodes, d={d}, weights {_shown.span(self.weights)})"

    def sample(self, key: Any, n: int) -> Float[Array, "n d"]:
        """Draws n independent points of ρ.

        Args:
          key: a `jax.random.key`.
          n: sample size, at least 1.

        Raises:
          TypeError: key is no key of `jax.random.key`, n is no whole number, or the sampler
            returns other than real numbers of the nodes' precision.
          ValueError: key holds several keys, n is less than 1, or the sampler returns another
            shape, or NaN or infinite values.
        """
        count = _checks.whole_number("n", n, least=1)
        drawn = self.sampler(_arguments.key("key", key), count)
        points = _checks.real_array("sampler(key, n)", drawn, "n d")
        wanted = (count, self.nodes.shape[1])
        if points.shape != wanted:
            raise ValueError(
                f"sampler(key, n) must return n points of the nodes' space, shape {wanted} for "
                f"n = {count}, but returns shape {points.shape}."
            )
        if points.dtype.itemsize < self.nodes.dtype.itemsize:
            raise TypeError(
                f"sampler(key, n) must be as precise as the nodes, of {self.nodes.dtype}, but "
                f"returns {points.dtype}: draw with dtype={self.nodes.dtype}."
            )
        return points

    def inner(self, a: Float[Array, "*#b q"], b: Float[Array, "*#b q"]) -> Float[Array, "*b"]:
        r"""Returns $\langle a, b\rangle_\rho = \sum_j w_j a_j b_j$ over the last axis.

        Raises:
          ValueError: a or b has no value for each node.
        """
        _checks.at_nodes("a", a, self.weights)
        _checks.at_nodes("b", b, self.weights)
        return jnp.einsum("...q,...q,q->...", a, b, self.weights)

    def norm(self, a: Float[Array, "*b q"]) -> Float[Array, "*b"]:
        r"""Returns $\|a\|_{L^2(\rho)}$ over the last axis."""
        return jnp.sqrt(self.inner(a, a))


def _probabilities(weights: Array) -> None:
    if isinstance(weights, jax.core.Tracer):  # inside jit there are no values to look at
        return
    given = np.asarray(weights, np.float64)
    total, least = float(given.sum()), float(given.min())
    if least <= 0 or abs(total - 1) > 1e-6:
        raise ValueError(
            f"weights must be positive and sum to 1, got a sum of {total:.6g} and a least "
            f"weight of {least:.6g}: divide them by their sum and drop points of weight 0."
        )


def circle(nodes: int) -> Measure:
    """The uniform distribution on the unit circle, with equispaced nodes.

    The rule is exact for trigonometric polynomials of degree below `nodes`.

    Args:
      nodes: their number q, at least 3.

    Returns:
      The measure; `nodes[j]` is (cos 2πj/q, sin 2πj/q).

    Raises:
      ValueError: fewer than 3 nodes, or x64 is off.

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


def drawn_length(n: int) -> int:
    """Returns how many points are drawn where n are wanted: few lengths share their programs.

    Of JAX's own generator the first numbers of a draw don't depend on how many there are.
    """
    return 256 << max(0, (n - 1) // 256).bit_length()


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
      ValueError: d or degree too small, more than 100,000 nodes, or x64 is off.

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
        sampler=functools.partial(_on_sphere, d),
    )


def _on_sphere(d: int, key: Any, n: int) -> Float[Array, "n d"]:
    """Draws n uniform points of the sphere S^{d−1}."""
    return _sphere_points(d, key, drawn_length(n))[:n]


@functools.partial(jax.jit, static_argnames=("d", "n"))
def _sphere_points(d: int, key: Any, n: int) -> Float[Array, "n d"]:
    return normalized(jax.random.normal(key, (n, d)))


def normalized(points: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Returns the points x/‖x‖ of the unit sphere; x ≠ 0.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures
      >>> np.asarray(measures.normalized(jnp.array([[3.0, 4.0]]))).round(6).tolist()
      [[0.6, 0.8]]
    """
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


def empirical(
    points: Float[Array, "q d"], weights: Float[Array, " q"] | None = None, name: str = "empirical"
) -> Measure:
    """A distribution on finitely many points, such as a data set.

    Args:
      points: shape (q, d).
      weights: probabilities of the points, shape (q,); equal ones by default.
      name: for titles and messages.

    Returns:
      The measure; its `sample` draws with replacement.

    Raises:
      TypeError: points or weights are not floating-point numbers.
      ValueError: wrong shapes, NaN or infinite values, weights that are not probabilities, or
        x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> coin = measures.empirical(
      ...     jnp.array([[0.0], [1.0]]), jnp.array([0.25, 0.75]), name="a biased coin"
      ... )
      >>> float(coin.inner(coin.nodes[:, 0], jnp.ones(2)))
      0.75
    """
    _checks.require_x64("A quadrature rule")
    nodes = _checks.real_array("points", points, "q d")
    q = nodes.shape[0]
    if weights is None:
        probabilities = jnp.full(q, 1 / q, nodes.dtype)
    else:
        probabilities = _checks.real_array("weights", weights, "q")
        _checks.same_length("weights", probabilities.shape[0], "points", q)
    return Measure(
        name=name,
        nodes=nodes,
        weights=probabilities,
        sampler=functools.partial(_among, nodes, probabilities),
    )


def _among(
    nodes: Float[Array, "q d"], probabilities: Float[Array, " q"], key: Any, n: int
) -> Float[Array, "n d"]:
    return nodes[jax.random.choice(key, nodes.shape[0], (n,), p=probabilities)]
