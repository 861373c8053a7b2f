"""What draws say: exponents of power laws and rank correlations, with bootstrap intervals."""

from ntklib.statistics._ranks import rank_correlation
from ntklib.statistics._rates import Rate, fit_rate

__all__ = [
    "Rate",
    "fit_rate",
    "rank_correlation",
]
