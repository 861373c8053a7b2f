r"""Formulas that are typed as text, such as `‖K₀ − K^∞‖ ∼ m^(−1/2)`, found and written in TeX.

Claims' statements are read in terminals, in JSON and by screen readers, so that they are typed.
"""

import re
import unicodedata
from collections.abc import Iterator

GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\epsilon", "η": r"\eta",
    "θ": r"\theta", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi",
    "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "φ": r"\phi", "ψ": r"\psi",
    "ω": r"\omega", "Φ": r"\Phi", "Δ": r"\Delta", "Σ": r"\sum",
}  # fmt: skip
SIGNS = {
    "∂": r"\partial", "∞": r"\infty", "⟨": r"\langle", "⟩": r"\rangle", "−": "-", "·": r"\cdot",
    "×": r"\times", "≤": r"\le", "≥": r"\ge", "∼": r"\sim", "∝": r"\propto", "→": r"\to",
    "½": r"\tfrac12", "…": r"\dots",
}  # fmt: skip
LOWERED, RAISED = "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙₜ", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
OPERATORS = frozenset(["+", "−", "=", "·", "≤", "≥", "∼", "∝", "→"])
LETTERS = frozenset("bcdefgkmnpqrstxyEFGHKNPST")
"""That stand for something when they stand alone; "a" and "I" are words."""
TYPED = re.compile(
    f"[{''.join(GREEK)}{LOWERED}{RAISED}‖⟨⟩∂√∞^_\u0302]|\\*|×"
    # f(x; …, a/m, c/(mn), 16n, |f|, and 1)/d of a fraction
    r"|^\(?[A-Za-z]\(|^[a-z]{1,2}/\(?\w{1,3}\)*$|^\d+[a-z]$|^\|.\|$|^\d+\)/"
)
NUMBER = re.compile(r"[−-]?\d+(\.\d+)?|∞")
AROUND = re.compile(r"(.*?)((?:'s)?[.,;:!?]*)", re.DOTALL)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yields the parts of a sentence, and of each whether it is TeX."""
    words = re.split(r"( +)", text)
    plain, at = "", 0
    while at < len(words):
        end = _end(words, at)
        formula = "".join(words[at:end])
        before, formula, after = _trimmed(formula)
        if end > at and _sound(formula):
            if plain + before:
                yield plain + before, False
            yield tex(formula), True
            plain, at = after, end
        else:
            plain, at = plain + words[at], at + 1
    if plain:
        yield plain, False


def _kind(word: str) -> str:
    """Returns "m" for a typed formula, "o" for an operator, "n" for a number, "" for a word."""
    core = word.strip("(),.;:!?").removesuffix("'s")
    if word in OPERATORS:
        return "o"
    if NUMBER.fullmatch(core):
        return "n"
    if core in LETTERS or word in ("log", "a,", "a.") or TYPED.search(word.rstrip(",.;:!?")):
        return "m"
    return ""


def _open(text: str) -> bool:
    return text.count("(") > text.count(")") or text.count("⟨") > text.count("⟩")


def _end(words: list[str], start: int) -> int:
    """Returns where the formula that begins with a word ends: at that word if none does."""
    kinds: list[tuple[int, str]] = []
    for at in range(start, len(words), 2):
        kind = _kind(words[at])
        if not kind:
            break
        kinds.append((at, kind))
        if words[at][-1] in ",.;:!?" and not _open("".join(words[start : at + 1])):
            break
    # A number belongs to a formula where an operator joins it.
    while kinds and (
        kinds[-1][1] == "o" or (kinds[-1][1] == "n" and (len(kinds) < 2 or kinds[-2][1] != "o"))
    ):
        kinds.pop()
    if not any(kind == "m" for _, kind in kinds):
        return start
    if kinds[0][1] == "o" and words[start] != "∝":
        return start
    if kinds[0][1] == "n" and (len(kinds) < 2 or kinds[1][1] != "o"):
        return start
    if [kind for _, kind in kinds] == ["m"] and words[start].strip("(),.;:!?") == "log":
        return start
    return kinds[-1][0] + 1


def _trimmed(formula: str) -> tuple[str, str, str]:
    """Returns a formula without what belongs to the sentence around it, and that."""
    found = AROUND.fullmatch(formula)
    assert found is not None  # noqa: S101  # every part of it may be empty
    inner, after, before = str(found[1]), str(found[2]), ""
    while inner.count("(") > inner.count(")") and inner.startswith("("):
        before, inner = before + "(", inner[1:]
    while inner.count(")") > inner.count("(") and inner.endswith(")"):
        inner, after = inner[:-1], ")" + after
    return before, inner, after


def _sound(formula: str) -> bool:
    """Whether all that is opened is closed."""
    pairs = (("(", ")"), ("⟨", "⟩"), ("{", "}"))
    return formula.count("‖") % 2 == 0 and all(
        formula.count(left) == formula.count(right) for left, right in pairs
    )


def tex(formula: str) -> str:
    r"""Returns a typed formula in TeX, such as `‖K₀‖²` as `\lVert K_{0}\rVert^{2}`."""
    # T_K₀ and T_K∞ have an index with an index.
    text = unicodedata.normalize("NFD", formula)
    text = re.sub(r"_K([₀∞])", lambda m: "_{K₀}" if m[1] == "₀" else "_{K^∞}", text)
    text = re.sub(r"(?<![\^_])K∞", "K^∞", text)
    text = _braced(text).replace("f*", "f^*").replace("%", r"\%")
    text = re.sub(r"√(\w)", r"\\sqrt{\1}", text)
    text = re.sub(r"(.)\u0302", r"\\hat{\1}", text)
    text = re.sub(f"[{LOWERED}]+|[{RAISED}]+", _small, text)
    text = re.sub(r"\bE(?=[‖| ])", r"\\mathbb E", text)
    text = re.sub(r"\blog\b", r"\\log ", text)
    bars = iter(range(text.count("‖")))
    text = re.sub("‖", lambda _: r"\rVert " if next(bars) % 2 else r"\lVert ", text)
    for sign, command in {**GREEK, **SIGNS}.items():
        text = text.replace(sign, f"{command} ")
    return re.sub(r" +", " ", text).replace(" ^", "^").replace(" _", "_").strip()


def _small(found: re.Match[str]) -> str:
    return f"{'^' if found[0][0] in RAISED else '_'}{{{unicodedata.normalize('NFKC', found[0])}}}"


def _braced(text: str) -> str:
    """Returns a formula with braces in place of the parentheses after ^ and _."""
    while (found := re.search(r"[\^_]\(", text)) is not None:
        start, depth = found.end() - 1, 0
        for end in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = f"{text[:start]}{{{text[start + 1 : end]}}}{text[end + 1 :]}"
    return text
