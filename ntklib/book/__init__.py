"""What the chapters record and draw: claims with their verdicts, plots, figures with sliders."""

from typing import TYPE_CHECKING

from ntklib import _lazy

if TYPE_CHECKING:
    from ntklib.book import claims, interactive, plots

__all__ = ["claims", "interactive", "plots"]
# Imported when named: Sphinx reads `_marks` without JAX and Matplotlib.
__getattr__ = _lazy.attributes(__name__, {name: f"{__name__}.{name}" for name in __all__})
