r"""Growth of a size up to constants and logarithms, as theorems with Ω and Ω̃ state it."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np

from ntklib import _arguments

SYMBOLS = {
    "M": "M",
    "k": "k",
    "p": "p",
    "T": "T",
    "sigma": r"\sigma_k",
    "gap": r"\delta_k",
    "n": "n",
    "lambda_0": r"\lambda_0",
    "epsilon": r"\epsilon",
}
"""LaTeX of the variables, in the order in which they are written."""

BELOW = ("lambda_0", "epsilon")
"""Variables whose negative powers are written as a denominator, where there is a numerator."""

Value = SupportsFloat | np.ndarray


@dataclass(frozen=True)
class Growth:
    r"""The growth of a size: the largest of several products of powers, or an unknown polynomial.

    Attributes:
      terms: one or more products $\prod_i x_i^{a_i}$, each as {variable: exponent}, with the
        variables T, epsilon, n, p, sigma (σ_k), gap (δ_k = σ_k − σ_{k+1}), k, M (the largest of
        |φ_i|, i ≤ k) and lambda_0 (the least eigenvalue of the Gram matrix, not divided by n). A
        product of nothing, {}, is a constant: with logarithms a power of them alone. No terms at
        all for a polynomial that the source leaves open.
      polynomial: the variable of such a polynomial; empty otherwise.
      logarithms: whether logarithms are hidden as well as constants, that is Ω̃ for Ω.
    """

    terms: tuple[Mapping[str, int], ...] = ()
    polynomial: str = ""
    logarithms: bool = True

    def __post_init__(self) -> None:
        if bool(self.terms) == bool(self.polynomial):
            raise ValueError("terms or polynomial must be given, and not both.")
        unknown = {name for term in self.terms for name in term} - set(SYMBOLS)
        if unknown:
            raise ValueError(
                f"terms must have the variables {', '.join(SYMBOLS)}, got {', '.join(unknown)}."
            )

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables it depends on."""
        known = {self.polynomial, *(name for term in self.terms for name in term)}
        return tuple(name for name in SYMBOLS if name in known)

    def __call__(self, **at: Value) -> float | np.ndarray:
        r"""Evaluates it with all hidden constants and logarithms set to 1.

        Args:
          **at: the variables, positive, numbers or arrays that broadcast; those that it does not
            depend on are ignored.

        Returns:
          The number, or an array of the common shape.

        Raises:
          TypeError: a variable that it depends on is missing, or there is no such variable.
          ValueError: a value is not positive and finite, or it is a polynomial whose exponent the
            source does not state.
        """
        largest = functools.reduce(np.maximum, self._products(at))
        return largest if largest.ndim else float(largest)

    def exponent(self, variable: str, **at: Value) -> int:
        """Returns the exponent of a variable in the term that is largest at a point.

        Args:
          variable: one of those of `terms`.
          **at: the point, numbers; not needed where there is one term.

        Raises:
          TypeError: a variable that it depends on is missing.
          ValueError: there is no such variable, or the two largest terms are equal there; or as a
            call.
        """
        _arguments.choice("variable", variable, SYMBOLS)
        self._require_terms()
        if len(self.terms) == 1:
            return self.terms[0].get(variable, 0)
        products = [float(product) for product in self._products(at)]
        largest = max(products)
        if products.count(largest) > 1:
            raise ValueError(
                "two terms are equal at this point, where the exponent jumps: move it."
            )
        return self.terms[products.index(largest)].get(variable, 0)

    def latex(self) -> str:
        """Returns the formula, such as Ω̃(T⁴/ε²), as LaTeX without dollars."""
        if self.polynomial:
            inside = rf"\mathrm{{poly}}({SYMBOLS[self.polynomial]})"
        elif len(self.terms) == 1:
            inside = _product(self.terms[0])
        else:
            first, *others = self.terms
            common = {
                name: first[name]
                for name in BELOW
                if first.get(name, 0) < 0 and all(first[name] == each.get(name) for each in others)
            }
            terms = ({k: v for k, v in term.items() if k not in common} for term in self.terms)
            parts = ", ".join(_product(term, fraction=False) for term in terms)
            inside = rf"\max\{{{parts}\}}"
            if common:
                inside += "/" + _product({name: -power for name, power in common.items()})
        order = r"\tilde\Omega" if self.logarithms else r"\Omega"
        return f"{order}({inside})"

    def _require_terms(self) -> None:
        if self.polynomial:
            raise ValueError(
                f"the source asks for a polynomial in {self.polynomial} without stating its "
                "exponent, so there is no number: take a theorem that states one, or leave the "
                "row out."
            )

    def _products(self, at: Mapping[str, Value]) -> list[np.ndarray]:
        """Returns the value of each term."""
        self._require_terms()
        unknown = [name for name in at if name not in SYMBOLS]
        missing = [name for name in self.variables if name not in at]
        if unknown or missing:
            wrong = f"{', '.join(unknown)} unknown" if unknown else f"{', '.join(missing)} missing"
            raise TypeError(
                f"{wrong}: the growth depends on {', '.join(self.variables)}, and there are "
                f"{', '.join(SYMBOLS)}."
            )
        values = {name: np.asarray(at[name], dtype=float) for name in self.variables}
        for name, value in values.items():
            if not np.all(np.isfinite(value) & (value > 0)):
                raise ValueError(f"{name} must be positive and finite, got {at[name]}.")
        return [
            np.asarray(math.prod(values[name] ** power for name, power in term.items()))
            for term in self.terms
        ]


def _product(term: Mapping[str, int], *, fraction: bool = True) -> str:
    """Returns a product as LaTeX: `BELOW` as denominator, unless alone or in a maximum."""

    def power(name: str, exponent: int) -> str:
        return SYMBOLS[name] if exponent == 1 else f"{SYMBOLS[name]}^{{{exponent}}}"

    above = {name: term[name] for name in SYMBOLS if name in term}
    below = {name: -above[name] for name in BELOW if above.get(name, 0) < 0}
    if not fraction or len(below) == len(above):
        below = {}
    above = {name: exponent for name, exponent in above.items() if name not in below}
    numerator, denominator = (
        r"\,".join(power(*item) for item in part.items()) or "1" for part in (above, below)
    )
    if len(below) > 1:
        denominator = f"({denominator})"
    return f"{numerator}/{denominator}" if below else numerator
