"""What every public function asks of arguments that are no numbers: keys, words, flags, lists."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import _checks

REMEDY = "make one with jax.random.key(0), or b of them with jax.random.split(jax.random.key(0), b)"


def key(name: str, value: Any) -> Any:
    """Returns `value` if it is one random key, or says what is wrong with it."""
    _of_keys(name, value)
    if value.ndim:
        raise ValueError(
            f"{name} must be one key, got an array of them of shape {value.shape}: give one of "
            f"them, such as {name}[0], or map over all with jax.vmap."
        )
    return value


def keys(name: str, value: Any) -> Any:
    """Returns `value` if it is an axis of random keys, or says what is wrong with it."""
    _of_keys(name, value)
    if value.ndim != 1 or value.size == 0:
        raise ValueError(
            f"{name} must be b keys, an array of shape (b,), got shape {value.shape}: {REMEDY}."
        )
    return value


def _of_keys(name: str, value: Any) -> None:
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return
    got = repr(value)
    if isinstance(value, jax.Array | np.ndarray):
        got = f"an array of {value.dtype} of shape {value.shape}"
        if value.dtype == np.uint32:  # which would also pass for an axis of such keys
            got += ", as jax.random.PRNGKey makes them"
    raise TypeError(f"{name} must come from jax.random.key, got {got}: {REMEDY}.")


def choice(
    name: str, value: Any, options: Iterable[str], *, separator: str = ", ", remedy: str = ""
) -> str:
    """Returns `value` if it is one of the words that can be chosen, or says which there are.

    A remedy is a sentence after these, on what else will do.
    """
    # A word first: what isn't one may have no hash, or compare entry by entry.
    if not isinstance(value, str) or value not in options:
        words = separator.join(each or repr(each) for each in options)
        raise ValueError(f"{name} must be one of {words}, got {value!r}.{remedy}")
    return value


def flag(name: str, value: Any) -> bool:
    """Returns `value` as a bool: of a number or a word nobody knows what it means."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def sequence(name: str, value: Any, example: str) -> Sequence[Any]:
    """Returns `value` if it lists entries in an order, such as a tuple or an array of one axis.

    The example shows how a right one is written.
    """
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not listed and not (isinstance(value, jax.Array | np.ndarray) and value.ndim == 1):
        raise TypeError(f"{name} must be a sequence such as {example}, got {value!r}.")
    if len(value) == 0:
        raise ValueError(f"{name} is empty: give at least one entry, such as {example}.")
    return value


def whole_numbers(name: str, value: Any, example: str, *, least: int) -> tuple[int, ...]:
    """Returns at least one whole number, or says what is wrong with them."""
    return tuple(
        _checks.whole_number(f"{name}[{index}]", each, least=least)
        for index, each in enumerate(sequence(name, value, example))
    )


def real_numbers(name: str, value: Any, example: str) -> tuple[float, ...]:
    """Returns at least one finite real number, or says what is wrong with them."""
    numbers = tuple(
        _checks.real_number(f"{name}[{index}]", each)
        for index, each in enumerate(sequence(name, value, example))
    )
    _checks.real_array(name, np.asarray(numbers))
    return numbers


def float_type(dtype: Any) -> Any:
    """Returns the floating-point type of this name, JAX's default one for None."""
    if dtype is None:
        return jnp.dtype(jnp.result_type(float))
    try:
        kind = jnp.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or not jnp.issubdtype(kind, jnp.floating):
        raise TypeError(f"dtype must be a floating-point type such as jnp.float32, got {dtype!r}.")
    return kind
