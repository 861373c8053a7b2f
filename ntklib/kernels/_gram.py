"""Gram matrices of kernels, and distances between them."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks
from ntklib.kernels import _routes
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _network, _outputs, _parameters
from ntklib.networks._network import Apply

DEFAULT_BUDGET = 2**30
"""Bytes that a computation of a Gram matrix may hold besides its input and result."""


def analytic(
    network: Network, x1: Float[Array, "n d"], x2: Float[Array, "k d"] | None = None
) -> Float[Array, "n k"]:
    r"""The analytic kernel $K^\infty(x, x') = E[K_0(x, x')]$, the infinite-width limit of K₀.

    Args:
      network: gives the architecture; its width plays no part.
      x1: points, shape (n, d).
      x2: points, shape (k, d); x1 by default.

    Returns:
      The Gram matrix, shape (n, k). Of fully connected ReLU and erf networks (and residual erf
      ones) every entry is exact to about ε times the depth, relative to the diagonal, and so are
      derivatives by the points; erf of nearly equal points x with |x| ≫ √d to ε·|x|/√d. Of other
      networks an entry is exact to about 10⁻¹² of the largest, with two exceptions: ReLU after a
      convolution tells small angles of patches to √ε, unless whole images coincide; tanh and
      softplus are as exact while the variances of the preactivations stay below 4 and 16
      (`_hermite.moments` has the errors beyond). It is computed in tiles: besides the points and
      twice the result this holds 100 MB or so (with tanh or softplus after a convolution 600 MB),
      whatever n, k and the size of images. `studies.gram` has it in a file, for results that the
      memory doesn't hold or that take hours.

    Raises:
      ImportError: neural-tangents is not installed, and the activation isn't ReLU or erf.
      NotImplementedError: the network has no analytic kernel.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import kernels, networks
      >>> network = networks.fully_connected(2, (1,), "relu")
      >>> gram = kernels.analytic(network, jnp.eye(2))
      >>> # With φ the angle, (2(π − φ)cos φ + sin φ)/(2πd): 1/2 and 1/(4π) for d = 2.
      >>> np.asarray(gram).round(4).tolist()
      [[0.5, 0.0796], [0.0796, 0.5]]
    """
    first, second = points_of(x1, x2)
    if getattr(network, "kernel", None) is None:
        raise NotImplementedError(
            "network has no analytic kernel: give one as Network.kernel, or use kernels.empirical."
        )
    _door.look_at_kernel(network.kernel, first)
    return _door.gram_of(network.kernel, first, second)


def empirical(
    network: Network | Apply,
    params: PyTree,
    x1: Float[Array, "n d"],
    x2: Float[Array, "k d"] | None = None,
    *,
    method: str = "auto",
    memory_budget: int = DEFAULT_BUDGET,
) -> Float[Array, "n k *oo"]:
    r"""The tangent kernel of a finite network at θ.

    $K(x, x') = \langle\nabla_\theta f(x;\theta), \nabla_\theta f(x';\theta)\rangle$, by one of

    - "layers": the gradient by an affine layer's weights is $\sum_p D_pA_p^T$ over its positions p
      (one position in a dense layer), A its inputs and D the derivatives of f by its outputs. So a
      dense layer contributes $(A^TA)\circ(D^TD)$, and a convolution either
      $\sum_{pp'}(A_p^TA_{p'})\circ(D_p^TD_{p'})$ or the Gram matrix of its gradients, whichever
      takes fewer operations. Needs a `Network` whose layers are known.
    - "jacobian": the Gram matrix of the rows of the Jacobian, p operations an entry.
    - "products": columns $J(J^Te_j)$, which hold two vectors of length p at once: slower, for
      networks whose gradients don't fit the budget otherwise.

    "auto" takes the first of these by operations that the network and the budget allow.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ) that returns shape (n,), or (n, o) for o
        outputs, for x of shape (n, d).
      params: θ, any pytree of floating-point arrays; p numbers in all.
      x1: points, shape (n, d).
      x2: points, shape (k, d); x1 by default.
      method: "auto", "layers", "jacobian" or "products".
      memory_budget: bytes for all that is held besides θ, the points and the result.

    Returns:
      The Gram matrix, shape (n, k); with o outputs (n, k, o, o), whose entry [i, j, a, b] is
      $\langle\nabla_\theta f_a(x_i), \nabla_\theta f_b(x'_j)\rangle$.

    Raises:
      ValueError: layers that aren't known, or a budget that is too small.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels
      >>> linear = lambda theta, x: x @ theta  # whose gradient is x
      >>> x = jnp.array([[1.0, 0.0], [1.0, 2.0]])
      >>> kernels.empirical(linear, jnp.zeros(2), x).tolist()
      [[1.0, 1.0], [1.0, 5.0]]
    """
    first, second = points_of(x1, x2)
    sets = (first,) if x2 is None else (first, second)
    budget = _checks.whole_number("memory_budget", memory_budget, least=1)
    apply, forward = _network.functions(network)
    _parameters.dtype_of(params, mixed=True)
    shape = _outputs.outputs_of(network, params, first)
    route = _routes.choose(apply, forward, params, sets, math.prod(shape), method, budget)
    gram = route.gram(sets)
    return jnp.asarray(gram.transpose(0, 2, 1, 3) if shape else gram[:, 0, :, 0])


def rbf(
    x1: Float[Array, "n d"], x2: Float[Array, "k d"], lengthscale: float
) -> Float[Array, "n k"]:
    r"""The Gaussian kernel $\exp(-\|x - x'\|^2/(2\ell^2))$.

    Args:
      x1: points, shape (n, d).
      x2: points, shape (k, d).
      lengthscale: ℓ > 0, in the units of x.

    Returns:
      The Gram matrix, shape (n, k), from differences of the points: exact to rounding of each
      exponent, however far the points lie from 0.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import kernels
      >>> x = jnp.array([[0.0], [2.0]])
      >>> np.asarray(kernels.rbf(x, x, lengthscale=2.0)).round(
      ...     4
      ... ).tolist()  # e^(−1/2) off the diagonal
      [[1.0, 0.6065], [0.6065, 1.0]]
    """
    first, second = points_of(x1, x2)
    scale = _checks.positive("lengthscale", lengthscale)
    return _gaussian(first, second, jnp.asarray(scale, first.dtype))


@jax.jit
def _gaussian(first: Array, second: Array, scale: Array) -> Float[Array, "n k"]:
    """Returns the Gaussian kernel, compiled so that the differences are never held together.

    ‖x‖² + ‖x'‖² − 2⟨x, x'⟩ would be quicker, and lose the distance of points far from 0.
    """
    steps = (first[:, None, :] - second[None, :, :]) / scale
    return jnp.exp(-jnp.sum(steps**2, axis=-1) / 2)


def distance(
    gram_1: Float[Array, "*#b q q"], gram_2: Float[Array, "*#b q q"], measure: Measure
) -> Float[Array, "*b"]:
    r"""The distance $\|K - L\|_{L^2(\rho\otimes\rho)} = (\sum_{ij} w_i w_j (K-L)_{ij}^2)^{1/2}$.

    Args:
      gram_1: K at the measure's nodes, one or several, shape (..., q, q).
      gram_2: L at the measure's nodes, as many, or with axes of length 1 for all of them.
      measure: ρ.

    Returns:
      The distances, shape (...).

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import kernels, measures
      >>> circle = measures.circle(4)
      >>> float(kernels.distance(jnp.eye(4), jnp.zeros((4, 4)), circle))
      0.5
    """
    q = measure.weights.shape[0]
    for name, gram in (("gram_1", gram_1), ("gram_2", gram_2)):
        if _checks.real_array(name, gram).shape[-2:] != (q, q):
            raise ValueError(
                f"{name} must have shape ({q}, {q}), one row a node of the measure, "
                f"got {gram.shape}."
            )
    return measure.norm(measure.norm(gram_1 - gram_2))


def points_of(x1: Any, x2: Any) -> tuple[Array, Array]:
    first = _checks.real_array("x1", x1, "n d")
    second = first if x2 is None else _checks.real_array("x2", x2, "k d")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"x1 and x2 must be points of the same space, got dimensions {first.shape[1]} "
            f"and {second.shape[1]}."
        )
    return first, second
