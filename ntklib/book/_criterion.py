"""What a measured number is held against, and when it says enough to be held against anything."""

import math
from dataclasses import dataclass
from typing import SupportsFloat

HOLDS, CONSERVATIVE, REFUTED, EXPLORED = "holds", "holds, conservative", "refuted", "explored"
VERDICTS = (HOLDS, CONSERVATIVE, REFUTED, EXPLORED)


@dataclass(frozen=True)
class Criterion:
    """What has to be true of a measured number, and how well it has to be known.

    `at_most`, `at_least`, `equal_to` and `explored` make one.

    Attributes:
      relation: "≤", "≥" or "=", between the measured number and the bound; "explored" where
        nothing is asked.
      bound: the number that the statement gives; where nothing is asked, that of no effect.
      resolution: the most that half the interval of the measured number may be long, which is
        also how far an "=" may be missed; infinite where nothing is asked.
      guarantee: whether the bound is a guaranteed rate, which a measured one may beat.
    """

    relation: str
    bound: float
    resolution: float = math.inf
    guarantee: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound):
            raise ValueError(
                f"the bound must be finite, got {self.bound}: find out what was not computed."
            )
        if self.relation != EXPLORED and not 0 < self.resolution < math.inf:
            name = "within" if self.relation == "=" else "resolution"
            raise ValueError(
                f"{name} must be positive and finite, got {self.resolution}: an interval always "
                "has some length. Give what the claim has to tell apart."
            )

    def __str__(self) -> str:
        if self.relation == EXPLORED:
            return f"({self.bound:.4g} means no effect)"
        margin = f" ± {self.resolution:.3g}" if self.relation == "=" else ""
        return f"{self.relation} {self.bound:.4g}{margin}"

    def resolves(self, low: float, high: float) -> bool:
        """Whether the interval is short enough for any verdict."""
        return (high - low) / 2 <= self.resolution

    def verdict(self, measured: float, low: float, high: float) -> str:
        """Returns the verdict on a number whose interval is short enough."""
        if self.relation == EXPLORED:
            return EXPLORED
        if self.relation == "=":
            return HOLDS if abs(measured - self.bound) <= self.resolution else REFUTED
        nearest = high - self.bound if self.relation == "≤" else self.bound - low
        if nearest > 0:
            return REFUTED
        return CONSERVATIVE if self.guarantee and nearest < 0 else HOLDS

    def effect(self, low: float, high: float) -> float:
        """Returns the smallest effect that a measurement with this interval would have noticed.

        For an "=" this is a distance from the bound: a number that is farther from it is measured
        outside of the tolerance, wherever in its interval the measurement falls. For "≤" and "≥" it
        is a shift: one that carries even the far end of the interval over the bound. Where nothing
        is asked it is a distance from no effect: half the interval.
        """
        if self.relation == "≤":
            return abs(self.bound - low)
        if self.relation == "≥":
            return abs(high - self.bound)
        half = (high - low) / 2
        return half if self.relation == EXPLORED else self.resolution + half


def at_most(
    bound: SupportsFloat, *, resolution: SupportsFloat, guarantee: bool = False
) -> Criterion:
    """Asks for a number, and both ends of its interval, of at most the bound.

    Args:
      bound: the number that the statement gives.
      resolution: the most that half the interval may be long: what the claim has to tell apart. To
        tell the exponent 1 from 2 half an interval of 0.5 is enough.
      guarantee: whether the bound is a guaranteed rate. One that the whole interval beats gets the
        verdict "holds, conservative".

    Raises:
      ValueError: the bound is not finite, or the resolution not positive.

    Example:
      >>> from ntklib.book import claims
      >>> print(claims.at_most(2.0, resolution=0.5))
      ≤ 2
    """
    return Criterion("≤", float(bound), float(resolution), guarantee)


def at_least(
    bound: SupportsFloat, *, resolution: SupportsFloat, guarantee: bool = False
) -> Criterion:
    """Asks for a number, and both ends of its interval, of at least the bound.

    Arguments and errors are those of `at_most`.

    Example:
      >>> from ntklib.book import claims
      >>> print(claims.at_least(0.5, resolution=0.25))
      ≥ 0.5
    """
    return Criterion("≥", float(bound), float(resolution), guarantee)


def equal_to(bound: SupportsFloat, *, within: SupportsFloat) -> Criterion:
    """Asks for a number within a tolerance of the bound, and half an interval no longer than that.

    Args:
      bound: the number that the statement gives.
      within: the tolerance. Half the interval must not be longer: else the number may be right by
        chance.

    Raises:
      ValueError: the bound is not finite, or the tolerance not positive.

    Example:
      >>> from ntklib.book import claims
      >>> print(claims.equal_to(-0.5, within=0.05))
      = -0.5 ± 0.05
    """
    return Criterion("=", float(bound), float(within))


def explored(no_effect: SupportsFloat = 0.0) -> Criterion:
    """Asks for nothing: what was looked for on the way is reported, and supports no statement.

    Args:
      no_effect: the number that would have been measured if there were nothing to be found.

    Raises:
      ValueError: it is not finite.

    Example:
      >>> from ntklib.book import claims
      >>> print(claims.explored())
      (0 means no effect)
    """
    return Criterion(EXPLORED, float(no_effect))
