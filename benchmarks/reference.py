"""Inputs with exact results, which both sides of a row are held against."""

from pathlib import Path
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import mpmath
import numpy as np

from benchmarks import inputs
from ntklib import measures, networks, spectrum, targets

jax.config.update("jax_enable_x64", True)

TARGET = targets.FourierSum((0, 1, 2, 3, 4), (0.5,) * 5, phases=(0.0, 0.5, 1.0, 2.0, 3.0))


def sphere(folder: Path, size: dict[str, Any]) -> None:
    """Draws the points and writes one ReLU layer's eigenvalues, integrated with 30 digits."""
    inputs.sphere(folder, size)
    d = size["d"]
    order = mpmath.mpf(d - 2) / 2
    with mpmath.workdps(30):

        def kernel(phi: Any) -> Any:
            t = mpmath.cos(phi)
            return (mpmath.sin(phi) + 2 * (mpmath.pi - phi) * t) / (2 * mpmath.pi * d)

        def weight(phi: Any) -> Any:
            return mpmath.sin(phi) ** (d - 2)

        def value(k: int) -> float:
            at_one = mpmath.gegenbauer(k, order, 1)

            def integrand(phi: Any) -> Any:
                polynomial = mpmath.gegenbauer(k, order, mpmath.cos(phi)) / at_one
                return kernel(phi) * polynomial * weight(phi)

            return float(mpmath.quad(integrand, [0, mpmath.pi]) / total)

        total = mpmath.quad(weight, [0, mpmath.pi])
        values = [value(k) for k in range(size["degree"] + 1)]
    np.save(folder / "reference.npy", values)


def long_flow(folder: Path, size: dict[str, Any]) -> None:
    """Draws a network and writes where an explicit method of order 8 takes it on the circle.

    The unit of time, 1/σ₁ of the analytic kernel, is written beside it.
    """
    long_flow_start(folder, size)
    network, nodes = circle_network(size), measures.circle(size["n"]).nodes
    labels = TARGET(nodes)

    def descent(t: Any, theta: Any, args: None) -> Any:
        return jax.grad(lambda each: -0.5 * jnp.mean((network.apply(each, nodes) - labels) ** 2))(
            theta
        )

    end = size["horizon"] * float(np.load(folder / "unit.npy"))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(descent), diffrax.Dopri8(), 0.0, end, None, start(folder, size),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12), max_steps=10**6,
    )  # fmt: skip
    theta = jax.tree.map(lambda leaf: leaf[-1], solution.ys)
    np.save(folder / "reference.npy", network.apply(theta, nodes))


def long_flow_start(folder: Path, size: dict[str, Any]) -> None:
    """Draws a network and writes the unit of time alone."""
    network = circle_network(size)
    leaves = jax.tree.leaves(network.init(jax.random.key(0)))
    for index, leaf in enumerate(leaves):
        np.save(folder / f"leaf-{index}.npy", leaf)
    fastest = spectrum.circle(network.kernel, measures.circle(size["n"])).values[0]
    np.save(folder / "unit.npy", 1 / fastest)


def circle_network(size: dict[str, Any]) -> networks.Network:
    """The network of a long flow."""
    hidden = networks.fully_connected(2, (size["m"],), "erf", biases=True)
    return networks.antisymmetric(hidden)


def start(folder: Path, size: dict[str, Any]) -> Any:
    """Its initial parameters."""
    shapes = jax.eval_shape(circle_network(size).init, jax.random.key(0))
    leaves, tree = jax.tree.flatten(shapes)
    read = [jnp.load(folder / f"leaf-{index}.npy") for index in range(len(leaves))]
    return jax.tree.unflatten(tree, read)
