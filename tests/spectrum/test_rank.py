"""Effective ranks of known spectra, and the Fisher matrix's spectrum from the Gram matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import measures, spectrum


def test_effective_rank() -> None:
    for scale in (1.0, 1e-300, 1e300):
        equal = scale * jnp.asarray([0.0, 1.0, 1.0, 1.0, 0.0])
        unequal = scale * jnp.asarray([0.25, 0.5, 0.25])
        assert spectrum.effective_rank(equal) == pytest.approx(3, rel=1e-14)
        assert spectrum.effective_rank(equal, "entropy") == pytest.approx(3, rel=1e-14)
        assert spectrum.effective_rank(unequal) == pytest.approx(2, rel=1e-14)
        # An entropy of 3/2 bits.
        assert spectrum.effective_rank(unequal, form="entropy") == pytest.approx(2**1.5, rel=1e-14)
    # Independent factors multiply.
    a, b = np.random.default_rng(0).random((2, 5))
    for form in ("trace", "entropy"):
        joint = spectrum.effective_rank(np.outer(a, b).ravel(), form)
        product = spectrum.effective_rank(a, form) * spectrum.effective_rank(b, form)
        assert joint == pytest.approx(product, rel=1e-13)


def test_effective_rank_refuses_what_is_no_spectrum() -> None:
    assert spectrum.effective_rank([1.0, 0.0]) == 1
    with refused(
        "values must be non-negative and not all 0, got -1e-20 to 1: set to 0 what rounding made "
        "negative."
    ):
        spectrum.effective_rank([1.0, -1e-20])
    with refused("values must be non-negative and not all 0, got 0 to 0"):
        spectrum.effective_rank([0.0, 0.0])
    with refused("values holds 1 NaN or infinite value(s) among 2"):
        spectrum.effective_rank([1.0, np.nan])
    with refused("form must be one of trace, entropy, got 'stable'."):
        spectrum.effective_rank([1.0], "stable")  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [2, 9])
@pytest.mark.parametrize("outputs", [1, 3])
def test_fisher_spectrum_is_that_of_the_parameters_matrix(width: int, outputs: int) -> None:
    q, d = 12, 2
    random = np.random.default_rng(width)
    weights = random.dirichlet(np.full(q, 3.0))
    measure = measures.empirical(jnp.asarray(random.standard_normal((q, d))), jnp.asarray(weights))
    theta = jnp.asarray(random.standard_normal(width * (d + outputs)))
    assert (theta.size > q * outputs) == (width == 9)

    def network(theta: jax.Array) -> jax.Array:
        hidden = jnp.tanh(measure.nodes @ theta[: width * d].reshape(d, width))
        return hidden @ theta[width * d :].reshape(width, outputs)

    jacobian = np.asarray(jax.jacobian(network)(theta))  # (q, o, p)
    fisher = np.einsum("jap,jar,j->pr", jacobian, jacobian, weights)
    gram = np.einsum("iap,jbp->ijab", jacobian, jacobian)
    got = np.asarray(spectrum.fisher_spectrum(gram, measure))
    assert got.shape == (q * outputs,)
    count = max(theta.size, q * outputs)
    expected = np.sort(np.pad(np.linalg.eigvalsh(fisher), (0, count - theta.size)))[::-1]
    np.testing.assert_allclose(
        np.pad(got, (0, count - got.size)), expected, atol=1e-13 * got[0], rtol=0
    )
    assert got.min() >= 0
    if outputs == 1:
        np.testing.assert_array_equal(
            spectrum.fisher_spectrum(jnp.asarray(gram[:, :, 0, 0]), measure), got
        )


def test_fisher_spectrum_refuses_other_shapes() -> None:
    measure = measures.circle(4)
    assert spectrum.fisher_spectrum(jnp.eye(4), measure).shape == (4,)
    for shape in ((4,), (4, 4, 2), (4, 4, 2, 3)):
        with refused(f"gram must have shape (q, q) or (q, q, o, o), got shape {shape}."):
            spectrum.fisher_spectrum(np.ones(shape), measure)
    with refused("gram has 5 entries and measure has 4: they must agree."):
        spectrum.fisher_spectrum(np.ones((5, 5, 2, 2)), measure)
    with refused("gram must be square, got shape (10, 8)."):
        spectrum.fisher_spectrum(np.ones((5, 4, 2, 2)), measure)
    with refused("gram, weighted by the measure, must be positive semidefinite"):
        spectrum.fisher_spectrum(-jnp.eye(4), measure)


def test_eigenvalues_that_carry_a_share_of_the_trace() -> None:
    values = np.asarray([1.0, 4.0, 2.0, 1.0])
    for share, count in ((0.25, 1), (0.5, 1), (0.501, 2), (0.75, 2), (0.8, 3), (0.99, 4)):
        assert spectrum.carried_by(values, share) == count
    assert spectrum.carried_by(np.ones(200), 0.99) == 198
    # Σ_{k > K} k⁻² is between 1/(K + 1) and 1/K.
    power = 1 / np.arange(1.0, 100_001.0) ** 2
    assert 60 <= spectrum.carried_by(power, 0.99) <= 61
    with refused("values must be non-negative and not all 0, got -1 to 1"):
        spectrum.carried_by(np.asarray([1.0, -1.0]), 0.5)
    for share in (0.0, 1.0):
        with refused(f"share must lie strictly between 0 and 1, got {share}."):
            spectrum.carried_by(values, share)
