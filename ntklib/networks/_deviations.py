"""Deviations of weights and biases, which a network's layers and its kernel share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array

from ntklib import _arguments, _checks
from ntklib.networks._layers import Affine, Layer


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of what a layer adds, relative to the source's scaling.

    Attributes:
      weight: σ_w, which the weights are multiplied by.
      bias: σ_b, which the biases are multiplied by; 0 without biases.
    """

    weight: float = 1.0
    bias: float = 0.0

    @property
    def biases(self) -> bool:
        """Whether there are biases."""
        return self.bias > 0

    def weighted(self, moments: Any) -> Any:
        """Returns σ_w² times what a layer was given, or that itself where σ_w = 1."""
        return moments if self.weight == 1 else self.weight**2 * moments

    def layer(self, affine: Affine) -> Callable[..., Array]:
        """Returns (layer, inputs, m, window=None) ↦ σ_w W a/√m + σ_b b."""

        def outputs(layer: Layer, inputs: Array, m: int, window: Any = None) -> Array:
            return affine(layer, inputs, self.weight / math.sqrt(m), window, self.bias or 1.0)

        return outputs


def deviations(biases: bool, weight_std: float, bias_std: float | None) -> Deviations:
    """Returns σ_w and σ_b from what a constructor is given."""
    bias = float(_arguments.flag("biases", biases))
    if bias_std is not None:
        bias = _checks.positive("bias_std", bias_std)
    return Deviations(_checks.positive("weight_std", weight_std), bias)
