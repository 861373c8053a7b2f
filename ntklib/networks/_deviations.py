"""Deviations of weights and biases, which a network's layers and its kernel share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array

from ntklib import _arguments, _checks
from ntklib.networks._layers import Affine, Layer

PARAMETERIZATIONS = ("ntk", "standard")


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of what a layer adds, and which of its factors are parameters.

    Attributes:
      weight: σ_w, which the weights are multiplied by.
      bias: σ_b, which the biases are multiplied by; 0 without biases.
      fan_in: m₀, …, m_L in standard parameterization, where the parameters are the products; () in
        the source's scaling, where they are N(0, 1).
    """

    weight: float = 1.0
    bias: float = 0.0
    fan_in: tuple[int, ...] = ()

    @property
    def biases(self) -> bool:
        """Whether there are biases."""
        return self.bias > 0

    def weighted(self, moments: Any) -> Any:
        """Returns σ_w² times what a layer was given, or that itself where σ_w = 1."""
        return moments if self.weight == 1 else self.weight**2 * moments

    def layer(self, affine: Affine) -> Callable[..., Array]:
        """Returns (layer, inputs, m, window=None) ↦ σ_w W a/√m + σ_b b, or W a + b."""

        def outputs(layer: Layer, inputs: Array, m: int, window: Any = None) -> Array:
            if self.fan_in:
                return affine(layer, inputs, 1.0, window)
            return affine(layer, inputs, self.weight / math.sqrt(m), window, self.bias or 1.0)

        return outputs

    def drawn(self, layers: list[Layer]) -> list[Layer]:
        """Returns parameters at the start, of standard normal ones."""
        if not self.fan_in:
            return layers
        scales = [{"weight": self.weight / math.sqrt(m), "bias": self.bias} for m in self.fan_in]
        return [
            {name: scale[name] * values for name, values in layer.items()}
            for layer, scale in zip(layers, scales, strict=True)
        ]


def deviations(
    biases: bool,
    weight_std: float,
    bias_std: float | None,
    parameterization: str,
    fan_in: tuple[int, ...],
) -> Deviations:
    """Returns σ_w and σ_b from what a constructor is given."""
    bias = float(_arguments.flag("biases", biases))
    if bias_std is not None:
        bias = _checks.positive("bias_std", bias_std)
    chosen = _arguments.choice("parameterization", parameterization, PARAMETERIZATIONS)
    weight = _checks.positive("weight_std", weight_std)
    return Deviations(weight, bias, fan_in if chosen == "standard" else ())
