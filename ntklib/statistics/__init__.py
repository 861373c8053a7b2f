"""What draws say: exponents, correlations, medians and probabilities, with intervals."""

from ntklib.statistics._median import median_interval
from ntklib.statistics._ranks import rank_correlation
from ntklib.statistics._rates import Rate, fit_rate
from ntklib.statistics._tails import LocalExponent, local_exponents

__all__ = [
    "LocalExponent",
    "Rate",
    "fit_rate",
    "local_exponents",
    "median_interval",
    "rank_correlation",
]
