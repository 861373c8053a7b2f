"""Spectra against adaptive quadrature, special functions and prescribed ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CLOSED_FORMS, Case, by_name, points, refused
from scipy import integrate, special

from ntklib import kernels, measures, spectrum
from ntklib.networks import Kernel

HIGHEST = 50
FREQUENCIES = np.arange(HIGHEST + 1)


def exponential(x1: jax.Array, x2: jax.Array) -> jax.Array:
    """κ(θ) = e^{cos θ}, whose eigenvalues are the modified Bessel functions I_j(1)."""
    return jnp.exp(x1 @ x2.T)


def by_adaptive_quadrature(case: Case) -> np.ndarray:
    """σ₀, …, σ₅₀ from the case's own kernel."""
    start = np.asarray([[1.0, 0.0]])

    def integrand(theta: float) -> np.ndarray:
        kappa = case.kernel(start, np.asarray([[np.cos(theta), np.sin(theta)]]))[0, 0]
        return kappa * np.cos(FREQUENCIES * theta) / np.pi

    return integrate.quad_vec(integrand, 0, np.pi, epsabs=1e-12, norm="max")[0]


@pytest.mark.parametrize(
    "case",
    [*CLOSED_FORMS, by_name("residual-erf-3-biases")],
    ids=lambda case: case.name,
)
def test_circle_eigenvalues_against_adaptive_quadrature(case: Case) -> None:
    expected = by_adaptive_quadrature(case)
    with jax.disable_jit():  # compiling takes longer
        got = spectrum.fourier_eigenvalues(case.network(2, 4).kernel, HIGHEST)
    relative = 1e-8 if case.name.startswith("relu") else 1e-10
    # Rounding is relative to the largest.
    rounding = 3e-15
    np.testing.assert_allclose(got, expected, rtol=relative, atol=rounding * expected.max())


def test_circle_eigenvalues_of_known_kernels() -> None:
    got = spectrum.fourier_eigenvalues(exponential, HIGHEST)
    np.testing.assert_allclose(got, special.iv(FREQUENCIES, 1.0), atol=3e-15, rtol=0)

    def corner(a: jax.Array, b: jax.Array) -> jax.Array:
        """1 − θ/π, with a corner like ReLU's kernels."""
        return 1 - jnp.arccos(jnp.clip(a @ b.T, -1, 1)) / jnp.pi

    expected = np.zeros(302)
    expected[0], expected[1::2] = 0.5, 2 / (np.pi * np.arange(1, 302, 2)) ** 2
    got = spectrum.fourier_eigenvalues(corner, 301)
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=5e-15)


@pytest.mark.parametrize("q", [8, 33])
@pytest.mark.parametrize("name", ["erf-1-biases", "relu-2-biases"])
def test_circle_eigensystem_is_mercers(name: str, q: int) -> None:
    measure = measures.circle(q)
    kernel = by_name(name).network(2, 4).kernel
    system = spectrum.circle(kernel, measure)
    k = 2 * ((q - 1) // 2) + 1
    assert system.values.shape == (k,)
    assert system.functions.shape == (k, q)
    gram = (system.functions * measure.weights[None]) @ system.functions.T
    np.testing.assert_allclose(gram, np.eye(k), atol=1e-12, rtol=0)
    assert np.all(np.diff(system.values) <= 0)

    # Each is an eigenfunction of T_K, integrated on nodes far finer than its own.
    fine = measures.circle(512)
    functions = spectrum.circle(kernel, fine, 5).functions * fine.weights[None]
    image = functions @ kernel(fine.nodes, measure.nodes)
    expected = system.values[:5, None] * system.functions[:5]
    # ReLU's corner slows equispaced nodes down.
    np.testing.assert_allclose(image, expected, atol=3e-6 if "relu" in name else 1e-13, rtol=0)


def test_circle_eigensystem_sums_to_the_kernel() -> None:
    measure = measures.circle(64)
    for name in ("erf-1", "erf-1-biases"):
        kernel = by_name(name).network(2, 4).kernel
        system = spectrum.circle(kernel, measure)
        rebuilt = (system.functions.T * system.values[None]) @ system.functions
        gram = np.asarray(kernel(measure.nodes, measure.nodes))
        np.testing.assert_allclose(rebuilt, gram, atol=1e-11 * gram.max(), rtol=0)
        # Its trace is κ(0), and T_K on the nodes is the same operator.
        assert float(jnp.sum(system.values)) == pytest.approx(gram[0, 0], rel=1e-11)
        image = gram @ np.asarray(system.functions * measure.weights[None]).T
        np.testing.assert_allclose(
            image.T, system.values[:, None] * system.functions, atol=1e-12 * gram.max(), rtol=0
        )


def test_circle_multiplicities_and_order() -> None:
    measure = measures.circle(12)
    system = spectrum.circle(exponential, measure)
    theta = measures.equispaced_angles(12)
    for j in range(1, 6):
        assert system.values[2 * j - 1] == system.values[2 * j]
        np.testing.assert_allclose(
            system.functions[2 * j - 1], np.sqrt(2) * np.cos(j * theta), atol=1e-14, rtol=0
        )
        np.testing.assert_allclose(
            system.functions[2 * j], np.sqrt(2) * np.sin(j * theta), atol=1e-14, rtol=0
        )
    np.testing.assert_array_equal(system.functions[0], 1.0)
    # erf without biases is odd: even frequencies, the constant too, have eigenvalue 0.
    odd = spectrum.circle(by_name("erf-1").network(2, 4).kernel, measure)
    assert np.all(odd.values[:6] > 1e-9)
    np.testing.assert_allclose(odd.values[6:], 0, atol=1e-15, rtol=0)
    np.testing.assert_allclose(odd.functions[0], np.sqrt(2) * np.cos(theta), atol=1e-14, rtol=0)


def test_coefficients_and_synthesis() -> None:
    measure = measures.circle(9)
    system = spectrum.circle(exponential, measure)
    for shape in ((9,), (4, 9), (2, 3, 9)):
        g = jnp.asarray(np.random.default_rng(0).standard_normal(shape))
        c = system.coefficients(g)
        assert c.shape == shape
        # With as many functions as nodes they are a basis: Parseval, and back again.
        np.testing.assert_allclose(jnp.sum(c**2, axis=-1), measure.inner(g, g), rtol=1e-13)
        np.testing.assert_allclose(system.synthesis(c), g, atol=1e-13, rtol=0)
    part = system.leading(3)
    np.testing.assert_array_equal(part.values, system.values[:3])
    projected = part.synthesis(part.coefficients(g))
    np.testing.assert_allclose(part.coefficients(projected), c[..., :3], atol=1e-13, rtol=0)
    assert np.all(measure.norm(projected) < measure.norm(g))


@pytest.mark.parametrize("q", [9, 10])
def test_frequency_norms_are_those_of_the_projections(q: int) -> None:
    measure = measures.circle(q)
    theta = np.asarray(measures.equispaced_angles(q))
    g = np.random.default_rng(0).standard_normal((2, 3, q))
    got = spectrum.frequency_norms(jnp.asarray(g), measure, 4)
    assert got.shape == (2, 3, 5)
    np.testing.assert_allclose(got[..., 0], np.abs(g.mean(axis=-1)), rtol=1e-12)
    for j in range(1, 5):
        parts = [np.mean(g * np.sqrt(2) * f(j * theta), axis=-1) for f in (np.cos, np.sin)]
        np.testing.assert_allclose(got[..., j], np.hypot(*parts), rtol=1e-12)
    with refused("most must be between 0 and 4, got 5."):
        spectrum.frequency_norms(jnp.asarray(g), measure, 5)
    with refused("measure must be measures.circle(nodes), got 'empirical'"):
        spectrum.frequency_norms(jnp.asarray(g), measures.empirical(jnp.ones((q, 2))), 4)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("q", [5, 12])
def test_nystrom_recovers_a_prescribed_spectrum(q: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(q, 3.0))
    measure = measures.empirical(jnp.asarray(random.standard_normal((q, 2))), jnp.asarray(weights))
    rotation, _ = np.linalg.qr(random.standard_normal((q, q)))
    functions = rotation.T / np.sqrt(weights)[None]
    values = 2.0 ** -np.arange(q)
    values[-1] = 0
    gram = (functions.T * values) @ functions
    gram = (gram + gram.T) / 2
    for k in (None, 1, q - 1, q):
        system = spectrum.nystrom(jnp.asarray(gram), measure, k)
        kept = q if k is None else k
        np.testing.assert_allclose(system.values, values[:kept], atol=1e-13 * gram.max(), rtol=0)
        assert float(jnp.min(system.values)) >= 0
        overlap = (np.asarray(system.functions) * weights) @ functions.T
        np.testing.assert_allclose(np.abs(overlap), np.eye(kept, q), atol=1e-9, rtol=0)
    assert system.measure is measure


def test_nystrom_on_equispaced_nodes_is_the_circle_spectrum() -> None:
    measure = measures.circle(48)
    for kernel in (exponential, by_name("erf-3-biases").network(2, 4).kernel):
        gram = kernel(measure.nodes, measure.nodes)
        by_nodes = spectrum.nystrom(gram, measure, 15)
        closed = spectrum.circle(kernel, measure, 15)
        np.testing.assert_allclose(
            by_nodes.values, closed.values, atol=1e-11 * float(closed.values[0]), rtol=0
        )


def test_nystrom_on_samples_approaches_the_circle_spectrum() -> None:
    circle = measures.circle(64)
    exact = np.asarray(spectrum.circle(exponential, circle, 5).values)
    sizes, draws = (16, 64, 256), 8
    errors = []
    for n in sizes:
        samples = [circle.sample(jax.random.key(seed), n) for seed in range(draws)]
        found = [
            spectrum.nystrom(exponential(x, x), measures.empirical(x), 5).values for x in samples
        ]
        errors.append(np.sqrt(np.mean((np.asarray(found) - exact) ** 2)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.7 < slope < -0.3, errors


def test_bad_input_is_refused() -> None:
    measure = measures.circle(8)
    assert spectrum.circle(exponential, measure, 7).values.shape == (7,)
    with refused("k must be between 1 and 7, got 8."):
        spectrum.circle(exponential, measure, 8)
    with refused("k must be between 1 and 7, got 0."):
        spectrum.circle(exponential, measure, 0)
    with refused("k must be between 1 and 7, got 8."):
        spectrum.circle(exponential, measure).leading(8)
    sphere = measures.sphere(3, 4)
    with refused("measure must be measures.circle(nodes), got 'uniform on the sphere in 3 dim"):
        spectrum.circle(exponential, sphere)
    shifted = measures.empirical(measure.nodes[::-1], name="reversed")
    with refused("got 'reversed' with nodes of shape (8, 2): use nystrom() for other measures."):
        spectrum.circle(exponential, shifted)


def test_kernels_that_are_none_are_refused() -> None:
    measure = measures.circle(8)

    def turned(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.exp(a @ jnp.diag(jnp.asarray([1.0, 2.0])) @ b.T)

    def one_sided(a: jax.Array, b: jax.Array) -> jax.Array:
        """Depends on θ − θ', but isn't even."""
        angle = measures.angles_of(a)[:, None] - measures.angles_of(b)[None, :]
        return 2 + jnp.sin(angle)

    for kernel in (turned, one_sided):
        with refused("kernel must depend on the angle between its arguments only, but a rotation"):
            spectrum.circle(kernel, measure)

    def indefinite(size: float) -> Kernel:
        return lambda a, b: 1 - size * (2 * (a @ b.T) ** 2 - 1)

    assert np.all(spectrum.circle(indefinite(1e-9), measure).values >= 0)
    with refused(
        "kernel must be positive semidefinite, but frequency 2 has the eigenvalue -0.25: "
        "it is no kernel."
    ):
        spectrum.circle(indefinite(0.5), measure)


def test_gram_matrices_that_are_none_are_refused() -> None:
    measure = measures.empirical(jnp.asarray(points(3)))
    eye = jnp.eye(3)
    with refused("gram must be symmetric, but differs from its transpose by 0.1 of its largest"):
        spectrum.nystrom(eye.at[0, 1].set(0.1), measure)
    with refused(
        "gram, weighted by the measure, must be positive semidefinite, but has the eigenvalue "
        "-0.333 (largest 0.333): it is no kernel's Gram matrix."
    ):
        spectrum.nystrom(eye.at[0, 0].set(-1.0), measure)
    with refused("gram holds 1 NaN or infinite value(s) among 9"):
        spectrum.nystrom(eye.at[0, 0].set(jnp.nan), measure)
    with refused("gram must be square, got shape (2, 3)."):
        spectrum.nystrom(eye[:2], measure)
    with refused("gram has 4 entries and measure has 3: they must agree."):
        spectrum.nystrom(jnp.eye(4), measure)
    with refused("k must be between 1 and 3, got 4."):
        spectrum.nystrom(eye, measure, 4)


def weighted(values: np.ndarray, count: int, seed: int = 0) -> spectrum.Eigensystem:
    """Prescribed eigenvalues on random nodes with random weights."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.full(count, 3.0))
    nodes = jnp.asarray(random.standard_normal((count, 2)))
    rotation, _ = np.linalg.qr(random.standard_normal((count, len(values))))
    functions = rotation.T / np.sqrt(weights)[None]
    measure = measures.empirical(nodes, jnp.asarray(weights))
    return spectrum.Eigensystem(jnp.asarray(values), jnp.asarray(functions), measure)


@pytest.mark.parametrize(("q", "d", "seed"), [(7, 2, 0), (12, 3, 1)])
def test_extension_continues_mercers_sum(q: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, q)
    nodes = jnp.asarray(points(q, d, seed))
    measure = measures.empirical(nodes, jnp.asarray(weights / weights.sum()))
    system = spectrum.nystrom(kernels.rbf(nodes, nodes, 0.7), measure)
    assert float(system.values[-1] / system.values[0]) > 1e-5
    # At the nodes it changes nothing; elsewhere Σ σ φ(x) φ(x_j) is still K(x, x_j).
    at_nodes = spectrum.extension(system, kernels.rbf(nodes, nodes, 0.7))
    np.testing.assert_allclose(at_nodes, system.functions, atol=1e-10, rtol=0)
    cross = kernels.rbf(jnp.asarray(points(5, d, seed + 2)), nodes, 0.7)
    extended = spectrum.extension(system, cross)
    rebuilt = (extended.T * system.values[None]) @ system.functions
    np.testing.assert_allclose(rebuilt, cross, atol=1e-13, rtol=0)
    few = spectrum.extension(system.leading(3), cross)
    np.testing.assert_allclose(few, extended[:3], atol=1e-14, rtol=0)


def test_extension_of_nodes_on_the_circle_is_the_fourier_mode() -> None:
    coarse, fine = measures.circle(24), measures.circle(60)
    system = spectrum.nystrom(exponential(coarse.nodes, coarse.nodes), coarse, 7)
    cross = exponential(fine.nodes, coarse.nodes)
    moved = spectrum.transfer(system, cross, fine)
    # Equispaced nodes make no error, so there is nothing for Gram–Schmidt to do.
    np.testing.assert_allclose(
        moved.functions, spectrum.extension(system, cross), atol=1e-10, rtol=0
    )
    modes = spectrum.circle(exponential, fine, 7)
    for k in (1, 3, 5, 7):
        assert float(spectrum.principal_angles(modes, moved, k)[-1]) < 1e-10


@pytest.mark.parametrize("seed", [0, 1])
def test_transferred_functions_are_orthonormal_and_keep_their_spans(seed: int) -> None:
    measure = measures.circle(40)
    sample = measure.sample(jax.random.key(seed), 15)
    drawn = measures.empirical(sample)
    system = spectrum.nystrom(exponential(sample, sample), drawn, 5)
    cross = exponential(measure.nodes, sample)
    moved = spectrum.transfer(system, cross, measure)
    assert moved.measure is measure
    np.testing.assert_array_equal(moved.values, system.values)
    gram = (moved.functions * measure.weights[None]) @ moved.functions.T
    np.testing.assert_allclose(gram, np.eye(5), atol=1e-12, rtol=0)
    # Function number k is made of the first k, and turned the right way round.
    made_of = np.asarray(moved.coefficients(spectrum.extension(system, cross)))
    np.testing.assert_allclose(np.triu(made_of, 1), 0, atol=1e-12)
    assert np.all(np.diag(made_of) > 0)
    assert np.max(np.abs(made_of - np.eye(5))) > 1e-2  # there was something to do


def test_extension_refuses_what_it_cannot_extend() -> None:
    measure = measures.circle(12)
    functions = spectrum.circle(exponential, measure, 3).functions
    cross = exponential(measure.nodes[:4], measure.nodes)
    last = spectrum.Eigensystem(jnp.asarray([2.0, 1.0, 2.1e-12]), functions, measure)
    assert spectrum.extension(last, cross).shape == (3, 4)
    first = spectrum.Eigensystem(jnp.asarray([2.0, 1.0, 2e-12]), functions, measure)
    with refused(
        "system must have eigenvalues above 1e-12 of the largest, 2, to be extended, but number 3 "
        "is 2e-12: what is left of its function is rounding. Extend system.leading(2)."
    ):
        spectrum.extension(first, cross)
    with refused("cross's last axis has 11 entries and system.measure has 12: they must agree."):
        spectrum.extension(last, cross[:, :11])
    with refused("cross must have the axes (x, q), got shape (12,)."):
        spectrum.extension(last, cross[0])
    with refused("cross has 4 entries and measure has 12: they must agree."):
        spectrum.transfer(last, cross, measure)
    three = measures.circle(3)
    assert spectrum.transfer(last, cross[:3], three).functions.shape == (3, 3)
    with refused(
        "measure must have at least as many nodes as system has functions, 3, got 2: transfer "
        "system.leading(2) or take more nodes."
    ):
        spectrum.transfer(last, cross[:2], measures.empirical(three.nodes[:2]))


@pytest.mark.parametrize("angles", [(0.0, 1e-9), (1e-12, 0.3), (1.2, np.pi / 2)])
def test_principal_angles_recover_a_prescribed_rotation(angles: tuple[float, float]) -> None:
    system = weighted(np.ones(6), 9)
    a, b, c, d, e, f = system.functions
    first = spectrum.Eigensystem(jnp.ones(3), jnp.stack([a, b, c]), system.measure)
    turned = [np.cos(x) * u + np.sin(x) * v for x, u, v in zip(angles, (b, a), (d, e), strict=True)]
    # The same span in another basis, and a third function that only enters without k.
    mixed = jnp.stack([(turned[0] + turned[1]) / 2**0.5, (turned[0] - turned[1]) / 2**0.5, f])
    other = measures.empirical(system.measure.nodes, system.measure.weights, "equal nodes")
    second = spectrum.Eigensystem(jnp.ones(3), mixed, other)
    got = spectrum.principal_angles(first, second, 2)
    np.testing.assert_allclose(got, sorted(angles), rtol=1e-5, atol=5e-16)
    np.testing.assert_allclose(
        spectrum.principal_angles(first, second),
        [*sorted(angles), np.pi / 2],
        rtol=1e-5,
        atol=1e-15,
    )


def test_principal_angles_need_one_measure_and_enough_functions() -> None:
    first, second = weighted(np.ones(3), 5), weighted(np.ones(3), 5, seed=1)
    assert spectrum.principal_angles(first, first, 3).shape == (3,)
    with refused("k must be between 1 and 3, got 4."):
        spectrum.principal_angles(first, first, 4)
    with refused("first has 3 entries and second has 2: they must agree."):
        spectrum.principal_angles(first, first.leading(2))
    for other in (second, weighted(np.ones(3), 6)):
        with refused(
            "first and second must be on one measure, got 'empirical' with 5 nodes and 'empirical' "
            f"with {other.functions.shape[1]}: compute both on the same nodes."
        ):
            spectrum.principal_angles(first, other)


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


def test_spectra_need_double_precision() -> None:
    measure = measures.circle(4)
    gram = kernels.rbf(measure.nodes, measure.nodes, 1.0)
    with jax.enable_x64(False):
        with refused("A spectrum needs float64, and JAX is in single precision"):
            spectrum.circle(exponential, measure)
        with refused("A spectrum needs float64"):
            spectrum.nystrom(gram, measure)
        with refused("A spectrum needs float64"):
            spectrum.fisher_spectrum(gram, measure)
        with refused("A spectrum needs float64"):
            spectrum.matrix_free(lambda v: gram @ v, measure, 1)
        with refused("A spectrum needs float64"):
            spectrum.funk_hecke(exponential, 3, 1)
        with refused("A spectrum needs float64"):
            spectrum.sphere(exponential, measure)


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
