"""What every public function asks of its input; each message says what to do about it."""

import operator
from collections.abc import Sequence
from typing import Any, SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def require_x64(purpose: str) -> None:
    """Raises a ValueError in single precision; `purpose` is the subject of its message."""
    if not jax.config.read("jax_enable_x64"):
        raise ValueError(
            f"{purpose} needs float64, and JAX is in single precision: "
            'run jax.config.update("jax_enable_x64", True) before the first array is made.'
        )


def whole_number(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Returns `value` as an int within [least, most], or says what is wrong with it.

    Whole numbers are Python's, NumPy's and JAX's integers without axes. 2.0 is none, nor is True,
    which Python takes for 1.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} must be a whole number, got {value!r}.")
    if number < least or (most is not None and number > most):
        wanted = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ValueError(f"{name} must be {wanted}, got {number}.")
    return number


def real_number(name: str, value: Any) -> float:
    """Returns `value` as a float, which text and True are not, or says what is wrong with it."""
    try:
        number = None if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return number


def positive(name: str, value: SupportsFloat) -> float:
    """Returns `value` as a positive finite float, or says what is wrong with it."""
    number = real_number(name, value)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive finite number, got {number}.")
    return number


def not_negative(name: str, value: SupportsFloat) -> float:
    """Returns `value` as a finite float of at least 0, or says what is wrong with it."""
    number = real_number(name, value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, got {number}.")
    return number


def fraction(name: str, value: SupportsFloat) -> float:
    """Returns `value` as a float strictly between 0 and 1, or says what is wrong with it."""
    number = real_number(name, value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {number}.")
    return number


def real_array(name: str, value: Any, axes: str | None = None) -> Array:
    """Returns `value` as a finite floating-point array, or says what is wrong with it.

    The expected axes are named, such as "n d"; None allows any number of them, but no empty one.
    """
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of numbers, got {value!r}.") from None
    form(name, array, axes)
    if isinstance(array, jax.core.Tracer):  # inside jit there are no values to look at
        return array
    # By NumPy, which has nothing to compile for a new shape.
    finite(name, int(np.sum(~np.isfinite(np.asarray(array)))), array.size)
    return array


def form(name: str, array: Any, axes: str | None = None) -> None:
    """Raises an error unless an array, or what has its type and shape, is one of real numbers."""
    if not jnp.issubdtype(array.dtype, jnp.floating):
        whole = jnp.issubdtype(array.dtype, jnp.integer)
        raise TypeError(
            f"{name} must hold real floating-point numbers, got dtype {array.dtype}."
            + " Convert whole numbers by .astype(float)." * whole
        )
    if axes is not None and array.ndim != len(axes.split()):
        wanted = axes.split()
        flatten = wanted[-1] == "d" and array.ndim > len(wanted)
        raise ValueError(
            f"{name} must have the axes ({', '.join(wanted)}), got shape {array.shape}."
            + " A point is a vector: flatten each, such as by x.reshape(len(x), -1)." * flatten
        )
    if 0 in array.shape:
        raise ValueError(f"{name} is empty (shape {array.shape}): give at least one entry.")


def finite(name: str, bad: int, among: int) -> None:
    if bad:
        raise ValueError(
            f"{name} holds {bad} NaN or infinite value(s) among {among}: "
            "remove them or find out where they come from."
        )


def same_length(name: str, length: int, other: str, other_length: int) -> None:
    """Raises a ValueError unless the two lengths agree."""
    if length != other_length:
        raise ValueError(
            f"{name} has {length} entries and {other} has {other_length}: they must agree."
        )


def at_nodes(name: str, values: Any, weights: Any) -> None:
    """Raises a ValueError unless the last axis has one value for each node of a measure."""
    if values.shape[-1:] != weights.shape:
        raise ValueError(
            f"{name} must have one value for each of the measure's {weights.shape[0]} nodes on its "
            f"last axis, got shape {values.shape}."
        )


def increasing_times(times: Any) -> Float[Array, " s"]:
    """Returns `times` as a float array, strictly increasing and non-negative.

    Inside jit it can't tell.
    """
    array = real_array("times", times, "s")
    if isinstance(array, jax.core.Tracer):
        return array
    on_host = np.asarray(array)
    if on_host[0] < 0:
        raise ValueError(f"times must be non-negative, got {float(on_host[0])} first.")
    falls = np.flatnonzero(np.diff(on_host) <= 0)
    if falls.size:
        at = int(falls[0])
        earlier, later = map(float, on_host[at : at + 2])
        raise ValueError(
            f"times must be strictly increasing, but times[{at}] = {earlier} is followed "
            f"by {later}: sort them and drop repetitions."
        )
    return array


def on_sphere(name: str, points: Float[Array, "... d"]) -> None:
    """Raises a ValueError unless every point has Euclidean norm 1; inside jit it can't tell."""
    if isinstance(points, jax.core.Tracer):
        return
    norms = np.linalg.norm(np.asarray(points), axis=-1)
    tolerance = 1e3 * float(np.finfo(points.dtype).eps)
    worst = float(norms.flat[np.argmax(np.abs(norms - 1))])
    if not abs(worst - 1) <= tolerance:  # so that NaN is refused, too
        raise ValueError(
            f"{name} must lie on the unit sphere, but one has norm {worst:.6g}: "
            "divide each point by its norm."
        )


def increasing_sizes(name: str, sizes: Sequence[Any], *, least: int) -> np.ndarray:
    """Returns at least `least` positive, strictly increasing sizes as a float array."""
    try:
        array = np.asarray(sizes, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must list numbers, got {sizes!r}.") from None
    if array.ndim != 1 or array.size < least:
        raise ValueError(f"{name} must list at least {least} sizes, got shape {array.shape}.")
    if not (np.all(np.isfinite(array)) and array[0] > 0 and np.all(np.diff(array) > 0)):
        raise ValueError(f"{name} must be positive and strictly increasing, got {array.tolist()}.")
    return array
