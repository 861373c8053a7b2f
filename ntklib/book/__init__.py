"""What the chapters record and show: claims with their verdicts, tables, plots, sliders."""

from typing import TYPE_CHECKING

from ntklib import _lazy

if TYPE_CHECKING:
    from ntklib.book import claims, interactive, plots
    from ntklib.book._table import Table

__all__ = ["Table", "claims", "interactive", "plots"]
# Imported when named: Sphinx reads `_marks` without JAX and Matplotlib.
_HOMES = {name: f"{__name__}.{name}" for name in ("claims", "interactive", "plots")}
__getattr__ = _lazy.attributes(__name__, {"Table": f"{__name__}._table", **_HOMES})


def __dir__() -> list[str]:
    return __all__
