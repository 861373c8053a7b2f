r"""The mean of $\hat\epsilon$ over draws as $T \to 0$: a law in three numbers, without training.

As $T \to 0$ the least ε of Corollary 2 tends to $\|(T_{K^\infty} - T_n^0)\,r_0\|^2$, and since it
is a supremum over t ≤ T, no T makes it smaller. With $\Delta = K_0 - K^\infty$ its mean over
independent θ₀ and samples is $A + (B + C)/n$,

$$A = E\|T_\Delta r_0\|^2, \quad
B = \iint K^\infty(x,s)^2 r_0(s)^2 - \|T_{K^\infty}r_0\|^2, \quad
C = E\iint \Delta(x,s)^2 r_0(s)^2 - A .$$

Given θ₀, $T_n^0 r_0(x)$ is a mean of n independent $K_0(x, S)\,r_0(S)$, so the square splits into
$\|T_\Delta r_0\|^2$ and $\frac1n(\iint K_0^2r_0^2 - \|T_{K_0}r_0\|^2)$; terms linear in Δ have
mean 0. With one hidden layer Δ is a mean of m independent terms, one a neuron, and $A = a/m$,
$B = b$, $C = c/m$ exactly.

`images` has the functions $T_n^0 r_0$ themselves, of as many draws as a small probability needs.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks
from ntklib.dynamics import pools
from ntklib.kernels import tangent_kernels
from ntklib.measures import Measure
from ntklib.networks import Network, _door, _outputs, _parameters
from ntklib.theory import _start_law
from ntklib.theory._images import images
from ntklib.theory._start_law import StartLaw

__all__ = ["images", "neuron_law", "sample_constant", "start_law"]

BLOCK = 2**11
"""Neurons whose kernels are held at once, 64 MB of them at 64 nodes."""
OUTGOING = ((0.0, 2 / 3), (math.sqrt(3), 1 / 3))
"""Points |v| and weights that integrate 1, v² and v⁴ over N(0, 1) exactly."""


def start_law(
    initial_kernels: Float[Array, "b q q"],
    gram: Float[Array, "q q"],
    initial: Float[Array, " q"],
    measure: Measure,
    *,
    width: int,
) -> StartLaw:
    r"""Finds the three numbers from kernels at initialization.

    Args:
      initial_kernels: K₀ of independent initializations at the nodes, shape (b, q, q), as from
        `kernels.initial_kernels`.
      gram: $K^\infty$ at the nodes, shape (q, q).
      initial: r₀ at the nodes, shape (q,); −f* with antisymmetric initialization.
      measure: ρ.
      width: m of the networks that the kernels are of. With one hidden layer the numbers are those
        of every width; with several they are those of this one.

    Returns:
      The law, which is called with m and n, arrays or ∞. Its `a`, `b` and `c` are A·m, B and C·m: b
      is exact up to the quadrature, a and c are means over the draws, with the standard errors
      `a_error` and `c_error`. `width_part(m)` is a/m, `sample_part(m, n)` is (b + c/m)/n.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: fewer than two draws, wrong shapes, NaN or infinite values, width is less than 1,
        or x64 is off.

    Example:
      >>> import jax
      >>> from ntklib import kernels, measures, networks
      >>> from ntklib.theory import onset
      >>> network, circle = networks.fully_connected(2, (4,), biases=True), measures.circle(8)
      >>> grams = kernels.initial_kernels(network, circle.nodes, jax.random.key(0), draws=2)
      >>> limit = kernels.analytic(network, circle.nodes)
      >>> law = onset.start_law(grams, limit, -circle.nodes[:, 0], circle, width=4)
      >>> law.a > 0, law.b > 0
      (True, True)
      >>> bool(law(4, 10) == law.width_part(4) + law.sample_part(4, 10))
      True
    """
    _checks.require_x64("A difference of kernels")
    m = _checks.whole_number("width", width, least=1)
    grams = _checks.real_array("initial_kernels", initial_kernels, "b q q")
    limit = _checks.real_array("gram", gram, "q q")
    start = _checks.real_array("initial", initial, "q")
    draws, q = grams.shape[:2]
    if draws < 2:
        raise ValueError(f"initial_kernels must hold at least 2 draws, got {draws}.")
    for name, length in (
        ("initial_kernels' last axis", grams.shape[2]),
        ("initial_kernels' second axis", q),
        ("gram", limit.shape[0]),
        ("initial", start.shape[0]),
    ):
        _checks.same_length(name, length, "measure", measure.weights.shape[0])
    a, c = (
        np.asarray(m * part)
        for part in _start_law.parts(grams - limit[None], start, measure.weights)
    )
    return _start_law.of_means(a, float(sample_constant(limit, start, measure)), c)


def neuron_law(
    network: Callable[[int], Network],
    initial: Float[Array, " q"],
    measure: Measure,
    key: Any,
    *,
    neurons: int,
) -> StartLaw:
    r"""Finds the three numbers of networks with one hidden layer, neuron by neuron.

    $\Delta$ is then a mean over neurons, $m\,E\|T_\Delta r_0\|^2 = E\|T_{\Delta_i}r_0\|^2$, and a
    neuron's kernel is $\Delta_i + K^\infty = K_1 + v_i^2K_2$ with $K_1, K_2$ free of its outgoing
    weight. The squares ask only for $E v^2 = 1$ and $E v^4 = 3$, so v, whose fourth power is most
    of the spread, is integrated and not drawn: a's standard error is a fifth of what as many
    neurons with weights of their own give.

    Args:
      network: width ↦ `networks.fully_connected` with one hidden layer; antisymmetric
        initialization has the same kernels and is left out.
      initial: r₀ at the nodes, shape (q,); −f* with antisymmetric initialization.
      measure: ρ.
      key: a `jax.random.key`.
      neurons: how many are drawn, in blocks of 2048 unless fewer are asked for.

    Returns:
      The law of every width. b is exact up to the quadrature, a and c are means over the neurons.

    Raises:
      TypeError: key is none of `jax.random.key`, neurons is no whole number, network is no
        function to networks, or initial is not of floating-point numbers.
      ValueError: fewer than two neurons, a network of another form, a wrong shape, NaN or infinite
        values, or x64 is off.

    Example:
      >>> import jax
      >>> from ntklib import measures, networks
      >>> from ntklib.theory import onset
      >>> network = lambda m: networks.fully_connected(2, (m,), biases=True)
      >>> circle = measures.circle(8)
      >>> law = onset.neuron_law(
      ...     network, -circle.nodes[:, 0], circle, jax.random.key(0), neurons=64
      ... )
      >>> law.a > 5 * law.a_error > 0
      True
    """
    _checks.require_x64("A difference of kernels")
    count = _checks.whole_number("neurons", neurons, least=2)
    start = _checks.real_array("initial", initial, "q")
    _checks.at_nodes("initial", start, measure.weights)
    key, single = _arguments.key("key", key), _outputs.network_of(network, 1)
    limit = _door.gram_of(single.kernel, measure.nodes, measure.nodes)
    blocks = [min(BLOCK, count - first) for first in range(0, count, BLOCK)]
    found = [
        _of_neurons(network, single, limit, start, measure, jax.random.fold_in(key, index), size)
        for index, size in enumerate(blocks)
    ]
    a, c = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _start_law.of_means(a, float(sample_constant(limit, start, measure)), c)


def _of_neurons(
    network: Callable[[int], Network], single: Network, limit: Array, start: Array,
    measure: Measure, key: Any, count: int,
) -> list[np.ndarray]:  # fmt: skip
    """Returns a and c of each neuron, the mean over its outgoing weight."""
    drawn = _parameters.starts(_outputs.network_of(network, count), key[None])
    if not (isinstance(drawn, list) and len(drawn) == 2):
        raise ValueError(
            "network must be m ↦ networks.fully_connected(d, (m,), …), with one hidden layer and "
            f"without antisymmetric initialization, got {single!r}."
        )
    hidden, outgoing = pools.cut(drawn, 1)
    points = jnp.broadcast_to(measure.nodes, (count, *measure.nodes.shape))
    parts = np.zeros((2, count))
    for size, weight in OUTGOING:
        last = outgoing | {"weight": jnp.full_like(outgoing["weight"], size)}
        grams = tangent_kernels(single, [hidden, last], points)
        parts += weight * np.stack(_start_law.parts(grams - limit[None], start, measure.weights))
    return list(parts)


def sample_constant(
    gram: Float[Array, "q q"], initial: Float[Array, " q"], measure: Measure
) -> Float[Array, ""]:
    r"""Returns $b = \iint K(x,s)^2r_0(s)^2 - \|T_Kr_0\|^2$, the whole law at m = ∞ times n.

    Args:
      gram: K at the nodes, shape (q, q).
      initial: r₀ at the nodes, shape (q,).
      measure: ρ.

    Raises:
      TypeError: the arrays are not floating-point numbers.
      ValueError: wrong shapes, or NaN or infinite values.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import measures
      >>> from ntklib.theory import onset
      >>> two = measures.empirical(jnp.array([[-1.0], [1.0]]))
      >>> float(onset.sample_constant(jnp.ones((2, 2)), jnp.array([1.0, 0.0]), two))  # 1/2 − 1/4
      0.25
    """
    _checks.real_array("gram", gram, "q q")
    _checks.real_array("initial", initial, "q")
    for name, values in (("gram", gram), ("initial", initial)):
        _checks.at_nodes(name, values, measure.weights)
    return _start_law.parts(gram, initial, measure.weights)[1]
