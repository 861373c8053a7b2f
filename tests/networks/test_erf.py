"""The error function of erf networks against mpmath, to the last place."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from ntklib.networks import _erf, activations


def exact(x: float, order: int = 0) -> float:
    with mpmath.workdps(30):
        return float(mpmath.diff(mpmath.erf, x, order) if order else mpmath.erf(x))


def test_it_is_right_to_the_last_place() -> None:
    around = np.nextafter([1.0, 6.0], [[0.0], [9.0]]).ravel()
    sizes = np.concatenate([np.linspace(0.01, 7, 500), 10.0 ** np.arange(-300, 1, 20), around])
    x = np.concatenate([-sizes, sizes])
    expected = np.array([exact(each) for each in x])
    got = np.asarray(jax.jit(_erf.erf)(jnp.asarray(x)))
    assert np.max(np.abs(got - expected) / np.spacing(np.abs(expected))) <= 1
    np.testing.assert_array_equal(got[: sizes.size], -got[sizes.size :])
    ends = np.asarray(_erf.erf(jnp.asarray([0.0, -np.inf, np.inf, np.nan])))
    np.testing.assert_array_equal(ends, [0, -1, 1, np.nan])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_so_are_its_derivatives(order: int) -> None:
    derivative = activations.ACTIVATIONS["erf"].function
    for _ in range(order):
        derivative = jax.grad(derivative)
    x = np.array([-5.0, -1.0, -0.3, 0.0, 1e-9, 0.7, 1.0, 2.5])
    got = jax.vmap(derivative)(jnp.asarray(x))
    np.testing.assert_allclose(got, [exact(each, order) for each in x], rtol=1e-14, atol=1e-20)


def test_other_precisions_are_jaxs() -> None:
    x = jnp.linspace(-3, 3, 7, dtype=jnp.float32)
    np.testing.assert_array_equal(_erf.erf(x), jax.lax.erf(x))
    assert jax.jvp(_erf.erf, (x,), (x,))[1].dtype == jnp.float32
