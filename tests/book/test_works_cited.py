"""The works that the talk cites have a place in the book, and no entry is there for nothing."""

import re
from pathlib import Path

import pytest
from places import ROOT

from companion import citations
from ntklib import theory

CHAPTERS = ROOT / "chapters"
NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
PAGES = sorted(CHAPTERS.glob("*.md"))

# What the talk's thirteen slides of references list, in their order.
TALK = [
    "allenzhu2019convergence",
    "arora2019fine",
    "arora2019exact",
    "basri2019convergence",
    "basri2020frequency",
    "bowman2022implicit",
    "bowman2022spectral",
    "buchanan2021deep",
    "cao2021towards",
    "du2019gradient",
    "du2018gradient",
    "e2020comparative",
    "fan2020spectra",
    "huang2020dynamics",
    "jacot2018neural",
    "ji2020polylogarithmic",
    "jin2023implicit",
    "karakida2021pathological",
    "lee2019wide",
    "li2020gradient",
    "luo2022exact",
    "murray2023characterizing",
    "nguyen2021proof",
    "nguyen2020global",
    "oymak2020moderate",
    "oymak2019generalization",
    "pennington2017geometry",
    "pennington2018spectrum",
    "rahaman2019spectral",
    "su2019learning",
    "velikanov2021explicit",
    "williams2019gradient",
    "yang2020tensor",
    "yang2019fine",
    "zhang2020type",
    "zou2019improved",
    "zou2020gradient",
]


def cited(*pages: Path) -> set[str]:
    """The keys of the works that pages cite in their text."""
    texts = (path.read_text(encoding="utf-8") for path in pages)
    roles = [re.findall(r"\{cite:[tp]\}`([^`]+)`", text) for text in texts]
    return {key.strip() for found in roles for keys in found for key in keys.split(",")}


def test_every_entry_of_the_bibliography_is_cited() -> None:
    papers = set(citations.papers([CHAPTERS / "references.bib"]).entries)
    assert papers == cited(*PAGES, *NOTEBOOKS)


def test_every_work_that_the_talk_cites_is_in_the_book() -> None:
    assert len(set(TALK)) == len(TALK) == 37
    assert set(TALK) <= cited(*PAGES, *NOTEBOOKS)


ALIGNED = {
    "ji2020polylogarithmic": (
        "polylogarithmic",
        r"a power of logarithms of $n$ and $1/\epsilon$",
        0,
    ),
    "su2019learning": ("low-rank", r"$n\log n$", 1),
    "e2020comparative": ("rkhs", "linear in $n$", 1),
    "bowman2022implicit": ("overparameterized", "linear in $n$", 1),
}


@pytest.mark.parametrize(("paper", "said"), ALIGNED.items(), ids=ALIGNED)
def test_the_page_on_context_asks_for_the_widths_of_the_table(
    paper: str, said: tuple[str, str, int]
) -> None:
    key, words, exponent = said
    rows = re.findall(
        r"^\| \{cite:t\}`(\w+)`.*\| (.*) \|$",
        (CHAPTERS / "context.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert dict(rows)[paper].startswith(words)
    width = theory.requirements[key].width
    assert width.exponent("n") == exponent
    assert width.logarithms
    assert set(width.variables) <= {"n"}
