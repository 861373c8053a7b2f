"""House style: labelled axes, colour-blind safe, legible in the light and the dark theme."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ntklib.book._drawn import Drawing, Panel
from ntklib.book._plane import level_map
from ntklib.statistics import Rate

__all__ = [
    "COLOURS",
    "STYLE",
    "TIME",
    "level_map",
    "mode_decay",
    "panels",
    "power_law",
    "scree",
    "share_map",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette, told apart with every common colour vision."""

STYLE: dict[str, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    # The page's dark theme doesn't reach into an image, so it brings its own white ground.
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 11,
    "grid.alpha": 0.3,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "savefig.facecolor": "white",
}
"""Pass to `matplotlib.pyplot.style.use`, or to `style.context` for one figure."""

TIME = "time t"
"""Label of an axis of the gradient flow's time."""


def panels(columns: int, rows: int = 1, height: float = 3.4) -> tuple[Figure, np.ndarray]:
    """Makes a figure of equal panels, as wide as the page's text.

    A notebook that shows it has its data too, of which the book makes a CSV file.

    Args:
      columns: panels side by side.
      rows: panels above each other.
      height: of one row, in inches.

    Returns:
      The figure and its axes, shape (rows, columns).

    Example:
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(columns=3, rows=2)
      >>> axes.shape, figure.get_size_inches().tolist()
      ((2, 3), [9.0, 6.8])
    """
    return plt.subplots(
        rows, columns, figsize=(9.0, height * rows), squeeze=False,
        FigureClass=Drawing, subplot_kw={"axes_class": Panel},
    )  # fmt: skip


def mode_decay(
    ax: Axes,
    times: np.ndarray,
    measured: np.ndarray,
    predicted: np.ndarray,
    labels: Sequence[str],
) -> None:
    r"""Draws projections of the residual against time, each beside its prediction.

    Args:
      ax: where.
      times: shape (s,).
      measured: $|\langle r_t,\phi_i\rangle|$, shape (b, s, k): the median and the range from the
        10 % to the 90 % quantile over draws are shown.
      predicted: $e^{-\sigma_i t}|\langle r_0,\phi_i\rangle|$, shape (s, k), dashed.
      labels: one a mode.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(1)
      >>> times = np.array([1.0, 2.0])
      >>> predicted = np.exp(-times)[:, None]  # one mode
      >>> measured = predicted * np.array([0.9, 1.0, 1.1])[:, None, None]  # three draws
      >>> plots.mode_decay(axes[0, 0], times, measured, predicted, ["k = 1"])
      >>> axes[0, 0].get_yscale()
      'log'
    """
    low, middle, high = np.quantile(np.asarray(measured), [0.1, 0.5, 0.9], axis=0)
    for mode, label in enumerate(labels):
        colour = COLOURS[mode % len(COLOURS)]
        ax.fill_between(times, low[:, mode], high[:, mode], color=colour, alpha=0.2, linewidth=0)
        ax.plot(times, middle[:, mode], color=colour, label=label)
        ax.plot(times, np.asarray(predicted)[:, mode], "--", color=colour, linewidth=1)
    ax.set(xlabel=TIME, ylabel=r"$|\langle r_t, \phi_i\rangle_\rho|$", yscale="log")


def power_law(
    ax: Axes,
    sizes: np.ndarray,
    values: np.ndarray,
    rate: Rate,
    *,
    xlabel: str,
    ylabel: str,
    guaranteed: float | None = None,
    label: str = "",
    colour: str = COLOURS[0],
) -> None:
    """Draws draws against size in log–log, with the fitted and the guaranteed power law.

    The large markers are the statistic over draws that was fitted.

    Args:
      ax: where.
      sizes: shape (sizes,).
      values: positive, shape (sizes, draws).
      rate: the fit.
      xlabel: the size and its unit.
      ylabel: the value and its unit.
      guaranteed: the guaranteed exponent, drawn through the fit's value at the first size.
      label: of the fit, in front of its exponent.
      colour: of the draws and the fit.

    Example:
      >>> import numpy as np
      >>> from ntklib import statistics
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(1)
      >>> rate = statistics.Rate(
      ...     exponent=-0.5, low=-0.6, high=-0.4, intercept=0.0, level=0.95, statistic=0.5
      ... )
      >>> sizes = np.array([16.0, 64.0])
      >>> values = rate.at(sizes)[:, None]
      >>> plots.power_law(axes[0, 0], sizes, values, rate, xlabel="width m", ylabel="distance")
      >>> axes[0, 0].get_legend_handles_labels()[1]
      ['exponent -0.50 [-0.60, -0.40]']
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(values)
    ax.plot(x, y, ".", color=colour, alpha=0.25, markersize=4)
    ax.plot(x, rate.summary(y), "o", color=colour)
    ax.plot(x, rate.at(x), color=colour, label=f"{label} exponent {rate}".strip())
    if guaranteed is not None:
        line = rate.at(x[:1]) * (x / x[0]) ** guaranteed
        ax.plot(x, line, ":", color=COLOURS[-1], label=f"guaranteed exponent {guaranteed:g}")
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(x, [f"{size:.3g}" for size in x])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.legend()


def share_map(ax: Axes, times: np.ndarray, share: np.ndarray, *, title: str) -> Any:
    """Draws log₁₀(left side / right side) over time and mode; white is equality, blue holds.

    Args:
      ax: where.
      times: shape (s,), positive.
      share: left side over right side, shape (s, k).
      title: of the panel.

    Returns:
      The mesh, for a colour bar. Every map has the same colours, from 10⁻⁴ to 10.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(1)
      >>> share = np.array([[0.1, 0.01], [1.0, 0.1]])
      >>> mesh = plots.share_map(axes[0, 0], np.array([1.0, 2.0]), share, title="Corollary 2")
      >>> bar = figure.colorbar(mesh, label="log₁₀ (left / right)")
      >>> mesh.get_clim()
      (-4.0, 1.0)
    """
    logs = np.log10(np.maximum(np.asarray(share), 1e-300))
    modes = np.arange(1, logs.shape[1] + 1)
    norm = TwoSlopeNorm(0.0, -4.0, 1.0)
    mesh = ax.pcolormesh(np.asarray(times), modes, logs.T, cmap="RdBu_r", norm=norm)
    ax.set(xscale="log", xlabel=TIME, ylabel="k, modes kept by $P_k$", title=title)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    return mesh


def scree(
    ax: Axes, spectra: np.ndarray, *, label: str, colour: str = COLOURS[0], most: int = 1000
) -> None:
    r"""Draws normalized spectra $\lambda_k/\lambda_1$ on a logarithmic axis, a line for each draw.

    Args:
      ax: where.
      spectra: the eigenvalues in descending order, shape (draws, k).
      label: of the first draw; the others have none.
      colour: of all draws.
      most: eigenvalues that are shown, from the first.

    Example:
      >>> import numpy as np
      >>> from ntklib.book import plots
      >>> figure, axes = plots.panels(1)
      >>> plots.scree(axes[0, 0], np.array([[4.0, 2.0, 1.0]]), label="one draw")
      >>> axes[0, 0].lines[0].get_ydata().tolist()
      [1.0, 0.5, 0.25]
    """
    values = np.asarray(spectra)
    modes = np.arange(1, min(most, values.shape[1]) + 1)
    for index, draw in enumerate(values):
        ax.plot(
            modes, draw[: len(modes)] / draw[0], color=colour, linewidth=0.9, alpha=0.7,
            label="_nolegend_" if index else label,
        )  # fmt: skip
    ax.set(yscale="log", xlabel="k", ylabel=r"$\lambda_k / \lambda_1$")
