"""Fully connected and residual networks."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Array, Float, PyTree

from ntklib import _arguments, _checks
from ntklib.networks import _network, _neural_tangents
from ntklib.networks._deviations import Deviations, deviations
from ntklib.networks._layers import Affine
from ntklib.networks._network import Network
from ntklib.networks.activations import Activation, named


def fully_connected(
    d: int,
    widths: Sequence[int],
    activation: str | Activation = "erf",
    *,
    biases: bool = False,
    weight_std: float = 1.0,
    bias_std: float | None = None,
    parameterization: str = "ntk",
    outputs: int | None = None,
    dtype: Any = None,
) -> Network:
    r"""A fully connected network of any depth.

    $\alpha^{(0)} = x$, $\alpha^{(l)} = \omega(W^{(l)}\alpha^{(l-1)}/\sqrt{m_{l-1}} + b^{(l)})$,
    $f = v^T\alpha^{(L)}/\sqrt{m_L} + c$ with m₀ = d and every entry of W, b, v, c drawn from
    N(0, 1); without `biases` there are no b and c, as in the source (slide "Architectures").
    With deviations σ_w and σ_b every layer is $\sigma_wW\alpha/\sqrt m + \sigma_bb$.

    In standard parameterization a layer is $W\alpha + b$, with entries drawn from N(0, σ_w²/m) and
    N(0, σ_b²), as deep-learning libraries have it: the same f, whose gradient flow trains weights
    m/σ_w² and biases 1/σ_b² times as fast as in NTK scaling. So its tangent kernel has no limit:
    $\sum_l \frac{m_{l-1}}{\sigma_w^2}\Theta_{W,l} + \frac{1}{\sigma_b^2}\Theta_{b,l}$ of the
    limits of the layers' parts, which `kernel` returns, grows with the widths (Sohl-Dickstein et
    al. 2020, "On the infinite width limit of neural networks with a standard parameterization").
    neural-tangents computes it, and of ReLU tells it to 10⁻⁷ where points coincide.

    Args:
      d: input dimension m₀.
      widths: m₁, …, m_L.
      activation: the name of ω, a key of `activations.ACTIVATIONS`, or what `activations.by_series`
        made of it.
      biases: whether there are b⁽ˡ⁾ and c.
      weight_std: σ_w, the deviation that W and v are multiplied by; 1 in the source.
      bias_std: σ_b, that of b and c; a network with it has biases. None is 1 with `biases`.
      parameterization: "ntk" or "standard", see above.
      outputs: None for the source's scalar f; else o, and v and c have a row for each output.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      The network. The same arguments give the same object, so that what was compiled for it
      is found again. θ is a list with a dictionary for each layer: "weight" is W⁽ˡ⁾, of shape
      (m_l, m_{l−1}), or v, of shape (m_L,) or (o, m_L), and with biases "bias" is b⁽ˡ⁾ or c.

    Example:
      >>> import jax
      >>> from ntklib import networks
      >>> network = networks.fully_connected(2, (4, 8), "relu", biases=True)
      >>> network.name
      'fully connected 4×8, relu, biases'
      >>> network.parameters  # 4·3 + 8·5 + 9
      61
      >>> [layer["weight"].shape for layer in network.init(jax.random.key(0))]
      [(4, 2), (8, 4), (8,)]
      >>> networks.fully_connected(2, (4,), "relu", weight_std=2**0.5, bias_std=0.1).name
      'fully connected 4, relu, σ_w = 1.41421, σ_b = 0.1'
    """
    d = _checks.whole_number("d", d, least=1)
    sizes = (d, *_arguments.whole_numbers("widths", widths, "(512,)", least=1))
    named(activation)
    scales = deviations(biases, weight_std, bias_std, parameterization, sizes)
    readout, kind = _network.readout(outputs), _arguments.float_type(dtype)
    return _fully_connected(sizes, activation, scales, readout, kind)


@_network.made_by
def _fully_connected(
    sizes: tuple[int, ...],
    activation: str | Activation,
    deviations: Deviations,
    readout: tuple[int, ...],
    dtype: Any,
) -> Network:
    omega = named(activation)
    shapes = [*zip(sizes[1:], sizes[:-1], strict=True), (*readout, sizes[-1])]

    def forward(params: PyTree, x: Float[Array, "n d"], affine: Affine) -> Float[Array, "n *o"]:
        alpha, through = x.T, deviations.layer(affine)
        for layer, m in zip(params[:-1], sizes, strict=False):
            alpha = omega.function(through(layer, alpha, m))
        return through(params[-1], alpha, sizes[-1]).T

    return _network.layered(
        name=_network.title("fully connected", sizes[1:], activation, deviations),
        width=min(sizes[1:]),
        init=_network.standard_normal(shapes, deviations, dtype),
        forward=forward,
        kernel=_network.analytic(
            _neural_tangents.dense_kernel, activation, len(sizes) - 1, deviations
        ),
        d=sizes[0],
    )


def residual(
    d: int,
    width: int,
    depth: int,
    activation: str | Activation = "tanh",
    *,
    biases: bool = False,
    weight_std: float = 1.0,
    bias_std: float | None = None,
    parameterization: str = "ntk",
    outputs: int | None = None,
    dtype: Any = None,
) -> Network:
    r"""A residual network whose layers add after the activation.

    $\alpha^{(1)} = \omega(W^{(1)}x/\sqrt d + b^{(1)})$ brings the input to width m, then
    $\alpha^{(l)} = \omega(W^{(l)}\alpha^{(l-1)}/\sqrt m + b^{(l)}) + \alpha^{(l-1)}$ for
    l = 2, …, L and $f = v^T\alpha^{(L)}/\sqrt m + c$, all parameters N(0, 1) (slide
    "Architectures"); σ_w and σ_b as in `fully_connected`.

    Args:
      d: input dimension.
      width: m, of all layers.
      depth: L, at least 1.
      activation: an odd ω: "erf", "tanh", or what `activations.by_series` made of one.
      biases: whether there are b⁽ˡ⁾ and c.
      weight_std: σ_w, the deviation that W and v are multiplied by; 1 in the source.
      bias_std: σ_b, that of b and c; a network with it has biases. None is 1 with `biases`.
      parameterization: "ntk" or "standard", as in `fully_connected`.
      outputs: None for a scalar f, else the number of outputs.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      The network; the same arguments give the same object.

    Raises:
      ValueError: the activation is not odd.

    Example:
      >>> from ntklib import networks
      >>> network = networks.residual(2, width=4, depth=3)
      >>> network.parameters  # 4·2 + 2·4·4 + 4
      44
    """
    sizes = [
        _checks.whole_number(name, size, least=1)
        for name, size in (("d", d), ("width", width), ("depth", depth))
    ]
    if not named(activation).odd:
        raise ValueError(
            f"activation must be odd (erf or tanh) in a residual network, got {activation!r}: "
            "only then does E[ω(u)] = 0 make the two branches uncorrelated, which the analytic "
            "kernel rests on."
        )
    fan_in = (sizes[0], *[sizes[1]] * sizes[2])
    scales = deviations(biases, weight_std, bias_std, parameterization, fan_in)
    readout, kind = _network.readout(outputs), _arguments.float_type(dtype)
    return _residual(*sizes, activation, scales, readout, kind)


@_network.made_by
def _residual(
    d: int,
    m: int,
    depth: int,
    activation: str | Activation,
    deviations: Deviations,
    readout: tuple[int, ...],
    dtype: Any,
) -> Network:
    omega = named(activation)
    shapes = [(m, d), *[(m, m)] * (depth - 1), (*readout, m)]

    def forward(params: PyTree, x: Float[Array, "n d"], affine: Affine) -> Float[Array, "n *o"]:
        through = deviations.layer(affine)
        alpha = omega.function(through(params[0], x.T, d))
        for layer in params[1:-1]:
            alpha = omega.function(through(layer, alpha, m)) + alpha
        return through(params[-1], alpha, m).T

    return _network.layered(
        name=_network.title("residual", [m] * depth, activation, deviations),
        width=m,
        init=_network.standard_normal(shapes, deviations, dtype),
        forward=forward,
        kernel=_network.analytic(_neural_tangents.residual_kernel, activation, depth, deviations),
        d=d,
    )
