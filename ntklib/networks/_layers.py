r"""The building blocks of the networks: affine layers on (channels, *positions, points) arrays.

Channels first, so that a layer is one matrix product over all positions and points; points last,
so that the shifts of a convolution move long contiguous rows. A convolution is the affine layer of
its patches. Every affine layer of a network goes through a function `affine` that the caller gives
to `Network.forward`: `affine` below to evaluate the network, or one that also records what goes
through it (`_factors`).
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

LENGTHS = (2**10, 2**12, 2**14, 2**16)
"""To which arrays are drawn in one; longer ones are drawn alone."""

Layer = dict[str, Array]
Affine = Callable[..., Array]
"""(layer, inputs, scale, window=None, bias_scale=1) ↦ outputs, as `affine` below."""


@dataclass(frozen=True)
class Window:
    """What a convolution of stride 1 sees at once.

    Attributes:
      size: length of the filter along every axis of positions.
      padding: "SAME" (zeros around), "CIRCULAR" or "VALID" (none).
    """

    size: int
    padding: str

    def patches(
        self, images: Float[Array, "channels *positions n"]
    ) -> Float[Array, "features *outputs n"]:
        """Returns the patches around each position, a feature for each channel and offset."""
        size, axes = self.size, images.ndim - 2
        images = self._padded(images, range(1, 1 + axes))
        lengths = [length - size + 1 for length in images.shape[1:-1]]
        shifted = [
            images[(slice(None), *map(slice, start, np.add(start, lengths)))]
            for start in itertools.product(range(size), repeat=axes)
        ]
        stacked = jnp.stack(shifted, axis=1)
        return stacked.reshape(-1, *stacked.shape[2:])

    def sums(self, maps: Array, axes: int) -> Array:
        """Returns sums of what is seen from each position, which the first axes count."""
        sums = self._padded(maps, range(axes))
        for axis in range(axes):
            count = sums.shape[axis] - self.size + 1
            parts = [
                jax.lax.slice_in_dim(sums, start, start + count, axis=axis)
                for start in range(self.size)
            ]
            sums = functools.reduce(jnp.add, parts)
        return sums

    def _padded(self, images: Array, axes: Sequence[int]) -> Array:
        """Returns images with what is seen beyond their ends along these axes."""
        if self.padding == "VALID":
            return images
        around = [(0, 0)] * images.ndim
        for axis in axes:
            around[axis] = ((self.size - 1) // 2, self.size // 2)
        mode = "wrap" if self.padding == "CIRCULAR" else "constant"
        return jnp.pad(images, around, mode=mode)


def affine(
    layer: Layer,
    inputs: Float[Array, "features *positions n"],
    scale: float,
    window: Window | None = None,
    bias_scale: float = 1.0,
) -> Float[Array, "..."]:
    """Returns scale·W a + bias_scale·b at every position and point, shape ([units,] *positions, n).

    Args:
      layer: "weight" W, shape (units, ...) with one entry a feature in its other axes, or
        (features,) for a single unit without an axis; "bias" b, shape (units,) or (), or none.
      inputs: a, or for a convolution the images whose patches are a.
      scale: NTK scaling, such as 1/√m.
      window: of a convolution; None for a dense layer.
      bias_scale: of the biases.
    """
    seen = inputs if window is None else window.patches(inputs)
    weight = layer["weight"]
    if weight.ndim > 2:
        weight = weight.reshape(weight.shape[0], -1)
    outputs = jnp.tensordot(weight, seen, 1) * scale
    if "bias" in layer:
        bias = layer["bias"] if bias_scale == 1 else layer["bias"] * bias_scale
        outputs = outputs + bias.reshape(bias.shape + (1,) * (seen.ndim - 1))
    return outputs


def normal(
    keys: Any, shapes: Sequence[tuple[int, ...]], *, biases: bool, dtype: Any
) -> list[Layer]:
    """Draws layers with standard normal weights and, with `biases`, standard normal biases.

    Args:
      keys: an array of them, one a layer.
      shapes: of the weights.
      biases: whether there are any, one a unit, which the weights' first axis counts; a single
        unit has no axis.
      dtype: of the numbers.

    Returns:
      The layers: what `jax.random.normal` draws for both halves of each layer's key, rounded where
      the type is narrower than single precision.
    """
    forms = [
        each
        for shape in shapes
        for each in (shape, shape[:1] if len(shape) > 1 else ())[: 1 + biases]
    ]
    drawn = iter(_normals(keys, forms, dtype))
    names = ("weight", "bias") if biases else ("weight",)
    return [{name: next(drawn) for name in names} for _ in shapes]


def _normals(keys: Any, forms: Sequence[tuple[int, ...]], dtype: Any) -> list[Array]:
    """Returns what `jax.random.normal` draws for arrays of these shapes, as many a layer's key."""
    small, length = together([math.prod(form) for form in forms])
    halves = np.arange(2 * len(keys)).reshape(len(keys), 2)[:, : len(forms) // len(keys)].ravel()
    # Together and to one of few lengths: the program of a draw takes longer to compile than all
    # else there, and this way networks of many widths share one. Of JAX's own generator
    # (`jax_threefry_partitionable`) the first numbers of a draw don't depend on how many there
    # are; with others, these are other draws.
    rows = {}
    if small:
        draws = _draws(keys, halves=tuple(halves[small].tolist()), length=length, dtype=dtype)
        cut = _cut(draws, forms=tuple(forms[index] for index in small))
        rows = dict(zip(small, cut, strict=True))
    return [
        rows[index]
        if index in rows
        else _drawn(jax.random.normal, _halves(keys)[halves[index]], form, dtype)
        for index, form in enumerate(forms)
    ]


def _drawn(
    draw: Callable[..., Array], key: Any, shape: tuple[int, ...], dtype: Any, *further: float
) -> Array:
    """Returns draws in at least single precision, rounded to the type.

    In a narrower one JAX makes a number of as few random bits as fit: normal ones in bfloat16 have
    128 values, a mean of −0.011 and no tails.
    """
    wide = dtype if jnp.dtype(dtype).itemsize >= 4 else jnp.float32
    return draw(key, shape, wide, *further).astype(dtype)


def together(sizes: Sequence[int]) -> tuple[list[int], int]:
    """Returns which of several arrays are drawn in one, and the length to which each is."""
    small = [index for index, size in enumerate(sizes) if size <= LENGTHS[-1]]
    longest = max((sizes[index] for index in small), default=0)
    return small, next(each for each in LENGTHS if each >= longest)


def _halves(keys: Array) -> Array:
    return jax.vmap(jax.random.split)(keys).reshape(-1)


@functools.partial(jax.jit, static_argnames=("halves", "length", "dtype"))
def _draws(
    keys: Array, *, halves: tuple[int, ...], length: int, dtype: Any
) -> Float[Array, "small length"]:
    chosen = _halves(keys)[np.asarray(halves)]
    return jax.vmap(lambda key: _drawn(jax.random.normal, key, (length,), dtype))(chosen)


@functools.partial(jax.jit, static_argnames="forms")
def _cut(draws: Float[Array, "small length"], *, forms: tuple[tuple[int, ...], ...]) -> list[Array]:
    """Returns the beginning of each row in the shape that it is wanted in."""
    return [row[: math.prod(form)].reshape(form) for row, form in zip(draws, forms, strict=True)]


def uniform(key: Any, shape: tuple[int, ...], dtype: Any) -> Layer:
    """Draws a layer as PyTorch does by default: uniform on ±1/√fan-in, weights and biases."""
    weight_key, bias_key = jax.random.split(key)
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return {
        "weight": _drawn(jax.random.uniform, weight_key, shape, dtype, -bound, bound),
        "bias": _drawn(jax.random.uniform, bias_key, shape[:1], dtype, -bound, bound),
    }


def image(x: Float[Array, "n d"], shape: Sequence[int]) -> Float[Array, "channels *positions n"]:
    """Arranges points as images; `shape` is (*positions, channels), the last axis the fastest."""
    return jnp.moveaxis(x.T.reshape(*shape, x.shape[0]), -2, 0)


def max_pool(images: Float[Array, "channels h w n"]) -> Float[Array, "channels h2 w2 n"]:
    """Returns the maximum over each 2×2 square; the first of equal values has the derivative.

    Not by `jnp.max`, whose derivative compares with a maximum that compiled code may have rounded
    otherwise, and is NaN where it then finds none equal.
    """
    channels, height, width, n = images.shape
    squares = images.reshape(channels, height // 2, 2, width // 2, 2, n)
    squares = jnp.moveaxis(squares, 2, 3).reshape(channels, height // 2, width // 2, 4, n)
    first = jnp.argmax(squares, axis=3, keepdims=True)
    chosen = jnp.arange(4).reshape(1, 1, 1, 4, 1) == first
    return jnp.sum(jnp.where(chosen, squares, 0), axis=3)
