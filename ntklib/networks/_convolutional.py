"""Convolutional networks: the source's, and the LeNet-5 of Figure 2."""

import math
from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.networks import _layers, _network, _neural_tangents
from ntklib.networks._deviations import Deviations, deviations
from ntklib.networks._layers import Affine
from ntklib.networks._network import Network
from ntklib.networks.activations import Activation, named

PADDINGS = ("SAME", "CIRCULAR", "VALID")


def convolutional(
    shape: Sequence[int],
    channels: Sequence[int],
    activation: str | Activation = "erf",
    *,
    filter_size: int = 3,
    padding: str = "SAME",
    biases: bool = False,
    weight_std: float = 1.0,
    bias_std: float | None = None,
    parameterization: str = "ntk",
    outputs: int | None = None,
    dtype: Any = None,
) -> Network:
    r"""A convolutional network of any depth on signals or images.

    $\alpha^{(l)} = \omega(W^{(l)} * \alpha^{(l-1)}/\sqrt{m_{l-1}} + b^{(l)})$ with m_l channels
    and stride 1, $f = v^T\alpha^{(L)}/\sqrt{m_L} + c$ with an entry of v for each channel and
    position, all parameters N(0, 1). As in the source (slide "Architectures") only the channels
    are in the scaling: filter and image are constants, which $K^\infty$ grows with.

    Args:
      shape: of an input, (length, channels) or (height, width, channels). Networks take points of
        shape (n, d) with d the product of these numbers, the last axis the fastest.
      channels: m₁, …, m_L.
      activation: the name of ω, a key of `activations.ACTIVATIONS`, or what `activations.by_series`
        made of it.
      filter_size: length of the filters along every axis.
      padding: "SAME" (zeros around), "CIRCULAR" or "VALID" (none).
      biases: whether there are b⁽ˡ⁾, one a channel, and c.
      weight_std: σ_w, the deviation that W and v are multiplied by; 1 in the source.
      bias_std: σ_b, that of b and c; a network with it has biases. None is 1 with `biases`.
      parameterization: "ntk" or "standard", as in `fully_connected`.
      outputs: None for a scalar f, else the number of outputs.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      The network; the same arguments give the same object.

    Raises:
      ValueError: the shape has not two or three axes, or the filters don't fit.

    Example:
      >>> from ntklib import networks
      >>> network = networks.convolutional((8, 8, 1), (4, 4), filter_size=3)
      >>> network.parameters  # 4·1·9 + 4·4·9 + 4·64
      436
    """
    extent = _arguments.whole_numbers("shape", shape, "(28, 28, 1)", least=1)
    if len(extent) not in (2, 3):
        raise ValueError(
            f"shape must be (length, channels) or (height, width, channels), got {tuple(shape)}."
        )
    sizes = _arguments.whole_numbers("channels", channels, "(16, 16)", least=1)
    filter_size = _checks.whole_number("filter_size", filter_size, least=1)
    _arguments.choice("padding", padding, PADDINGS)
    named(activation)
    lost = {"VALID": (filter_size - 1) * len(sizes), "CIRCULAR": filter_size - 1, "SAME": 0}
    if lost[padding] >= min(extent[:-1]):
        raise ValueError(
            f"filter_size = {filter_size} is too large for shape = {extent}, {len(sizes)} layers "
            f"and padding {padding!r}: give smaller filters or larger images."
        )
    return _convolutional(
        extent, sizes, activation, filter_size, padding,
        deviations(biases, weight_std, bias_std, parameterization, (extent[-1], *sizes)),
        _network.readout(outputs), _arguments.float_type(dtype),
    )  # fmt: skip


@_network.made_by
def _convolutional(
    shape: tuple[int, ...],
    channels: tuple[int, ...],
    activation: str | Activation,
    size: int,
    padding: str,
    deviations: Deviations,
    readout: tuple[int, ...],
    dtype: Any,
) -> Network:
    omega = named(activation)
    depth = len(channels)
    sizes = (shape[-1], *channels)
    lost = (size - 1) * depth if padding == "VALID" else 0
    positions = math.prod(length - lost for length in shape[:-1])
    across = (size,) * (len(shape) - 1)
    filters = [(m, before, *across) for before, m in zip(sizes[:-1], channels, strict=True)]
    last = (*readout, channels[-1] * positions)
    window = _layers.Window(size, padding)

    def forward(params: PyTree, x: Float[Array, "n d"], affine: Affine) -> Float[Array, "n *o"]:
        alpha, through = _layers.image(x, shape), deviations.layer(affine)
        for layer, m in zip(params[:-1], sizes, strict=False):
            alpha = omega.function(through(layer, alpha, m, window))
        return through(params[-1], alpha.reshape(-1, x.shape[0]), channels[-1]).T

    return _network.layered(
        name=_network.title(f"convolutional {size}-wide", channels, activation, deviations),
        width=min(channels),
        init=_network.standard_normal([*filters, last], deviations, dtype),
        forward=forward,
        kernel=_network.analytic(
            _neural_tangents.convolutional_kernel, activation, depth, deviations,
            shape=shape, size=size, padding=padding, positions=positions,
        ),
        d=math.prod(shape),
    )  # fmt: skip


def lenet5(output: int | None = 0, dtype: Any = None) -> Network:
    """The LeNet-5 of Figure 2, on 32×32 grey images (d = 1024) with values in [0, 1].

    Convolution 1 → 6, ReLU, max-pooling; two parallel blocks (convolution 6 → 16, ReLU,
    max-pooling) whose outputs are added; convolution 16 → 120, ReLU; dense 120 → 84, ReLU; dense
    84 → 10. Filters are 5×5 without padding, pooling is 2×2. Parameters are drawn as PyTorch does
    by default: uniform on ±1/√fan-in (the authors' public code, bbowman223/deepspec). Weights
    have PyTorch's shapes.

    Args:
      output: the coordinate of the output that is f; None for all ten.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      The network. Its widths are fixed and max-pooling has no analytic kernel, so neither has it.

    Raises:
      ValueError: output is not between 0 and 9.

    Example:
      >>> from ntklib import networks
      >>> networks.lenet5().parameters
      64122
    """
    if output is not None:
        output = _checks.whole_number("output", output, least=0, most=9)
    return _lenet5(output, _arguments.float_type(dtype))


@_network.made_by
def _lenet5(output: int | None, dtype: Any) -> Network:
    shapes = {
        "c1": (6, 1, 5, 5),
        "c2_1": (16, 6, 5, 5),
        "c2_2": (16, 6, 5, 5),
        "c3": (120, 16, 5, 5),
        "f4": (84, 120),
        "f5": (10, 84),
    }

    def init(key: Any) -> PyTree:
        keys = jax.random.split(_arguments.key("key", key), len(shapes))
        return {
            name: _layers.uniform(each, shape, dtype)
            for (name, shape), each in zip(shapes.items(), keys, strict=True)
        }

    def forward(params: PyTree, x: Float[Array, "n d"], affine: Affine) -> Float[Array, "n *o"]:
        window = _layers.Window(5, "VALID")

        def block(name: str, images: Array) -> Array:
            return _layers.max_pool(jax.nn.relu(affine(params[name], images, 1.0, window)))

        first = block("c1", _layers.image(x, (32, 32, 1)))
        second = block("c2_1", first) + block("c2_2", first)
        # The last convolution covers the whole image: a dense layer, positions within channels.
        third = jax.nn.relu(affine(params["c3"], second.reshape(-1, x.shape[0]), 1.0))
        fourth = jax.nn.relu(affine(params["f4"], third, 1.0))
        scores = affine(params["f5"], fourth, 1.0)
        return scores.T if output is None else scores[output]

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        raise NotImplementedError(
            "LeNet-5 has no analytic kernel (max-pooling has none): use kernels.empirical()."
        )

    return _network.layered("LeNet-5", 6, init, forward, kernel, d=32**2)
