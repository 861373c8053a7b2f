"""Flows that don't come to their end: they stop at once, and the error says why."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from refusals import refused

from ntklib import dynamics, measures

CIRCLE = measures.circle(4)
METHODS = ("explicit", "exponential")


def linear(theta: Array, x: Array) -> Array:
    return x @ theta


def root(theta: Array, x: Array) -> Array:
    """Has no derivative at θ = 0, and no value below."""
    return jnp.sqrt(theta[0]) * x[:, 0]


def flow(network: Any, start: Any, times: tuple[float, ...], goal: float, **options: Any) -> Any:
    return dynamics.gradient_flow(
        network, jnp.asarray(start), lambda x: goal * x[:, 0], CIRCLE, jnp.asarray(times),
        progress=False, **options,
    )  # fmt: skip


def time_in(error: BaseException) -> float:
    return float(str(error).partition("t = ")[2].partition(",")[0])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_is_named(method: str) -> None:
    def both(first: float, second: float, goal: float) -> Any:
        return flow(root, [[first], [second]], (1.0, 4.0), goal, draws=True, method=method)

    assert both(1.0, 1.0, goal=2.0).residuals.shape == (2, 2, 4)
    with refused(
        "the flow stopped at t = 0, before 4, in draw(s) 1 of 2: the network is NaN or infinite at "
        "4 of 4 training points with θ₀.",
        RuntimeError,
    ):
        both(1.0, -1.0, goal=2.0)
    with refused(
        "the flow stopped at t = 0, before 4, in draw(s) 0 of 2: the loss's gradient at θ₀ is NaN "
        "or infinite in 1 of 1 parameters",
        RuntimeError,
    ):
        both(0.0, 1.0, goal=2.0)
    with refused(
        "before 4, in draw(s) 0, 1 of 2: all was finite at the start, but no step from there is",
        RuntimeError,
    ) as found:
        both(1.0, 0.5, goal=-1.0)
    # √θ goes from 1 to 0 by θ' = −(√θ + 1)/(4√θ), in the time ∫₀¹ 4√θ/(√θ + 1) dθ = 8 log 2 − 4.
    assert abs(time_in(found.value) - (8 * np.log(2) - 4)) < 5e-6  # six digits are told


def test_an_explicit_flow_that_is_too_long_names_the_other_method() -> None:
    with refused("before 1e+06, in its only draw: it made all max_steps = 400 steps, and at this "
                 "rate needs ", RuntimeError) as found:  # fmt: skip
        flow(linear, [1.0, 1.0], (1.0, 1e6), 1.0, max_steps=400)
    needed = float(str(found.value).partition("rate needs ")[2].partition(". ")[0])
    # The largest eigenvalue is 1/2, and steps up to 3.3 over it are stable.
    assert 400 < time_in(found.value) < 400 * 7
    assert needed == float(f"{400e6 / time_in(found.value):.1g}")
    assert str(found.value).endswith('method="exponential" needs few.')


def descend(network: Callable[[Array, Array], Array], start: Any, rate: float) -> Any:
    return dynamics.gradient_descent(
        network, jnp.asarray(start), CIRCLE.nodes[:, 0], CIRCLE, np.asarray([0, 1, 2000, 3000]),
        optimizer=rate, progress=False,
    )  # fmt: skip


def test_descent_says_from_where_on_it_is_not_finite() -> None:
    with refused("in 1 of 1 draw(s) by step 2000: lower the learning rate", RuntimeError):
        descend(linear, [1.0, 1.0], 50.0)
    with refused(
        "in 1 of 1 draw(s): at θ₀ itself the network is NaN or infinite at the inputs or nodes",
        RuntimeError,
    ):
        descend(root, [-1.0], 0.1)
