"""What draws say: exponents of power laws, correlations and probabilities, with intervals."""

from ntklib.statistics._ranks import rank_correlation
from ntklib.statistics._rates import Rate, fit_rate
from ntklib.statistics._tails import LocalExponent, local_exponents

__all__ = [
    "LocalExponent",
    "Rate",
    "fit_rate",
    "local_exponents",
    "rank_correlation",
]
