r"""Curvature of the loss at θ, and whether it goes with the error on new data.

The Hessian of $\Phi(\theta) = \frac{1}{2n}\sum_i (f(x_i;\theta) - y_i)^2$ is
$\partial^2_\theta\Phi = F + \frac1n\sum_i r_i\,\partial^2_\theta f(x_i;\theta)$ with the Fisher
information matrix $F = \frac1n\sum_i\nabla f(x_i)\nabla f(x_i)^T$, whose spectrum is
`spectrum.fisher_spectrum`, and $r_i = f(x_i;\theta) - y_i$: where the loss is 0, they are the same.
"""

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree
from scipy.stats import bootstrap, rankdata

from ntklib import _arguments, _checks, _door, _krylov, _network, _parameters, rates
from ntklib._network import Apply
from ntklib.networks import Network

LEAST_SETTINGS = 3
"""Of fewer settings, ranks say too little."""


def sharpness(
    network: Network | Apply,
    params: PyTree,
    inputs: Float[Array, "b n d"],
    labels: Float[Array, "b n"],
) -> Float[np.ndarray, " b"]:
    r"""The sharpness at each of several θ: the largest eigenvalue of the Hessian of the loss.

    By the Lanczos method from products $\partial^2_\theta\Phi\,v$, the derivative of the gradient
    along v (Pearlmutter 1994, "Fast exact multiplication by the Hessian"): no p × p matrix is
    formed. One product costs about two gradients, and an eigenvalue takes about a hundred.
    Gradient descent with step η is stable at a minimum with sharpness below 2/η.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d). It is
        compiled once for each object and shape.
      params: θ, each leaf with a leading axis b, in float64.
      inputs: the training points x_i of each θ, shape (b, n, d).
      labels: y_i, shape (b, n).

    Returns:
      The sharpness, in units of 1/time, shape (b,); negative where the loss is concave.

    Raises:
      RuntimeError: the Lanczos method didn't converge.
      TypeError: params, inputs or labels are not float64, or params mix types.
      ValueError: wrong shapes, NaN or infinite values, a single parameter, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import fisher
      >>> linear = lambda theta, x: x @ theta  # its Hessian is XᵀX/n
      >>> x = jnp.array([[[2.0, 0.0], [0.0, 4.0]]])
      >>> fisher.sharpness(linear, jnp.zeros((1, 2)), x, jnp.ones((1, 2))).round(6).tolist()
      [8.0]
    """
    _checks.require_x64("A spectrum")
    apply, _ = _network.functions(network)
    kinds = {
        "params": _parameters.dtype_of(params),
        "inputs": _checks.real_array("inputs", inputs, "b n d").dtype,
        "labels": _checks.real_array("labels", labels, "b n").dtype,
    }
    for name, kind in kinds.items():
        if kind != jnp.float64:
            raise TypeError(f"{name} must be float64 for a spectrum, got {kind}: convert them.")
    count = _parameters.draw_count(params)
    for name, given in (("inputs", inputs), ("labels", labels)):
        _checks.same_length(name, given.shape[0], "params' leading axis", count)
    _checks.same_length("labels' second axis", labels.shape[1], "inputs' second", inputs.shape[1])
    _door.one_number_a_point(network, params, inputs[0], "the inputs of a θ")
    p = sum(leaf[0].size for leaf in jax.tree.leaves(params))
    if p < 2:
        raise ValueError("params must hold at least two numbers: differentiate one twice yourself.")
    on_host = jax.device_get((params, inputs, labels))  # whose slices cost no compilation
    found = []
    for draw in range(count):
        point = jax.tree.map(lambda leaf, draw=draw: leaf[draw], on_host)
        values, _ = _krylov.leading(_along(point, apply), p, 1, "sharpness")
        found.append(values[0])
    return np.asarray(found)


def _along(point: tuple[PyTree, Any, Any], apply: Apply) -> _krylov.Product:
    """Returns v ↦ the Hessian times v at (θ, inputs, labels), in NumPy."""

    def product(v: np.ndarray) -> np.ndarray:
        return np.asarray(_product(*point, jnp.asarray(v), apply=apply))

    return product


@functools.partial(jax.jit, static_argnames="apply")
def _product(
    theta: PyTree, x: Float[Array, "n d"], y: Float[Array, " n"], v: Float[Array, " p"], *,
    apply: Apply,
) -> Float[Array, " p"]:  # fmt: skip
    """Returns the Hessian of the loss at θ times v."""
    flat, as_tree = ravel_pytree(theta)

    def loss(vector: Array) -> Array:
        return 0.5 * jnp.mean((apply(as_tree(vector), x) - y) ** 2)

    return jax.jvp(jax.grad(loss), (flat,), (v,))[1]


@dataclass(frozen=True, eq=False)
class Correlation:
    """Spearman's rank correlation, averaged over groups.

    Attributes:
      mean: over groups.
      low: lower end of its interval.
      high: upper end.
      each: of the groups, shape (draws,) within draws and (settings,) within settings.

    Example:
      >>> import numpy as np
      >>> from ntklib import fisher
      >>> print(fisher.Correlation(mean=0.5, low=0.25, high=0.75, each=np.array([0.25, 0.75])))
      +0.50 [+0.25, +0.75]
    """

    mean: float
    low: float
    high: float
    each: Float[np.ndarray, " groups"]

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def rank_correlation(
    x: Float[np.ndarray, "settings draws"],
    y: Float[np.ndarray, "settings draws"],
    *,
    within: Literal["draw", "setting"] = "draw",
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
) -> Correlation:
    """Spearman's rank correlation of two quantities, with one cause of their spread held fixed.

    Every draw (of θ₀ and sample) went through the same settings. Within draws, the settings of one
    draw are ranked and correlated: does the quantity tell good settings from bad ones? Within
    settings, the draws of one setting: does it tell good luck from bad? The mean has a percentile
    bootstrap interval that redraws whole draws, since the settings of a draw are not independent
    (Jiang et al. 2020, "Fantastic generalization measures", average over groups of hyperparameters
    in the same spirit).

    Args:
      x: the first quantity, shape (settings, draws).
      y: the second one.
      within: what is held fixed.
      groups: within draws, a label for each setting: only settings with the same label are ranked
        together, and a draw has the mean over the labels.
      seed: of the bootstrap.
      level: coverage of the interval.
      resamples: of the bootstrap.

    Returns:
      The mean correlation, its interval and the correlation of each draw or setting. Ties have
      mean ranks.

    Raises:
      TypeError: seed or resamples is no whole number.
      ValueError: wrong shapes, fewer than 16 draws or 3 settings (with a label), values that are
        not finite, a quantity that is constant where it is to be ranked, a level outside (0, 1),
        labels within settings, or another word for `within`.

    Example:
      >>> import numpy as np
      >>> from ntklib import fisher
      >>> x = np.random.default_rng(0).normal(size=(4, 16))
      >>> print(fisher.rank_correlation(x, x**3, resamples=100))
      +1.00 [+1.00, +1.00]
    """
    _arguments.choice("within", within, ("draw", "setting"))
    level = _checks.fraction("level", level)
    seed = _checks.whole_number("seed", seed, least=0)
    resamples = _checks.whole_number("resamples", resamples, least=1)
    first, second = (_table(name, table) for name, table in (("x", x), ("y", y)))
    if first.shape != second.shape:
        raise ValueError(f"x and y must have the same shape, got {first.shape}, {second.shape}.")
    draws = np.arange(first.shape[1])
    rows = _by_label(groups, len(first), within)
    if within == "draw":
        each = np.mean([_spearman(first[row].T, second[row].T) for row in rows], axis=0)

        def mean(chosen: np.ndarray, axis: int = -1) -> np.ndarray:
            return np.mean(each[chosen], axis=axis)
    else:
        each = _spearman(first, second)

        def mean(chosen: np.ndarray, axis: int = -1) -> np.ndarray:
            return np.mean(_spearman(first[:, chosen], second[:, chosen]), axis=0)

    if not np.all(np.isfinite(each)):
        raise ValueError(
            f"x or y is constant in {np.sum(~np.isfinite(each))} of {each.size} {within}s, where "
            "there is nothing to rank: leave them out and say so."
        )
    interval = bootstrap(
        (draws,), mean, vectorized=True, n_resamples=resamples, confidence_level=level,
        method="percentile", rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    value = float(np.mean(each))
    return Correlation(
        value, min(float(interval.low), value), max(float(interval.high), value), each
    )


def _by_label(groups: Sequence[Hashable] | None, settings: int, within: str) -> list[np.ndarray]:
    """Returns the settings of each label, all of them together without labels."""
    if groups is None:
        return [np.arange(settings)]
    if within != "draw":
        raise ValueError("groups are for settings within a draw: leave them out within settings.")
    _checks.same_length("groups", len(groups), "x", settings)
    rows = [
        np.asarray([row for row, each in enumerate(groups) if each == label])
        for label in dict.fromkeys(groups)
    ]
    for row in rows:
        if len(row) < LEAST_SETTINGS:
            raise ValueError(
                f"groups must have at least {LEAST_SETTINGS} settings with each label, but "
                f"{groups[row[0]]!r} has {len(row)}: leave them out of x and y."
            )
    return rows


def _table(name: str, table: np.ndarray) -> np.ndarray:
    values = np.asarray(_checks.real_array(name, table, "settings draws"))
    settings, draws = values.shape
    if settings < LEAST_SETTINGS or draws < rates.LEAST_DRAWS:
        raise ValueError(
            f"{name} must have at least {LEAST_SETTINGS} settings and {rates.LEAST_DRAWS} draws, "
            f"got shape {values.shape}."
        )
    return values


def _spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns Spearman's correlation over the last axis, NaN where a row is constant."""
    a, b = (rankdata(table, axis=-1) - (table.shape[-1] + 1) / 2 for table in (x, y))
    size = np.sqrt(np.sum(a**2, axis=-1) * np.sum(b**2, axis=-1))
    return np.where(size > 0, np.sum(a * b, axis=-1) / np.where(size > 0, size, 1.0), np.nan)
