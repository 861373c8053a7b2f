"""What every public function asks of its input: the last value that works and the next."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import _checks, _matrices


def test_double_precision_is_asked_for_where_it_is_off() -> None:
    _checks.require_x64("A spectrum")
    with (
        jax.enable_x64(False),
        refused(
            "A spectrum needs float64, and JAX is in single precision: run "
            'jax.config.update("jax_enable_x64", True) before the first array is made.'
        ),
    ):
        _checks.require_x64("A spectrum")


def test_whole_numbers() -> None:
    assert _checks.whole_number("n", 1, least=1) == 1
    assert type(_checks.whole_number("n", np.int32(7), least=1, most=7)) is int
    with refused("n must be at least 1, got 0."):
        _checks.whole_number("n", 0, least=1)
    with refused("k must be between 1 and 7, got 8."):
        _checks.whole_number("k", 8, least=1, most=7)
    with refused("k must be between 1 and 7, got 0."):
        _checks.whole_number("k", 0, least=1, most=7)
    with refused("n must be a whole number, got 2.0.", TypeError):
        _checks.whole_number("n", 2.0, least=1)
    with refused("n must be a whole number, got '3'.", TypeError):
        _checks.whole_number("n", "3", least=1)


def test_positive_numbers() -> None:
    assert _checks.positive("rtol", np.float32(0.5)) == 0.5
    assert _checks.positive("rtol", 5e-324) == 5e-324
    for value, text in ((0.0, "0.0"), (-1, "-1.0"), (float("nan"), "nan"), (float("inf"), "inf")):
        with refused(f"rtol must be a positive finite number, got {text}."):
            _checks.positive("rtol", value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_arrays(dtype: type) -> None:
    given: np.ndarray = np.ones((2, 3), dtype)
    array = _checks.real_array("x", given, "n d")
    assert isinstance(array, jax.Array)
    assert array.dtype == dtype
    assert _checks.real_array("x", given).shape == (2, 3)
    with refused("x must have the axes (n), got shape (2, 3)."):
        _checks.real_array("x", given, "n")
    with refused("x must have the axes (n, d), got shape ()."):
        _checks.real_array("x", dtype(1.0), "n d")
    with refused("x is empty (shape (0, 3)): give at least one entry."):
        _checks.real_array("x", given[:0])
    for bad in (np.nan, np.inf, -np.inf):
        given[1, 2] = bad
        with refused(
            "x holds 1 NaN or infinite value(s) among 6: remove them or find out where they come "
            "from."
        ):
            _checks.real_array("x", given)
    with refused("got dtype int64. Convert whole numbers: .astype(float).", TypeError):
        _checks.real_array("x", np.asarray([1, 2]))
    for wrong in ([1, 2], [True], [1j]):
        with refused("x must hold real floating-point numbers, got dtype ", TypeError):
            _checks.real_array("x", np.asarray(wrong))


def test_same_lengths() -> None:
    _checks.same_length("weights", 3, "points", 3)
    with refused("weights has 2 entries and points has 3: they must agree."):
        _checks.same_length("weights", 2, "points", 3)


def test_times_increase_from_zero_on() -> None:
    for times in ([0.0], [0.0, 1e-300], [0.5, 0.75]):
        np.testing.assert_array_equal(_checks.increasing_times(times), times)
    with refused("times must be non-negative, got -1e-09 first."):
        _checks.increasing_times([-1e-9, 1.0])
    with refused(
        "times must be strictly increasing, but times[1] = 2.0 is followed by 2.0: "
        "sort them and drop repetitions."
    ):
        _checks.increasing_times([1.0, 2.0, 2.0])
    with refused("times[0] = 3.0 is followed by 1.0"):
        _checks.increasing_times([3.0, 1.0, 2.0])
    with refused("times holds 1 NaN or infinite value(s) among 2"):
        _checks.increasing_times([0.0, np.inf])
    with refused("times must have the axes (s), got shape (1, 1)."):
        _checks.increasing_times([[1.0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_points_on_the_sphere(dtype: type) -> None:
    eps = float(np.finfo(dtype).eps)
    x = jnp.asarray([[0.6, 0.8], [-1.0, 0.0]], dtype)
    _checks.on_sphere("x", x)
    _checks.on_sphere("x", x.at[1, 0].set(-1 - 900 * eps))
    with refused("x must lie on the unit sphere, but one has norm 1"):
        _checks.on_sphere("x", x.at[1, 0].set(-1 - 1100 * eps))
    with refused(
        "x must lie on the unit sphere, but one has norm 0.5: divide each point by its norm."
    ):
        _checks.on_sphere("x", x.at[1, 0].set(0.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_symmetric_positive_matrices(dtype: type) -> None:
    root = float(np.sqrt(np.finfo(dtype).eps))
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))

    def matrix(least: float) -> np.ndarray:
        product = rotation * np.asarray([2.0, 1.0, least]) @ rotation.T
        return ((product + product.T) / 2).astype(dtype)

    for least in (1.0, 0.0, -1.5 * root):  # rounding makes a zero eigenvalue slightly negative
        np.testing.assert_array_equal(
            _matrices.symmetric_positive("K", matrix(least)), matrix(least)
        )
    with refused("K must be positive semidefinite, but has the eigenvalue -"):
        _matrices.symmetric_positive("K", matrix(-2.5 * root))
    with refused(
        "K must be positive semidefinite, but has the eigenvalue -0.5 (largest 2): "
        "it is no kernel's Gram matrix."
    ):
        _matrices.symmetric_positive("K", np.diag(np.asarray([2.0, 1.0, -0.5], dtype)))
    with refused("K must be positive semidefinite, but has the eigenvalue -2 (largest -1)"):
        _matrices.symmetric_positive("K", np.diag(np.asarray([-2.0, -1.0], dtype)))

    skew: np.ndarray = np.eye(3, dtype=dtype)
    skew[0, 1] = 0.9 * root
    _matrices.symmetric_positive("K", skew)
    skew[0, 1] = 0.25
    with refused(
        "K must be symmetric, but differs from its transpose by 0.25 of its largest entry: "
        "use (K + K.T)/2 if that is rounding, or check the kernel's arguments."
    ):
        _matrices.symmetric_positive("K", skew)
    with refused("K must be square, got shape (2, 3)."):
        _matrices.symmetric_positive("K", skew[:2])
    with refused("K holds 1 NaN or infinite value(s) among 9"):
        _matrices.symmetric_positive("K", np.where(skew == skew[0, 1], np.nan, skew).astype(dtype))


def test_symmetry_is_checked_tile_by_tile() -> None:
    n = _matrices.TILE + 3
    random = np.random.default_rng(0).standard_normal((n, n))
    matrix = random + random.T
    assert np.shares_memory(_matrices.symmetric("K", matrix), matrix)
    on_device = jnp.asarray(matrix)
    assert np.shares_memory(_matrices.symmetric("K", on_device), np.asarray(on_device))
    for place in ((0, 1), (0, n - 1), (n - 1, 0), (n - 1, n - 2)):
        bad = matrix.copy()
        bad[place] += 2 * np.max(np.abs(matrix))
        with refused("K must be symmetric, but differs from its transpose by "):
            _matrices.symmetric("K", bad)
        bad[place] = np.nan
        with refused(f"K holds 1 NaN or infinite value(s) among {n * n}"):
            _matrices.symmetric("K", bad)
    with refused("K must hold real floating-point numbers, got dtype int64.", TypeError):
        _matrices.symmetric("K", np.eye(2, dtype=int))
    with refused("K must be a matrix, got a function: give its values, kernel(x, x).", TypeError):
        _matrices.symmetric("K", lambda x, y: x @ y.T)


def test_spectra_are_nonnegative_to_the_rounding_of_the_matrix() -> None:
    values = np.asarray([2.0, -2e-5])
    _matrices.nonnegative_spectrum("K", values, np.float32)
    with refused("K must be positive semidefinite, but has the eigenvalue -2e-05 (largest 2)"):
        _matrices.nonnegative_spectrum("K", values)


def test_the_zero_matrix_is_positive_semidefinite() -> None:
    np.testing.assert_array_equal(_matrices.symmetric_positive("K", np.zeros((2, 2))), 0)


def test_sizes_increase() -> None:
    np.testing.assert_array_equal(_checks.increasing_sizes("sizes", (1, 2, 4), least=3), [1, 2, 4])
    with refused("sizes must list at least 3 sizes, got shape (2,)."):
        _checks.increasing_sizes("sizes", (1, 2), least=3)
    for bad in ([1, 2, 2], [0, 1, 2], [1, 2, np.inf], [1, np.nan, 3]):
        with refused("sizes must be positive and strictly increasing, got ["):
            _checks.increasing_sizes("sizes", bad, least=3)
