"""Half times, and their order."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks

Numbers = Float[np.ndarray, "..."]


def half_times(times: Any, shares: Array | np.ndarray) -> Numbers:
    r"""The first time at which each part of a target is half learned.

    $h_j = \min\{t : s_j(t) \ge \frac12\}$ among the times given; ∞ where the run ends before, which
    says that the half time is later than the last time and no more.

    Args:
      times: strictly increasing, such as steps, shape (s,).
      shares: learned shares, such as `SinusoidSum.learned_shares`, shape (..., s, k).

    Returns:
      The half times, shape (..., k).

    Example:
      >>> import numpy as np
      >>> from ntklib import learning
      >>> shares = np.array([[0.0, 0.0], [0.7, 0.1], [0.9, 0.3]])
      >>> learning.half_times([0, 10, 20], shares).tolist()
      [10.0, inf]
    """
    ts, values = np.asarray(times, dtype=float), np.asarray(shares)
    _checks.same_length("times", len(ts), "shares' second axis from the end", values.shape[-2])
    reached = values >= 0.5
    return np.where(reached.any(axis=-2), ts[reached.argmax(axis=-2)], np.inf)


def order(halves: Array | np.ndarray) -> Numbers:
    r"""Kendall's τ between the half times of parts 1, …, k and their number.

    Of all pairs that can be compared, the part in which the lower number is half learned first
    minus the part in which the higher one is: 1 if every part waits for those before it, −1 for
    the reverse, 0 on average for a random order. A pair of which neither half time is finite can't
    be compared and is left out (censored, as survival analysis says); two equal finite ones count
    as compared and not ordered. Without these it is Somers' D of the number given the half time.

    Args:
      halves: half times, ∞ where unknown, shape (..., k).

    Returns:
      τ, shape (...); NaN where no pair can be compared.

    Example:
      >>> import numpy as np
      >>> from ntklib import learning
      >>> learning.order(np.array([[1.0, 5.0, np.inf], [9.0, 5.0, 1.0]])).tolist()
      [1.0, -1.0]
    """
    values = np.asarray(halves, dtype=float)
    low, high = np.triu_indices(values.shape[-1], k=1)
    first, second = values[..., low], values[..., high]
    compared = (np.isfinite(first) | np.isfinite(second)).sum(axis=-1)
    agreed = (first < second).sum(axis=-1) - (first > second).sum(axis=-1)
    return np.where(compared > 0, agreed / np.maximum(compared, 1), np.nan)
