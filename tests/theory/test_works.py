r"""The comparison with other works: every formula against its source, written down anew here.

Sources: Bowman and Montúfar 2022b, Theorem 1 and Corollary 5; Montúfar's talk of March 2024, slides
"Comparison to other works" and "NTK and convergence"; Arora et al. 2019a, Theorem 4.1; Basri et al.
2020, Theorem 2; Cao et al. 2021, Theorem 4.2 of the preprint; Ji and Telgarsky 2020, abstract.
"""

import itertools
import math
import re

import numpy as np
import pytest
from refusals import refused

from ntklib import book, theory
from ntklib.theory._asymptotics import Growth
from ntklib.theory._rows import Work

POINT = {
    "T": 3.0, "epsilon": 0.07, "n": 50.0, "p": 400.0, "sigma": 0.2,
    "gap": 0.05, "k": 3.0, "M": 1.4, "lambda_0": 0.3,
}  # fmt: skip
STEP = 1.01

# By row and size: the exponents in the source, and the formula's LaTeX. A dot and a number stand
# for what the row's own works state.
FORMULAS = {
    ("theorem-1", "width"): ({"T": 4, "epsilon": -2}, r"\tilde\Omega(T^{4}/\epsilon^{2})"),
    ("theorem-1", "samples"): ({"T": 2, "epsilon": -2}, r"\tilde\Omega(T^{2}/\epsilon^{2})"),
    ("corollary-5", "width"): (
        {"sigma": -8, "epsilon": -2}, r"\tilde\Omega(\sigma_k^{-8}/\epsilon^{2})",
    ),
    ("corollary-5", "samples"): (
        {"sigma": -6, "epsilon": -2}, r"\tilde\Omega(\sigma_k^{-6}/\epsilon^{2})",
    ),
    ("underparameterized", "width"): ({"T": 2, "epsilon": -1}, r"\tilde\Omega(T^{2}/\epsilon)"),
    ("underparameterized", "samples"): (
        {"p": 1, "T": 2, "epsilon": -1}, r"\tilde\Omega(p\,T^{2}/\epsilon)",
    ),
    ("training-set.0", "width"): (
        {"n": 8, "lambda_0": -4, "epsilon": -4}, r"\Omega(n^{8}/(\lambda_0^{4}\,\epsilon^{4}))",
    ),
    ("training-set.1", "width"): ({"n": 24}, r"\tilde\Omega(n^{24})"),
    ("polylogarithmic", "width"): ({}, r"\tilde\Omega(1)"),
    ("polylogarithmic.0", "samples"): ({"epsilon": -2}, r"\tilde\Omega(\epsilon^{-2})"),
    ("low-rank", "width"): ({"n": 1}, r"\tilde\Omega(n)"),
    ("rkhs", "width"): ({"n": 1}, r"\tilde\Omega(n)"),
    ("overparameterized", "width"): ({"n": 1}, r"\tilde\Omega(n)"),
}  # fmt: skip
VARIABLES = tuple(POINT)


def growth_of(name: str, size: str) -> Growth:
    """The growth that is named in FORMULAS."""
    key, _, number = name.partition(".")
    row = theory.requirements[key]
    growth = getattr(row.stated[int(number)] if number else row, size)
    assert isinstance(growth, Growth)
    return growth


def log_differences(growth: Growth, point: dict[str, float]) -> list[float]:
    """The exponents that the values themselves have, one variable at a time."""
    here = growth(**point)
    return [
        float(np.log(growth(**(point | {name: point[name] * STEP})) / here) / math.log(STEP))
        for name in VARIABLES
    ]


@pytest.mark.parametrize(("name", "size"), FORMULAS)
def test_each_product_has_the_exponents_of_its_source(name: str, size: str) -> None:
    growth = growth_of(name, size)
    powers, latex = FORMULAS[name, size]
    expected = [powers.get(variable, 0) for variable in VARIABLES]
    np.testing.assert_allclose(log_differences(growth, POINT), expected, atol=1e-9)
    assert [growth.exponent(variable) for variable in VARIABLES] == expected
    assert growth.latex() == latex
    # With constants set to 1 the value is the product of powers itself.
    product = math.prod(POINT[variable] ** power for variable, power in powers.items())
    assert growth(**POINT) == pytest.approx(product, rel=1e-12)
    assert set(growth.variables) == set(powers)


MAXIMA = {
    "σ small": ("cutoff", "width", {"sigma": 0.1, "epsilon": 0.1}, {"sigma": -14}),
    "ε small": ("cutoff", "width", {"sigma": 0.5, "epsilon": 0.01}, {"epsilon": -6}),
    "gap small": ("cutoff.0", "samples", {"gap": 0.01}, {"gap": -2, "epsilon": -2}),
    "gap wide": ("cutoff.0", "samples", {"gap": 1.0}, {"M": 4, "k": 2, "epsilon": -2}),
}


@pytest.mark.parametrize(("name", "size", "where", "powers"), MAXIMA.values(), ids=MAXIMA)
def test_the_cutoff_row_has_maxima(
    name: str, size: str, where: dict[str, float], powers: dict[str, int]
) -> None:
    growth, point = growth_of(name, size), POINT | where
    expected = [powers.get(variable, 0) for variable in VARIABLES]
    np.testing.assert_allclose(log_differences(growth, point), expected, atol=1e-9)
    assert [growth.exponent(variable, **point) for variable in VARIABLES] == expected
    product = math.prod(point[variable] ** power for variable, power in powers.items())
    assert growth(**point) == pytest.approx(product, rel=1e-12)


def test_the_cutoff_row_says_which_term_is_larger() -> None:
    row = theory.requirements["cutoff"]
    assert row.width.latex() == r"\Omega(\max\{\sigma_k^{-14}, \epsilon^{-6}\})"
    assert growth_of("cutoff.0", "samples").latex() == (
        r"\tilde\Omega(\max\{\delta_k^{-2}, M^{4}\,k^{2}\}/\epsilon^{2})"
    )
    assert row.samples is None
    with refused("two terms are equal at this point"):
        row.width.exponent("sigma", sigma=1.0, epsilon=1.0)


def test_corollary_5_is_corollary_2_at_its_stopping_time() -> None:
    """ε' = σ_k² ε in place of ε at T = 1/σ_k: two rows of the table, derived from each other."""
    first, fifth = theory.requirements["theorem-1"], theory.requirements["corollary-5"]
    for sigma, epsilon in itertools.product((1.3, 0.1, 1e-3), (0.5, 1e-3)):
        at_stop = {"T": 1 / sigma, "epsilon": sigma**2 * epsilon}
        wanted = {"sigma": sigma, "epsilon": epsilon}
        assert fifth.width(**wanted) == pytest.approx(first.width(**at_stop), rel=1e-12)
        assert fifth.samples is not None
        assert first.samples is not None
        assert fifth.samples(**wanted) == pytest.approx(first.samples(**at_stop), rel=1e-12)


def test_the_underparameterized_row_asks_for_the_root_of_the_width() -> None:
    """And for n ≫ p, which the other does not."""
    deep, shallow = theory.requirements["theorem-1"], theory.requirements["underparameterized"]
    T, epsilon = np.meshgrid([1.0, 4.0, 30.0], [1.0, 0.1, 1e-3])
    width = shallow.width(T=T, epsilon=epsilon)
    np.testing.assert_allclose(deep.width(T=T, epsilon=epsilon), np.asarray(width) ** 2)
    assert shallow.samples is not None
    assert deep.samples is not None
    assert np.all(np.asarray(shallow.samples(T=T, epsilon=epsilon, p=7.0)) >= 7.0)
    assert "p" not in deep.samples.variables


@pytest.mark.parametrize("key", ["linearization", "training-set"])
def test_a_polynomial_of_unknown_degree_gives_no_number(key: str) -> None:
    row = theory.requirements[key]
    assert row.width.latex() == r"\Omega(\mathrm{poly}(n))"
    assert row.width.variables == ("n",)
    assert row.samples is None
    sentence = "the source asks for a polynomial in n without stating its exponent"
    with refused(sentence):
        row.width(n=100.0)
    with refused(sentence):
        row.width.exponent("n")


def test_arrays_broadcast_and_numbers_stay_numbers() -> None:
    growth = theory.requirements["theorem-1"].width
    grid = growth(T=np.array([1.0, 2.0])[:, None], epsilon=np.array([1.0, 0.5, 0.1]), p=3.0)
    np.testing.assert_allclose(grid, [[1, 4, 100], [16, 64, 1600]])
    assert isinstance(growth(T=2, epsilon=1), float)
    both = theory.requirements["cutoff"].width(sigma=np.array([1.0, 0.5]), epsilon=1.0)
    np.testing.assert_allclose(both, [1, 2**14])


def test_wrong_points_are_refused() -> None:
    growth = theory.requirements["theorem-1"].width
    with refused("epsilon missing: the growth depends on T, epsilon", TypeError):
        growth(T=1.0)
    with refused("delta unknown", TypeError):
        growth(T=1.0, epsilon=0.1, delta=1.0)
    for value in (0.0, -1.0, math.inf, math.nan):
        with refused("epsilon must be positive and finite"):
            growth(T=1.0, epsilon=value)
    with refused("variable must be one of M, k, p, T, sigma, gap, n, lambda_0, epsilon"):
        growth.exponent("m")
    with refused("terms or polynomial must be given, and not both"):
        Growth()
    with refused("terms or polynomial must be given, and not both"):
        Growth(({"T": 1},), polynomial="n")
    with refused(
        "terms must have the variables M, k, p, T, sigma, gap, n, lambda_0, epsilon, got m"
    ):
        Growth(({"m": 1},))
    with refused("key must be one of theorem-1, corollary-5", KeyError):
        theory.requirements["theorem-2"]


def test_formulas_are_written_as_people_write_them() -> None:
    assert Growth(({"epsilon": -1},)).latex() == r"\tilde\Omega(\epsilon^{-1})"
    assert Growth(({"sigma": -1, "p": 1, "T": 2},)).latex() == (
        r"\tilde\Omega(p\,T^{2}\,\sigma_k^{-1})"
    )
    both = Growth(({"lambda_0": -1, "epsilon": -2},))
    assert both.latex() == r"\tilde\Omega(\lambda_0^{-1}\,\epsilon^{-2})"


def test_every_row_is_in_the_table_with_its_formulas() -> None:
    rows = list(theory.requirements)
    assert [row.key for row in rows] == [
        "theorem-1", "corollary-5", "underparameterized", "linearization", "training-set", "cutoff",
        "polylogarithmic", "low-rank", "rkhs", "overparameterized",
    ]  # fmt: skip
    table = book.Table(theory.requirements.columns())._repr_html_()
    body = table.split("<tbody>")[1]
    cells = [
        re.findall(r"<(?:td|th scope=.row.)>(.*?)</t[dh]>", row) for row in body.split("</tr>")[:-1]
    ]
    assert [len(row) for row in cells] == [6] * 10
    for row, found in zip(rows, cells, strict=True):
        assert isinstance(row, Work)
        assert row.source
        assert row.work in found[0].replace("&amp;", "&")
        # The book's MathJax looks into elements of the class "math" alone.
        formula = r'<span class="math">\({}\)</span>'
        samples = "not stated" if row.samples is None else formula.format(row.samples.latex())
        widths = [formula.format(row.width.latex())]
        sizes = [samples]
        for own in row.stated:
            assert own.theorem
            assert (own.width is None) != (own.samples is None)
            for size, column in ((own.width, widths), (own.samples, sizes)):
                column += [] if size is None else [f"{own.work}: {formula.format(size.latex())}†"]
        assert found[2] == "; ".join(widths)
        assert found[3] == "; ".join(sizes)
        assert ("on " + row.where in found[1]) == bool(row.where)
        assert row.stopping_time == found[4]
    # What MathJax reads must not look like a tag to the browser.
    assert not re.search(r"\\\([^)]*<", table)
