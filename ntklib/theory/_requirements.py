r"""How wide, how many samples, how long: what a pilot asks for; public names are in `theory`."""

import math
from dataclasses import dataclass

import numpy as np

from ntklib.statistics._interval import interval

RESAMPLES = 9999
"""Of the bootstrap."""


@dataclass(frozen=True)
class Requirement:
    """How large m or n has to be for its part of the error.

    Attributes:
      measured: what the pilot's error asks for if the error falls like one over the size.
      low: lower end of its interval over the pilot's draws.
      high: upper end.
      guaranteed: the corollary's rate, with its constant fitted to the pilot.
      pilot: the size at which the pilot ran.
    """

    measured: float
    low: float
    high: float
    guaranteed: float
    pilot: int


@dataclass(frozen=True)
class Plan:
    r"""How wide, how many samples and how long, for $\|P_k r_T\|^2 \le \epsilon$.

    Attributes:
      epsilon: ε.
      modes: k.
      sigma: σ_k.
      left_out: $\|(I-P_k)f^*\|^2$, which is not learned.
      time: T.
      width: m.
      samples: n.
      share: of the draws that shall succeed.
      level: of the intervals.
    """

    epsilon: float
    modes: int
    sigma: float
    left_out: float
    time: float
    width: Requirement
    samples: Requirement
    share: float
    level: float

    def __str__(self) -> str:
        head = f"{'':10}{'measured':>10}  {f'{self.level:.0%} interval':>18}"
        lines = [
            f"top k = {self.modes} to ‖P_k r_T‖² ≤ {self.epsilon:.3g}, {self.share:.0%} of draws",
            f"not learned: ‖(I − P_k) f*‖² = {self.left_out:.3g}",
            f"time T = {self.time:.4g}  (σ_k = {self.sigma:.3g})",
            f"{head}  {'guaranteed rate*':>17}  {'pilot':>6}",
        ]
        for name, need in (("width m", self.width), ("samples n", self.samples)):
            interval = f"[{math.ceil(need.low)}, {math.ceil(need.high)}]"
            lines.append(
                f"{name:10}{math.ceil(need.measured):>10}  {interval:>18}  "
                f"{need.guaranteed:>17.2g}  {need.pilot:>6}"
            )
        lines.append("* its constant is not given by the theorem: fitted to the pilot")
        return "\n".join(lines)


def requirement(
    pilot: int,
    deviation: np.ndarray,
    epsilon_hat: np.ndarray,
    damping: float,
    allowed: float,
    *,
    share: float,
    level: float,
) -> Requirement:
    r"""What a pilot asks for: by its own error, and by the guaranteed rate.

    Measured: $\|P_k(r_T - e^{-T_K T}r_0)\|^2 \propto 1/m$, to be brought to `allowed`. Guaranteed:
    Corollary 2's $\hat\epsilon \propto m^{-1/2}$ at the same T, to be brought to `allowed` over the
    squared damping factor, through the pilot's $\hat\epsilon$.

    Args:
      pilot: the pilot's size m or n.
      deviation: at T, one a draw, shape (b,).
      epsilon_hat: the least ε of Corollary 2 up to T, shape (b,).
      damping: $[(1-e^{-\sigma_k T})/\sigma_k]^2$.
      allowed: what the squared deviation may be.
      share: the quantile over draws that has to reach it.
      level: of the interval, a percentile bootstrap over draws.

    Returns:
      The requirement.
    """
    needed = pilot * np.asarray(deviation, dtype=float) / allowed

    def quantile(values: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
        return np.quantile(values, share, axis=axis)

    found = interval([needed], quantile, level=level, seed=0, resamples=RESAMPLES)
    ratio = float(quantile(np.asarray(epsilon_hat))) * damping / allowed
    return Requirement(*found, pilot * ratio**2, pilot)
