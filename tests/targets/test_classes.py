"""Labels of classes, against rows written out."""

import jax.numpy as jnp
import numpy as np
from refusals import refused

from ntklib import targets


def test_columns_are_classes_less_their_mean() -> None:
    got = targets.one_hot(np.asarray([2, 0]), 4)
    expected = [[-0.25, -0.25, 0.75, -0.25], [0.75, -0.25, -0.25, -0.25]]
    np.testing.assert_array_equal(got, expected)
    assert targets.one_hot([0, 2]).shape == (2, 3)


def test_labels_may_have_columns() -> None:
    x, y = jnp.asarray([[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]]), targets.one_hot([0, 1, 0])
    target = targets.Labels(x, y)
    np.testing.assert_array_equal(target(x[::-1]), y[::-1])
    assert target(jnp.ones((4, 3, 2))).shape == (4, 3, 2)


def test_what_is_no_class_is_refused() -> None:
    with refused("classes must be whole numbers, got dtype float64.", TypeError):
        targets.one_hot([0.0, 1.0])
    with refused("classes must list the class of each point, got shape (1, 2)."):
        targets.one_hot([[0, 1]])
    with refused("classes must be from 0 to 2, got 1 to 3: np.unique"):
        targets.one_hot([1, 3], 3)
    with refused("classes must be from 0 to 2, got -1 to 2"):
        targets.one_hot([-1, 2])
    with refused("count must be at least 2"):
        targets.one_hot([0, 0])
    with refused("values must have the axes (q), got shape (1, 1, 1)."):
        targets.Labels(jnp.ones((1, 2)), jnp.ones((1, 1, 1)))
