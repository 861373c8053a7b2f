"""The coefficients of Tsitouras's method."""

import numpy as np

from ntklib.dynamics._runge_kutta import ERROR, STAGES


def test_the_coefficients_have_their_orders() -> None:
    """Quadrature of t^(k − 1), and one of the conditions on products, of orders up to 5 and 4."""
    nodes, step = STAGES.sum(axis=1), STAGES[-1]
    embedded = step - ERROR
    np.testing.assert_allclose(nodes[-2:], 1.0, atol=1e-15)
    assert np.all(np.triu(STAGES) == 0)  # explicit
    for k in range(1, 6):
        assert abs(step @ nodes ** (k - 1) - 1 / k) < 1e-13
    for k in range(1, 5):
        assert abs(embedded @ nodes ** (k - 1) - 1 / k) < 1e-13
    assert abs(embedded @ nodes**4 - 1 / 5) > 1e-4  # or it would tell no error
    # Σ bᵢ aᵢⱼ cⱼ^(k − 2) = 1/(k(k − 1)), for a first derivative that is itself such an integral.
    for k in range(2, 6):
        assert abs(step @ STAGES @ nodes ** (k - 2) - 1 / (k * (k - 1))) < 1e-13
