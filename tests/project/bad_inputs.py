"""What a reader's own function may do wrong, each with the sentence that refuses it.

`BAD` holds every bad input as one entry, by the kind of argument whose place it takes. The surface
that they run through is in `test_bad_inputs`: a new kind of fault joins there by an entry here, a
new function by an entry there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

Q = 8
"""Nodes, points of each sample and labels, so that a wrong axis can pass for the right one."""


@dataclass(frozen=True)
class Bad:
    """A bad input.

    Attributes:
      name: the test's id.
      kind: of argument, a key of `test_bad_inputs.KINDS`.
      value: what is given.
      sentence: what the error says.
      error: its type.
      allowed: functions that may have it, by name.
    """

    name: str
    kind: str
    value: Any
    sentence: str
    error: type[Exception] = ValueError
    allowed: tuple[str, ...] = ()


def half_defined(x: Any) -> Any:
    """√x₁, which only the half of the circle has that the samples are on."""
    return jnp.sqrt(x[:, 0])


def sampler(draw: Callable[[Any, int], Any]) -> Any:
    """Returns a measure on the circle with a sampler of its own."""
    from ntklib import measures

    circle = measures.circle(Q)
    return measures.Measure("a reader's own", circle.nodes, circle.weights, draw)


def module() -> Any:
    """Returns an Equinox module."""
    return eqx.nn.MLP(2, "scalar", 3, 1, key=jax.random.key(0), dtype=float)


LEARN_LABELS = (
    "dynamics.gradient_descent", "dynamics.linearization.losses", "learning.zonal.kernel_flow",
    "theory.fisher.sharpness", "dynamics.kernels_along",
)  # fmt: skip
"""Functions that ask for a target's values at one set of points only, or take them instead."""

TARGETS = (
    Bad("values", "target", jnp.ones(Q),
        "target must be a function of points, x ↦ f*(x), such as a targets.FourierSum, got an "
        "array of shape (8,)", TypeError, allowed=LEARN_LABELS),
    Bad("column", "target", lambda x: x[:, :1], "target must return one number a point, shape ("),
    Bad("constant", "target", lambda x: jnp.ones(1),
        "index or squeeze away axes of length 1, and fill constants up with jnp.full."),
    Bad("short", "target", lambda x: x[1:, 0], "target must return one number a point, shape ("),
    Bad("one point", "target", lambda x: jnp.vdot(x, jnp.ones(2)),
        "target takes one point at a time: pass jax.vmap(target)."),
    Bad("norm of all", "target", lambda x: jnp.linalg.norm(x),
        "If it takes one point at a time, pass jax.vmap(target)."),
    Bad("complex", "target", lambda x: x[:, 0].astype(complex),
        "target(x) must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("nothing", "target", lambda x: None, "target must return an array, got a NoneType.",
        TypeError),
    Bad("words", "target", lambda x: ["one"] * len(x), "target must return an array of numbers, "
        "got dtype <U3.", TypeError),
    Bad("nan on half", "target", half_defined, "target(x) holds ", allowed=LEARN_LABELS),
    Bad("infinite", "target", lambda x: jnp.full(len(x), jnp.inf), "target(x) holds "),
    Bad("batch mean", "target", lambda x: x[:, 0] - jnp.mean(x[:, 0]),
        "target must give a point the same value whatever points are beside it"),
    Bad("labels in order", "target", lambda x: jnp.arange(float(len(x))),
        "and give labels of a sample as an array."),
)  # fmt: skip

NETWORKS = (
    Bad("array", "network", jnp.ones(2),
        "network must be a Network or a function (θ, x) ↦ f(x; θ), got a ", TypeError),
    Bad("one point", "network", lambda theta, x: jnp.vdot(theta, x),
        "network takes one point at a time: pass jax.vmap(network, in_axes=(None, 0))."),
    Bad("sum of all", "network", lambda theta, x: jnp.sum(x @ theta),
        "If it takes one point at a time, pass jax.vmap(network, in_axes=(None, 0))."),
    Bad("column", "network", lambda theta, x: (x @ theta)[:, None], "network must ",
        allowed=("kernels.empirical", "kernels._draws.kernel_distances")),
    Bad("short", "network", lambda theta, x: (x @ theta)[1:],
        "network must return one number a point, shape ("),
    Bad("tuple", "network", lambda theta, x: (x @ theta, theta),
        "network must return an array, got a tuple.", TypeError),
    Bad("complex", "network", lambda theta, x: (x @ theta).astype(complex),
        "network(θ, x) must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("whole", "network", lambda theta, x: jnp.sign(x @ theta).astype(int),
        "network(θ, x) must hold real floating-point numbers, got dtype int64.", TypeError),
    Bad("batch mean", "network", lambda theta, x: x @ theta - jnp.mean(x @ theta),
        "network must give a point the same output whatever points are beside it"),
    Bad("neighbour", "network", lambda theta, x: jnp.roll(x, 1, axis=0) @ theta,
        "network must give a point the same output whatever points are beside it"),
    Bad("module", "network", module(), "network was called with points of shape (", TypeError),
)  # fmt: skip

KERNELS = (
    Bad("matrix", "kernel", jnp.eye(Q),
        "kernel must be a function of two sets of points, (x, x') ↦ Gram matrix, got an array of "
        "shape (8, 8).", TypeError),
    Bad("one pair", "kernel", lambda x, y: jnp.exp(-jnp.sum((x - y) ** 2)),
        "at a time, pass jax.vmap(jax.vmap(kernel, (None, 0)), (0, None))."),
    Bad("rows", "kernel", lambda x, y: jnp.sum(x * x, axis=1),
        "kernel must return one number a pair of points, shape ("),
    Bad("complex", "kernel", lambda x, y: (x @ y.T).astype(complex),
        "kernel(x, x') must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("whole", "kernel", lambda x, y: jnp.ones((len(x), len(y)), int),
        "kernel(x, x') must hold real floating-point numbers, got dtype int64.", TypeError),
    Bad("nan", "kernel", lambda x, y: jnp.log(x @ y.T), "kernel(x, x') holds "),
    Bad("asymmetric", "kernel", lambda x, y: x @ y.T + x[:, :1], " must "),
    Bad("negative", "kernel", lambda x, y: -(x @ y.T), " must be positive semidefinite"),
    Bad("scale of the batch", "kernel",
        lambda x, y: x @ y.T / jnp.sum(x[:, 0] ** 2) / jnp.sum(y[:, 0] ** 2),
        "kernel must "),
)  # fmt: skip

PARAMETERS = (
    Bad("whole", "params", jnp.ones(2, int),
        "params must hold real floating-point numbers, got dtype int64.", TypeError),
    Bad("complex", "params", jnp.ones(2, complex),
        "params must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("nan", "params", jnp.asarray([1.0, jnp.nan]), "params holds 1 NaN or infinite value(s)"),
    Bad("empty", "params", (), "params holds no arrays: pass the initial parameters θ₀."),
    Bad("module", "params", module(),
        "take the arrays out, and join them to the rest in network, as networks.from_equinox and "
        "networks.from_flax do of a module.", TypeError),
)  # fmt: skip

POINTS = (
    Bad("images", "points", jnp.ones((4, 2, 2, 1)),
        "A point is a vector: flatten each, such as by x.reshape(len(x), -1)."),
    Bad("numbers", "points", jnp.ones(4), " must have the axes ("),
    Bad("whole", "points", jnp.ones((4, 2), int), " must hold real floating-point numbers",
        TypeError),
    Bad("complex", "points", jnp.ones((4, 2), complex), " must hold real floating-point numbers",
        TypeError),
    Bad("nan", "points", jnp.full((4, 2), jnp.nan), " holds 8 NaN or infinite value(s) among "),
)  # fmt: skip

LABELS = (
    Bad("column", "labels", jnp.ones((Q, 1)), "target must have the axes ("),
    Bad("short", "labels", jnp.ones(Q - 1), " entries and "),
    Bad("complex", "labels", jnp.ones(Q, complex), "target must hold real floating-point numbers",
        TypeError),
    Bad("classes", "labels", jnp.arange(Q), "target must hold real floating-point numbers",
        TypeError),
    Bad("nan", "labels", jnp.full(Q, jnp.nan), "target holds 8 NaN or infinite value(s)"),
)  # fmt: skip

SAMPLERS = (
    Bad("dimension", "sampler", sampler(lambda key, n: jax.random.normal(key, (n, 3))),
        "sampler(key, n) must return n points of the nodes' space, shape (8, 2) for n = 8, but "
        "returns shape (8, 3)."),
    Bad("one point", "sampler", sampler(lambda key, n: jax.random.normal(key, (2,))),
        "sampler(key, n) must have the axes (n, d), got shape (2,)."),
    Bad("count", "sampler", sampler(lambda key, n: jnp.ones((n + 1, 2))),
        "but returns shape (9, 2)."),
    Bad("single precision", "sampler", sampler(lambda key, n: jnp.ones((n, 2), jnp.float32)),
        "sampler(key, n) must be as precise as the nodes, of float64, but returns float32: draw "
        "with dtype=float64.", TypeError),
    Bad("whole", "sampler", sampler(lambda key, n: jnp.ones((n, 2), int)),
        "sampler(key, n) must hold real floating-point numbers, got dtype int64.", TypeError),
    Bad("nan", "sampler", sampler(lambda key, n: jnp.full((n, 2), jnp.nan)), "holds "),
)  # fmt: skip

FORMS = (
    Bad("column", "values", jnp.ones((Q, 1)), "got shape (8, 1)."),
    Bad("short", "values", jnp.ones(Q - 1), "measure"),
)

PROFILES = (
    Bad("values", "profile", jnp.ones(Q), "profile must be a function of t ∈ [−1, 1], t ↦ g(t), "
        "got an array of shape (8,).", TypeError),
    Bad("column", "profile", lambda t: t[:, None],
        "profile must return one number for each t, shape (512,), but returns shape (512, 1)"),
    Bad("complex", "profile", lambda t: t.astype(complex),
        "profile(t) must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("nan", "profile", lambda t: jnp.sqrt(t), "profile(t) holds 256 NaN or infinite value(s)"),
)  # fmt: skip

ACTIVATIONS = (
    Bad("values", "activation", jnp.ones(Q), "activation must be a function of numbers, u ↦ ω(u), "
        "or a name, got an array of shape (8,).", TypeError),
    Bad("column", "activation", lambda u: u[:, None],
        "activation must return one number for each it is given, shape (417,), but returns "),
    Bad("complex", "activation", lambda u: u.astype(complex),
        "activation(u) must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("nan", "activation", lambda u: jnp.sqrt(u), "activation(u) holds 208 NaN"),
    Bad("corner", "activation", jnp.abs, "activation must be analytic near the real axis, but 512"),
)  # fmt: skip

PRODUCTS = (
    Bad("column", "product", lambda v: v[:, None], "product(V) must have the axes (q, b)"),
    Bad("complex", "product", lambda v: v.astype(complex),
        "product(V) must hold real floating-point numbers, got dtype complex128.", TypeError),
    Bad("asymmetric", "product", lambda v: jnp.roll(v, 1),
        "product must be that of a symmetric matrix in float64"),
)  # fmt: skip

BUILDS = (
    Bad("number", "build", 4, "network must be a function of the width, m ↦ Network, got 4.",
        TypeError),
    Bad("apply", "build", lambda m: lambda theta, x: x @ theta,
        "network must be a function of the width, m ↦ Network, but returns a function", TypeError),
)  # fmt: skip

BAD = (
    *TARGETS, *NETWORKS, *KERNELS, *PARAMETERS, *POINTS, *LABELS, *SAMPLERS, *FORMS, *PROFILES,
    *ACTIVATIONS, *PRODUCTS, *BUILDS,
)  # fmt: skip
"""Every bad input."""

MEASURES: dict[str, tuple[dict[str, Any], str, type[Exception]]] = {
    "weights of 1": ({"weights": jnp.ones(Q)},
                     "weights must be positive and sum to 1, got a sum of 8", ValueError),
    "a negative weight": ({"weights": jnp.asarray([1.5, -0.5, *[0.0] * 6])},
                          "weights must be positive and sum to 1, got a sum of 1", ValueError),
    "too few weights": ({"weights": jnp.full(4, 0.25)},
                        "weights has 4 entries and nodes has 8: they must agree.", ValueError),
    "a column of weights": ({"weights": jnp.full((Q, 1), 1 / Q)},
                            "weights must have the axes (q), got shape (8, 1).", ValueError),
    "a NaN weight": ({"weights": jnp.full(Q, jnp.nan)}, "weights holds 8 NaN", ValueError),
    "NaN nodes": ({"nodes": jnp.full((Q, 2), jnp.nan)}, "nodes holds 16 NaN", ValueError),
    "angles as nodes": ({"nodes": jnp.ones(Q)}, "nodes must have the axes (q, d), got shape (8,).",
                        ValueError),
    "images as nodes": ({"nodes": jnp.ones((Q, 2, 2, 1))}, "A point is a vector: flatten each",
                        ValueError),
    "whole nodes": ({"nodes": jnp.ones((Q, 2), int)},
                    "nodes must hold real floating-point numbers, got dtype int64.", TypeError),
    "complex weights": ({"weights": jnp.full(Q, 1 / Q, complex)},
                        "weights must hold real floating-point numbers", TypeError),
    "points for a sampler": ({"sampler": jnp.ones((Q, 2))},
                             "sampler must be a function (key, n) ↦ n points, got ", TypeError),
}  # fmt: skip
"""What no measure may be made of, and what is said."""
