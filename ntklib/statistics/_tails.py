"""How fast the probability of an event falls with a size, from counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from ntklib import _checks


@dataclass(frozen=True)
class LocalExponent:
    """The slope of a probability in log–log between two neighbouring sizes.

    Attributes:
      exponent: log(p₂/p₁)/log(size₂/size₁); −∞ where nothing was counted at the second size.
      low: lower end of its interval.
      high: upper end.

    Example:
      >>> from ntklib import statistics
      >>> print(statistics.LocalExponent(exponent=-2.0, low=-2.5, high=-1.625))
      -2.00 [-2.50, -1.62]
    """

    exponent: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.exponent:.2f} [{self.low:.2f}, {self.high:.2f}]"


def local_exponents(
    sizes: Sequence[float] | Sequence[int],
    counts: Sequence[int],
    trials: Sequence[int],
    *,
    level: float = 0.95,
) -> list[LocalExponent]:
    r"""Slopes of a probability in log–log, from how often its event was counted.

    A probability that falls like a power of the size has one slope; one that falls faster than any
    power has slopes that grow without bound. With counts $c_1, c_2$ of Poisson variables of means
    $N_1p_1$ and $N_2p_2$, $c_2$ given $c_1 + c_2$ is binomial with the share
    $\pi = N_2p_2/(N_1p_1 + N_2p_2)$, for which Clopper and Pearson's interval is exact; it becomes
    one of $p_2/p_1 = \frac{N_1}{N_2}\frac{\pi}{1-\pi}$. Counts of trials are binomial and vary
    less, and so does the ratio if a trial at one size contains those at another: the interval then
    covers more often than its level says.

    Args:
      sizes: at least two, positive, strictly increasing.
      counts: of the event at each size; at least one in each neighbouring pair.
      trials: of which they were counted.
      level: coverage of each interval.

    Returns:
      One for each pair of neighbours.

    Raises:
      TypeError: counts or trials are no whole numbers.
      ValueError: fewer than two sizes, sizes that don't increase, lists of different lengths,
        counts that are negative, exceed the trials or are 0 at two neighbours, or a level outside
        (0, 1).

    Example:
      >>> from ntklib import statistics
      >>> found = statistics.local_exponents([2, 4, 8], [4000, 1000, 0], [10000] * 3)
      >>> [str(each) for each in found]
      ['-2.00 [-2.10, -1.90]', '-inf [-inf, -8.08]']
    """
    level = _checks.fraction("level", level)
    x = np.log(_checks.increasing_sizes("sizes", sizes, least=2))
    for name, listed in (("counts", counts), ("trials", trials)):
        _checks.same_length(name, len(listed), "sizes", len(x))
    of = [_checks.whole_number("trials", each, least=1) for each in trials]
    seen = [
        _checks.whole_number("counts", each, least=0, most=most)
        for each, most in zip(counts, of, strict=True)
    ]
    pairs = []
    for i in range(len(x) - 1):
        first, second = seen[i], seen[i + 1]
        if first + second == 0:
            raise ValueError(
                f"counts are 0 at the sizes {sizes[i]} and {sizes[i + 1]}, whose ratio is then "
                "unknown: take more trials, or leave out the larger size."
            )
        tail = (1 - level) / 2
        share = second / (first + second)
        low = betaincinv(second, first + 1, tail) if second else 0.0
        high = betaincinv(second + 1, first, 1 - tail) if first else 1.0
        with np.errstate(divide="ignore"):
            odds = np.log([low, share, high]) - np.log1p([-low, -share, -high])
        slopes = (odds + np.log(of[i] / of[i + 1])) / (x[i + 1] - x[i])
        pairs.append(LocalExponent(float(slopes[1]), float(slopes[0]), float(slopes[2])))
    return pairs
