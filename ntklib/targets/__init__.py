"""Target functions f*: sums of sinusoids, Fourier modes and zonal harmonics, and data's labels.

`one_hot` makes labels of classes.
"""

from ntklib.targets._classes import one_hot
from ntklib.targets._labels import Labels
from ntklib.targets._waves import FourierSum, SinusoidSum
from ntklib.targets._zonal import ZonalSum, gegenbauer

__all__ = ["FourierSum", "Labels", "SinusoidSum", "ZonalSum", "gegenbauer", "one_hot"]
