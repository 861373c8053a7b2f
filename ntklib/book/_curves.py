"""What a figure with sliders is made of: sliders, curves and the panels that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks
from ntklib.book import plots

Numbers = Array | np.ndarray
Line = Literal["solid", "dashed", "dotted", "points"]
Log = Literal["x", "y", "xy", ""]


@dataclass(frozen=True)
class Slider:
    """One quantity that the reader chooses.

    Attributes:
      label: what it is, such as "time t"; text without formulas.
      values: what is written beside it at each position, such as "0.1".
      start: the position at which the figure opens.

    Example:
      >>> from ntklib.book import interactive
      >>> rate = interactive.Slider("rate", ["0.5", "1"], start=1)
      >>> rate.values[rate.start]
      '1'
    """

    label: str
    values: Sequence[str]
    start: int = 0


@dataclass(frozen=True)
class Curve:
    """A curve, or points, of which the sliders choose one from several.

    Attributes:
      name: in the legend; text without formulas.
      x: shape (q,).
      y: an axis for each slider, then q: shape (s₁, …, q), where an axis along which the curve
        doesn't change may have length 1; or (q,) for a curve that stays. NaN leaves a gap.
      colour: of line and band.
      line: how it is drawn.
      band: lower and upper ends of its spread, each of y's shape.

    Raises:
      ValueError: line is another word.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import interactive
      >>> x = np.array([0.0, 1.0, 2.0])
      >>> lines = interactive.Curve(
      ...     "a line", x, np.stack([x, 2 * x])
      ... )  # one for each of two positions
      >>> lines.y.shape
      (2, 3)
    """

    name: str
    x: Float[Numbers, " q"]
    y: Float[Numbers, "*sliders q"]
    colour: str = plots.COLOURS[0]
    line: Line = "solid"
    band: tuple[Float[Numbers, "*sliders q"], Float[Numbers, "*sliders q"]] | None = None

    def __post_init__(self) -> None:
        _arguments.choice("line", self.line, get_args(Line))


@dataclass(frozen=True)
class Panel:
    """One pair of axes; it stays as it is while sliders move.

    Attributes:
      curves: on it.
      xlabel: with the unit; text without formulas.
      ylabel: with the unit.
      log: which axes are logarithmic, "", "x", "y" or "xy".
      title: of the panel.
      ylim: ends of the vertical axis; without it everything at every position fits.

    Raises:
      ValueError: log is another word.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import interactive
      >>> x = np.array([1.0, 2.0])
      >>> panel = interactive.Panel([interactive.Curve("still", x, x)], "time t", "size", log="xy")
      >>> panel.curves[0].name
      'still'
    """

    curves: Sequence[Curve]
    xlabel: str
    ylabel: str
    log: Log = ""
    title: str = ""
    ylim: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _arguments.choice("log", self.log, get_args(Log))


def check(curve: Curve, positions: tuple[int, ...]) -> None:
    """Refuses a curve whose axes are not `positions`, one for each slider, and then its points."""
    _checks.real_array(f"x of {curve.name!r}", curve.x, "q")
    bounds = curve.band or ()
    for what, values in (("y", curve.y), *zip(("low", "high"), bounds, strict=False)):
        shape = np.shape(values)
        if len(shape) not in (1, len(positions) + 1) or any(
            have not in (1, wanted) for have, wanted in zip(shape[:-1], positions, strict=False)
        ):
            raise ValueError(
                f"{what} of {curve.name!r} has shape {shape}: give it the axes "
                f"{positions} of the sliders (or 1 where it doesn't change), then its points."
            )
        _checks.same_length(
            f"{what} of {curve.name!r}", shape[-1], f"x of {curve.name!r}", len(curve.x)
        )


def at(heights: np.ndarray, position: Sequence[int]) -> np.ndarray:
    """Returns the heights at a position of the sliders, where an axis of length 1 stays."""
    where = [index if size > 1 else 0 for index, size in zip(position, heights.shape, strict=False)]
    return heights[tuple(where)]


def reach(panel: Panel) -> tuple[float, float]:
    """Returns ends of the horizontal axis, a little beyond all points."""
    values = np.concatenate([np.asarray(curve.x, dtype=float) for curve in panel.curves])
    if "x" in panel.log:
        margin = (values.max() / values.min()) ** 0.02
        return float(values.min() / margin), float(values.max() * margin)
    margin = 0.02 * (values.max() - values.min())
    return float(values.min() - margin), float(values.max() + margin)


def limits(panel: Panel) -> tuple[float, float]:
    """Returns ends of the vertical axis between which every position fits."""
    if panel.ylim is not None:
        return panel.ylim
    arrays = [v for curve in panel.curves for v in (curve.y, *(curve.band or ()))]
    values = np.concatenate([np.asarray(v, dtype=float).ravel() for v in arrays])
    values = values[np.isfinite(values) & ((values > 0) | ("y" not in panel.log))]
    low, high = float(values.min()), float(values.max())
    if "y" in panel.log:
        margin = max((high / low) ** 0.04, 1.1)
        return low / margin, high * margin
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin
