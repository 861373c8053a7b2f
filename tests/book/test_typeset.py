"""Formulas that claims have typed become formulas, and words stay words."""

import ast
from collections.abc import Iterator

import nbformat
import pytest
from places import ROOT

from companion import recorded, typeset

CASES = {
    "falls like m^(−1/2).": r"falls like [m^{- 1/2}].",
    "∂_t r_t equals −T_n^t r_t at points": r"[\partial_t r_t] equals [- T_n^t r_t] at points",
    "⟨r_t, φ_i⟩, and": r"[\langle r_t, \phi_i\rangle], and",
    "‖K₀ − K^∞‖² of": r"[\lVert K_{0} - K^\infty \rVert^{2}] of",
    "at depth 1 m E‖K₀‖² is": r"at depth 1 [m \mathbb E\lVert K_{0}\rVert^{2}] is",
    "the mean n E δ₂² tends": r"the mean [n \mathbb E \delta_{2}^{2}] tends",
    "in (θ₀, sample) draws": r"in ([\theta_{0}], sample) draws",
    "T = log(2‖f*‖_∞/√ε)/σ_k the": (
        r"[T = \log (2\lVert f^*\rVert_\infty /\sqrt{\epsilon })/\sigma_k] the"
    ),
    "‖(T_K₀ − T_K∞) r₀‖": r"[\lVert (T_{K_{0}} - T_{K^\infty }) r_{0}\rVert]",
    "r̂_t − e^(−Gt) r̂_0 that": r"[\hat{r}_t - e^{- Gt} \hat{r}_0] that",
    "ε^(−(2+8/ξ)) and": r"[\epsilon^{- (2+8/\xi )}] and",
    "K₀'s distance (guaranteed: t²): its": r"[K_{0}]'s distance (guaranteed: [t^{2}]): its",
    "is a/m + b/n + c/(mn), its": r"is [a/m + b/n + c/(mn)], its",
    "is a, the spread of a unit": r"is [a], the spread of a unit",
    "f(·; θ₀) = 0 and |f| at t → 0": r"[f(\cdot ; \theta_{0}) = 0] and [|f|] at [t \to 0]",
    "for k = 1, 3 alike": r"for [k = 1], 3 alike",
    "in a time ∝ k²: so": r"in a time [\propto k^{2}]: so",
    "the log of 2 · 1.96, I say (1, 3)": "the log of 2 · 1.96, I say (1, 3)",
    "an odd ‖ stays": "an odd ‖ stays",
    "k⁻⁴: E|ĝ_k|² = 2/(π²(k² − 1)²), even": (
        r"[k^{- 4}]: [\mathbb E|\hat{g}_k|^{2} = 2/(\pi^{2}(k^{2} - 1)^{2})], even"
    ),
    "1 + k(k − 1)/d: d(μ_k − 1)/(k(k − 1)), the one": (
        r"[1 + k(k - 1)/d]: [d(\mu_k - 1)/(k(k - 1))], the one"
    ),
    "90 % of S² (a law)": r"90 % of [S^{2}] (a law)",
}


@pytest.mark.parametrize("typed", CASES)
def test_formulas_are_told_from_words(typed: str) -> None:
    found = typeset.pieces(typed)
    assert "".join(f"[{part}]" if formula else part for part, formula in found) == CASES[typed]


def statements() -> Iterator[str]:
    """Yields what the chapters claim."""
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type != "code" or "chapter.record(" not in cell.source:
                continue
            calls = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.keyword)]
            for each in calls:
                if each.arg == "statement" and isinstance(each.value, ast.Constant):
                    yield str(each.value.value)


def test_no_letter_of_a_claim_is_one_that_tex_does_not_know() -> None:
    found = list(statements())
    assert len(found) > 60
    formulas = [part for text in found for part, formula in typeset.pieces(text) if formula]
    assert len(formulas) > 150
    assert [formula for formula in formulas if not formula.isascii()] == []
    assert [formula for formula in formulas if formula.count("{") != formula.count("}")] == []


def test_no_typed_index_or_power_is_left_among_the_words() -> None:
    words = [part for text in statements() for part, formula in typeset.pieces(text) if not formula]
    signs = "‖⟨⟩∂√^_" + typeset.LOWERED + typeset.RAISED
    assert [part for part in words if set(part) & set(signs)] == []


def test_formulas_between_dollars_stay() -> None:
    nodes = recorded.sentence(r"rate of $\hat\epsilon$ in m^(−1)")
    assert [(type(node).__name__, node.astext()) for node in nodes] == [
        ("Text", "rate of "), ("math", r"\hat\epsilon"), ("Text", " in "), ("math", "m^{- 1}"),
    ]  # fmt: skip
