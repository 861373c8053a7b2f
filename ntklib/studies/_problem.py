r"""The learning problem of all studies, and of chapters that follow one network: on the circle.

Public names are in `studies`.
"""

import functools
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import kernels, measures, spectrum, targets
from ntklib.measures import Measure
from ntklib.networks import _door
from ntklib.networks._architectures import ARCHITECTURES, build
from ntklib.networks._network import Kernel
from ntklib.spectrum import Eigensystem

TARGET = targets.FourierSum((0, 1, 2, 3, 4), (0.5,) * 5, phases=(0.0, 0.5, 1.0, 2.0, 3.0))
"""f* of all studies, with the frequencies 0 to 4, each with the amplitude 1/2."""


OTHER_KERNELS: dict[str, Kernel] = {
    "K∞ of depth 3": ARCHITECTURES["fully connected, depth 3"](1).kernel,
    "RBF, ℓ = 1": lambda x1, x2: kernels.rbf(x1, x2, lengthscale=1.0),
}
r"""What Theorem 1 is measured with besides a network's own $K^\infty$."""


@functools.cache
def problem(
    architecture: str, nodes: int, activation: str = "erf"
) -> tuple[Measure, Eigensystem, Any]:
    r"""Returns the circle, the eigensystem of $K^\infty$ on its nodes, and $K^\infty$.

    Raises:
      ValueError: the architecture or the activation is unknown.

    Example:
      >>> from ntklib import studies
      >>> circle, system, kernel = studies.problem("fully connected, depth 1", 8)
      >>> system.functions.shape
      (8, 8)
    """
    kernel = build(architecture, 1, activation).kernel
    circle, _, system = operator(kernel, nodes)
    return circle, system, kernel


def operator(kernel: Kernel, nodes: int) -> tuple[Measure, Float[Array, "q q"], Eigensystem]:
    """Returns the circle, a kernel's Gram matrix on its nodes, and the eigensystem of T_K."""
    _door.kernel_function(kernel)
    return _operator_of(kernel, nodes)


@functools.cache
def _operator_of(kernel: Kernel, nodes: int) -> tuple[Measure, Float[Array, "q q"], Eigensystem]:
    _door.look_at_kernel(kernel, measures.circle(nodes).nodes)
    circle = measures.circle(nodes)
    gram = _door.gram_of(kernel, circle.nodes, circle.nodes)
    return circle, gram, spectrum.nystrom(gram, circle)


def times_up_to(horizon: float, count: int) -> Float[Array, " s"]:
    """Returns times from 0.01 to the horizon in equal ratios.

    Example:
      >>> import numpy as np
      >>> from ntklib import studies
      >>> np.asarray(studies.times_up_to(1.0, 3)).round(6).tolist()
      [0.01, 0.1, 1.0]
    """
    return jnp.geomspace(0.01, horizon, count)
