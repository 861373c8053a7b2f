"""Probability measures with quadrature, of which samples are the simplest."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, _shown


@dataclass(frozen=True, eq=False)
class Measure:
    r"""A probability measure ρ on X ⊂ ℝᵈ, with a quadrature rule for it.

    Attributes:
      name: what it is, for titles and messages.
      nodes: quadrature nodes x_j, shape (q, d).
      weights: their weights w_j > 0, summing to 1, shape (q,).
      sampler: (key, n) ↦ n independent points of ρ, shape (n, d).

    Raises:
      ValueError: weights that are not probabilities.

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
          TypeError: the sampler returns points of lower precision than the nodes.
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
        r"""Returns $\langle a, b\rangle_\rho = \sum_j w_j a_j b_j$ over the last axis."""
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
      ValueError: weights that are not probabilities.

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
    return _chosen(nodes, probabilities, key, drawn_length(n))[:n]


@functools.partial(jax.jit, static_argnames="n")
def _chosen(
    nodes: Float[Array, "q d"], probabilities: Float[Array, " q"], key: Any, n: int
) -> Float[Array, "n d"]:
    return nodes[jax.random.choice(key, nodes.shape[0], (n,), p=probabilities)]


def drawn_length(n: int) -> int:
    """Returns how many points are drawn where n are wanted: few lengths share their programs.

    Of JAX's own generator the first numbers of a draw don't depend on how many there are.
    """
    return 256 << max(0, (n - 1) // 256).bit_length()
