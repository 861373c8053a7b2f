"""The plane of widths and samples; the public name is in `plots`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm


def level_map(
    ax: Axes,
    widths: np.ndarray,
    samples: np.ndarray,
    measured: np.ndarray,
    predicted: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    xlabel: str,
    ylabel: str,
) -> Any:
    """Draws a predicted function of the plane with level lines, and measured cells as discs on it.

    Ground and discs have the same logarithmic colours, so a disc that can't be told from its ground
    is a prediction that hits.

    Args:
      ax: where.
      widths: of the cells, positive, shape (cells,).
      samples: of the cells, positive, shape (cells,).
      measured: positive, shape (cells,).
      predicted: (m, n) ↦ value, positive, over arrays that broadcast.
      xlabel: what the widths are.
      ylabel: what the samples are.

    Returns:
      The mesh, for a colour bar.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(1)
      >>> law = lambda m, n: 1 / m + 1 / n
      >>> m, n = np.array([16.0, 64.0]), np.array([64.0, 16.0])
      >>> mesh = plots.level_map(
      ...     axes[0, 0], m, n, law(m, n), law, xlabel="width m", ylabel="samples n"
      ... )
      >>> bar = figure.colorbar(mesh, label="mean ε")
      >>> axes[0, 0].get_xlabel()
      'width m'
    """
    x, y = (
        np.geomspace(np.min(sizes) / 1.5, np.max(sizes) * 1.5, 120) for sizes in (widths, samples)
    )
    ground = predicted(x[None, :], y[:, None])
    least, most = min(ground.min(), np.min(measured)), max(ground.max(), np.max(measured))
    norm = LogNorm(least, most)
    mesh = ax.pcolormesh(x, y, ground, norm=norm, rasterized=True)
    levels = 10.0 ** (np.arange(np.ceil(2 * np.log10(least)), 2 * np.log10(most)) / 2)
    lines = ax.contour(x, y, ground, levels, colors="white", linewidths=0.9)
    ax.clabel(lines, fmt="%.2g", fontsize=9)
    ax.scatter(widths, samples, 90, measured, norm=norm, edgecolors="white", linewidths=0.8)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.grid(visible=False)
    return mesh
