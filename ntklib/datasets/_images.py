"""Labelled images, of which `points` makes inputs of a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from ntklib import _arguments, _checks


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images of one size, kept as bytes: as float64 they would be 8 times as big.

    Attributes:
      name: what it is, for titles.
      source: where the images come from and how many they are, a sentence for a caption.
      images: grey levels 0–255, shape (n, height, width, channels).
      labels: of the images, each the index of its class, shape (n,).
      classes: names of the classes.

    Raises:
      TypeError: images are not bytes, or labels not whole numbers.
      ValueError: wrong shapes, no image, or a label without a class.

    Example:
      >>> from ntklib import datasets
      >>> patches = datasets.photograph_patches(stride=64)
      >>> patches.images.shape, patches.classes
      ((140, 32, 32, 3), ('china', 'flower'))
      >>> patches.points(slice(0, 2)).shape  # 2 images of 32 × 32 pixels in 3 colours
      (2, 3072)
    """

    name: str
    source: str
    images: UInt8[np.ndarray, "n height width channels"] = field(repr=False)
    labels: Int[np.ndarray, " n"] = field(repr=False)
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8:
            raise TypeError(f"images must hold bytes (uint8), got dtype {self.images.dtype}.")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise TypeError(f"labels must hold whole numbers, got dtype {self.labels.dtype}.")
        if self.images.ndim != 4 or 0 in self.images.shape:
            raise ValueError(
                "images must have the axes (n, height, width, channels) and none may be empty, "
                f"got shape {self.images.shape}."
            )
        _checks.same_length("labels", len(self.labels), "images", len(self.images))
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.classes):
            raise ValueError(
                f"labels must be between 0 and {len(self.classes) - 1}, one for each of the "
                f"{len(self.classes)} classes, got some between {low} and {high}."
            )

    def __len__(self) -> int:
        """Returns the number of images n."""
        return len(self.images)

    def points(
        self, select: Any = None, *, size: int | None = None, dtype: Any = None
    ) -> Float[Array, "n d"]:
        """The images as points of [0, 1]ᵈ, d = height · width · channels.

        The axes are flattened with the channels fastest, which is what `networks.convolutional`
        and `networks.lenet5` read. Resizing is bilinear with pixels as squares (centres at
        half-integers, `align_corners=False` in PyTorch's words); towards a smaller size each new
        pixel averages all the old ones below it (antialiasing); at the border the weights that
        fall outside are shared among the others.

        Args:
          select: indices of the wanted images, a slice, or a mask over all; None for all. Only
            these are converted.
          size: new height and width; the images' own if None.
          dtype: of the points; JAX's default floating-point type if None.

        Returns:
          The points, in the order of `select`.

        Raises:
          IndexError: an index is out of range, or a mask has another length.
          TypeError: size is not a whole number.
          ValueError: size is less than 1.
        """
        if select is None:
            select = slice(None)
        elif not isinstance(select, slice):
            select = np.atleast_1d(np.asarray(select))
        chosen = self.images[select]
        # XLA would multiply by 1/255 instead, which is not the same to the last bit.
        values = jnp.asarray(np.divide(chosen, 255, dtype=_arguments.float_type(dtype)))
        if size is not None:
            size = _checks.whole_number("size", size, least=1)
            shape = (values.shape[0], size, size, values.shape[3])
            # The weights sum to 1 up to rounding only.
            values = jnp.clip(jax.image.resize(values, shape, "bilinear"), 0, 1)
        return values.reshape(values.shape[0], -1)

    def draw(
        self, key: Any, n: int, *, classes: Sequence[int | str] | None = None
    ) -> Int[np.ndarray, " n"]:
        """Draws n different images uniformly.

        Args:
          key: a `jax.random.key`.
          n: how many, at least 1.
          classes: names or labels of the classes to draw from; None for all.

        Returns:
          Their indices, in random order.

        Raises:
          TypeError: n is not a whole number, or key is none of `jax.random.key`.
          ValueError: key holds several keys, there are fewer than n such images, or a class is
            unknown.
        """
        key = _arguments.key("key", key)
        n = _checks.whole_number("n", n, least=1)
        among = np.flatnonzero(np.isin(self.labels, self._labels_of(classes)))
        if n > len(among):
            which = self.name if classes is None else f"{self.name} in {list(classes)}"
            raise ValueError(
                f"n = {n} different images were asked for, but there are {len(among)} of {which}: "
                "draw fewer, or from more classes."
            )
        return np.asarray(jax.random.choice(key, among, (n,), replace=False))

    def _labels_of(self, classes: Sequence[int | str] | None) -> list[int]:
        if classes is None:
            return list(range(len(self.classes)))
        known: dict[int | str, int] = dict(enumerate(range(len(self.classes))))
        known |= {name: label for label, name in enumerate(self.classes)}
        unknown = [each for each in classes if each not in known]
        if unknown or not len(classes):
            raise ValueError(
                f"classes must be some of {', '.join(self.classes)}, by name or by label "
                f"0–{len(self.classes) - 1}, got {unknown or 'none'}."
            )
        return [known[each] for each in classes]
