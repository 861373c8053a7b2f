"""Accuracy, counted by hand."""

import numpy as np
import pytest
from refusals import refused

from ntklib import learning


def test_the_largest_output_is_counted_for_every_draw_and_time() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 20, 4))
    classes = np.random.default_rng(1).integers(0, 4, 20)
    found = learning.accuracy(values, classes)
    for b in range(2):
        for s in range(3):
            right = sum(max(range(4), key=row.__getitem__) == c for row, c in
                        zip(values[b, s], classes, strict=True))  # fmt: skip
            assert found[b, s] == pytest.approx(right / 20)
    assert 0 < found.min() < found.max() < 1


def test_what_is_refused() -> None:
    with refused("values must have a last axis of at least 2 classes, got shape (3, 1)."):
        learning.accuracy(np.ones((3, 1)), [0, 0, 0])
    with refused("classes has 2 entries and values' points has 3"):
        learning.accuracy(np.ones((3, 2)), [0, 0])
    with refused("classes must be from 0 to 1, like values' columns, got 0 to 2."):
        learning.accuracy(np.ones((3, 2)), [0, 1, 2])
