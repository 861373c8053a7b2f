"""When each part of a target is learned, and how much of it n samples can teach.

`half_times` and their `order` are read off any trajectory; `learnable_shares` predicts what a
kernel has learned in the end; `accuracy` counts classes
that are named right; `zonal` has the harmonics of each degree on a sphere.
"""

from ntklib.learning import zonal
from ntklib.learning._accuracy import accuracy
from ntklib.learning._learnability import learnable_shares
from ntklib.learning._times import half_times, order

__all__ = [
    "accuracy",
    "half_times",
    "learnable_shares",
    "order",
    "zonal",
]
