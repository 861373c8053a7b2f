"""Between which draws the median of their law lies."""

import itertools
import math

import numpy as np
from jaxtyping import Float

from ntklib import _checks


def median_interval(
    draws: Float[np.ndarray, " draws"], *, level: float = 0.95
) -> tuple[float, float]:
    r"""Returns the ends of an interval for the median of the law that independent draws follow.

    Of n draws in order, the k-th and the (n + 1 − k)-th have the median between them with
    probability $1 - 2\sum_{i<k}\binom ni2^{-n}$ or more, whatever the law is (Thompson 1936, "On
    confidence ranges for the median and other expectation distributions"). The largest such k is
    taken. The range of the draws grows with their number, this interval shrinks.

    Args:
      draws: shape (n,), in any order and in any unit.
      level: coverage, or less than it.

    Returns:
      The lower and the upper end, two of the draws.

    Raises:
      ValueError: so few draws that even their range covers less often, level is outside (0, 1), or
        a draw is not finite.

    Example:
      >>> import numpy as np
      >>> from ntklib import statistics
      >>> statistics.median_interval(np.array([0.0, 3.0, 1.0, 7.0, 4.0, 6.0, 9.0, 2.0, 5.0, 8.0]))
      (1.0, 8.0)
    """
    level = _checks.fraction("level", level)
    ordered = np.sort(np.asarray(_checks.real_array("draws", draws, "draws")))
    count = ordered.size
    below = itertools.accumulate(math.comb(count, i) for i in range((count + 1) // 2))
    k = sum(2 * each / 2**count <= 1 - level for each in below)
    if k == 0:
        least = math.ceil(1 - math.log2(1 - level))
        raise ValueError(
            f"draws must be at least {least} for level {level:g}, got {count}: take more, or a "
            "lower level."
        )
    return float(ordered[k - 1]), float(ordered[count - k])
