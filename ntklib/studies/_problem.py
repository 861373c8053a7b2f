r"""The learning problems of the studies, and of chapters that follow one network: ρ, f* and T_K.

Public names are in `studies`.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, datasets, kernels, measures, spectrum, targets
from ntklib.measures import Measure
from ntklib.networks import _door
from ntklib.networks._architectures import ARCHITECTURES, build
from ntklib.networks._network import Kernel, Target
from ntklib.spectrum import Eigensystem

TARGET = targets.FourierSum((0, 1, 2, 3, 4), (0.5,) * 5, phases=(0.0, 0.5, 1.0, 2.0, 3.0))
"""f* of the studies on the circle: the frequencies 0 to 4, each with the amplitude 1/2."""

SIDE = 8
"""Pixels along a side of the digits."""
CLASSES = ("0", "1")
"""The digits that are told apart."""

OTHER_KERNELS: dict[str, Kernel] = {
    "K∞ of depth 3": ARCHITECTURES["fully connected, depth 3"](1).kernel,
    "RBF, ℓ = 1": lambda x1, x2: kernels.rbf(x1, x2, lengthscale=1.0),
}
r"""What Theorem 1 is measured with on the circle besides a network's own $K^\infty$."""


@dataclass(frozen=True)
class Problem:
    """An input distribution ρ, by how many nodes it has, and what is learned on it.

    Attributes:
      shape: of an input, for networks: (d,), or (height, width, channels).
      measure: number of nodes ↦ ρ.
      target: ρ ↦ f*.
    """

    shape: tuple[int, ...]
    measure: Callable[[int], Measure]
    target: Callable[[Measure], Target]

    def initial(self, rho: Measure) -> Float[Array, " q"]:
        """Returns r₀ = −f* at the nodes."""
        return -self.target(rho)(rho.nodes)


def of(point: Mapping[str, Any]) -> tuple[str, Problem]:
    """Returns the measure of a study's point by name, and what it is; the circle if it has none."""
    name = point.get("measure", "circle")
    return name, named(name)


def named(name: str) -> Problem:
    """Returns one of `MEASURES`, or says which there are."""
    return MEASURES[_arguments.choice("measure", name, MEASURES)]


def other_kernels(measure: str) -> dict[str, Kernel]:
    """Returns what Theorem 1 is measured with on one of `MEASURES`, as `OTHER_KERNELS`."""
    if measure == "circle":
        return OTHER_KERNELS
    deep = build("fully connected, depth 3", 1, "erf", named(measure).shape)
    return OTHER_KERNELS | {"K∞ of depth 3": deep.kernel}


@functools.cache
def problem(
    architecture: str, nodes: int, activation: str = "erf", measure: str = "circle"
) -> tuple[Measure, Eigensystem, Any]:
    r"""Returns ρ, the eigensystem of $K^\infty$ on its nodes, and $K^\infty$.

    Args:
      architecture: one of `ARCHITECTURES`.
      nodes: of ρ; at most so many on the sphere.
      activation: of the network.
      measure: one of `MEASURES`.

    Raises:
      ValueError: the architecture, the activation or the measure is unknown.

    Example:
      >>> from ntklib import studies
      >>> circle, system, kernel = studies.problem("fully connected, depth 1", 8)
      >>> system.functions.shape
      (8, 8)
    """
    kernel = build(architecture, 1, activation, named(measure).shape).kernel
    rho, _, system = operator(kernel, nodes, measure)
    return rho, system, kernel


def operator(
    kernel: Kernel, nodes: int, measure: str = "circle"
) -> tuple[Measure, Float[Array, "q q"], Eigensystem]:
    """Returns ρ, a kernel's Gram matrix on its nodes, and the eigensystem of T_K."""
    _door.kernel_function(kernel)
    return _operator_of(kernel, nodes, measure)


@functools.cache
def _operator_of(
    kernel: Kernel, nodes: int, measure: str
) -> tuple[Measure, Float[Array, "q q"], Eigensystem]:
    rho = named(measure).measure(nodes)
    _door.look_at_kernel(kernel, rho.nodes)
    gram = _door.gram_of(kernel, rho.nodes, rho.nodes)
    return rho, gram, spectrum.nystrom(gram, rho)


def times_up_to(horizon: float, count: int) -> Float[Array, " s"]:
    """Returns times from 0.01 to the horizon in equal ratios.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> np.asarray(studies.times_up_to(1.0, 3)).round(6).tolist()
      [0.01, 0.1, 1.0]
    """
    return jnp.geomspace(0.01, horizon, count)


@functools.cache
def _circle(nodes: int) -> Measure:
    return measures.circle(nodes)


def _waves(_: Measure) -> Target:
    return TARGET


@functools.cache
def _sphere(nodes: int) -> Measure:
    """Returns the largest rule on S² of at most so many nodes."""
    most = _checks.whole_number("nodes", nodes, least=6)
    degree = 2
    while (degree + 2) * ((degree + 1) // 2 + 1) <= most:
        degree += 1
    return measures.sphere(3, degree)


def _zonal(_: Measure) -> Target:
    """Degrees 0 to 3 along one direction, each of the mean square 1/4."""
    amplitudes = tuple(0.5 * (2 * k + 1) ** 0.5 for k in range(4))  # N(3, k) = 2k + 1
    return targets.ZonalSum(
        range(4), amplitudes, jnp.tile(jnp.asarray([1.0, 2.0, 2.0]) / 3, (4, 1))
    )


@functools.cache
def _digits(nodes: int) -> Measure:
    return measures.empirical(_images(nodes)[0], name="digits 0 and 1")


def _labels(digits: Measure) -> Target:
    points, values = _images(digits.nodes.shape[0])
    return targets.Labels(points, values)


@functools.cache
def _images(count: int) -> tuple[Float[Array, "q d"], Float[Array, " q"]]:
    """Returns as many images of both classes, of norm √d, and their labels ±1/4."""
    images = datasets.digits()
    half = _checks.whole_number("nodes", count, least=2, most=1000) // 2
    chosen = np.concatenate(
        [np.flatnonzero(images.labels == images.classes.index(c))[:half] for c in CLASSES]
    )
    points = images.points(chosen, size=SIDE, dtype=jnp.float64)
    points = points * (SIDE / jnp.linalg.norm(points, axis=1, keepdims=True))
    return points, jnp.where(jnp.asarray(images.labels[chosen]) == 0, 0.25, -0.25)


MEASURES: dict[str, Problem] = {
    "circle": Problem((2,), _circle, _waves),
    "sphere": Problem((3,), _sphere, _zonal),
    "digits": Problem((SIDE, SIDE, 1), _digits, _labels),
}
"""Input distributions by name, each with the target that is learned on it. "circle" is uniform,
with the frequencies 0 to 4; "sphere" is S², uniform, with a zonal sum of the degrees 0 to 3;
"digits" is the empirical distribution of 8×8 images of the digits 0 and 1 in `datasets.digits`,
scaled to the norm √d, with the labels ±1/4. Each has the `shape` of an input, and as functions
its `measure(nodes)` and its `target(measure)`."""
