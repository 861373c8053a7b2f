"""The figure of all claims: where each stands, and what a reader can choose to see."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import browser
import pytest
from books import CLAIM, STAMP, Book, record
from playwright.sync_api import Browser, Page

from companion import glance, pdf
from companion.glance import Place
from ntklib.book._criterion import VERDICTS

needs_chromium = pytest.mark.skipif(
    pdf.chromium() is None,
    reason="no Chromium here: install one (on Debian: apt install chromium), or set "
    "NTKLIB_CHROMIUM to its path",
)
BELOW, WITHIN = (-math.inf, 0.0), (-1.0, 1.0)


def claim(relation: str, measured: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    """Returns a claim about a number that is held against 2, with a resolution of 1/2."""
    said = {"relation": relation, "bound": 2.0, "resolution": 0.5, "effect": 0.25, **more}
    return {**CLAIM, "measured": measured, "spread": [low, high], **said}


MORE = {"verdict": "explored", "resolution": None}
SEVERAL = [
    CLAIM,
    claim("=", 2.0, 1.9, 2.2, id="equal", verdict="holds"),
    claim("≥", 1.0, 0.9, 1.1, id="false", verdict="refuted", note="Because <so>."),
    claim("explored", 2.5, 2.25, 2.75, id="open", **MORE),
]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (claim("≤", 1.0, 0.5, 1.5), Place(-2.0, -3.0, -1.0, BELOW)),
        (claim("≤", 2.5, 2.0, 3.0), Place(1.0, 0.0, 2.0, BELOW)),
        (claim("≥", 3.0, 2.5, 3.5), Place(-2.0, -3.0, -1.0, BELOW)),
        (claim("=", 2.25, 2.0, 2.5), Place(0.5, 0.0, 1.0, WITHIN)),
        (claim("explored", 2.5, 2.25, 2.75, **MORE), Place(2.0, 1.0, 3.0, None)),
    ],
)
def test_place_is_in_units_of_the_resolution(given: dict[str, Any], expected: Place) -> None:
    assert glance.place(given) == expected


def test_an_explored_claim_without_an_interval_has_a_place() -> None:
    still = claim("explored", 2.5, 2.5, 2.5, effect=0.0, **MORE)
    assert glance.place(still) == Place(0.5, 0.5, 0.5, None)


def test_scale_holds_everything_and_is_the_same_for_all() -> None:
    scale = glance.Scale([Place(-2.0, -3.2, -1.0, BELOW), Place(0.5, 0.0, 4.1, WITHIN)])
    assert (scale.low, scale.high) == (-4, 5)
    assert [scale.percent(value) for value in (-4, 0.5, 5)] == ["0.00%", "50.00%", "100.00%"]
    assert scale.percent(-math.inf) == "0.00%"
    assert re.findall(r'x="([\d.]+)%" y="11">([^<]+)<', scale.ticks()) == [
        ("22.22", "−2"), ("44.44", "0"), ("66.67", "2"), ("88.89", "4"),
    ]  # fmt: skip


def test_each_verdict_has_a_shape_of_its_own() -> None:
    assert set(glance.MARKS) == set(VERDICTS)
    assert len(set(glance.MARKS.values())) == len(VERDICTS)


def test_figure_has_a_link_and_a_drawing_for_each_claim() -> None:
    words = {each["id"]: f"{each['id']} <in words>" for each in SEVERAL}
    recorded = {"chapters/01-a": SEVERAL, "chapters/b": []}
    found = glance.figure(recorded, {"chapters/01-a": "A"}, words)
    links = re.findall(r'<a href="#claim-([\w-]+)">([\w-]+)</a><svg class="strip"', found)
    assert links == [(each["id"], each["id"]) for each in SEVERAL]
    assert found.count('class="glance-chapter"') == 1
    assert 'aria-label="open &lt;in words&gt;"' in found
    # The refuted one lies beyond the bound, on the side that isn't shaded.
    strip = found.partition("#claim-false")[2].partition("</li>")[0]
    (bound,) = re.findall(r'x1="([\d.]+)%" x2="\1%" y1="0"', strip)
    (value,) = re.findall(r'<svg x="([\d.]+)%', strip)
    assert float(value) > float(bound)
    assert '<g class="refuted">' in strip


BEFORE = [
    {**CLAIM, "measured": -0.7, "spread": [-0.8, -0.6]},
    {**SEVERAL[1], "verdict": "refuted"},
    {**CLAIM, "id": "gone"},
]
"""What the last release recorded."""


# ---- in a browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A small book with claims of all verdicts."""
    found = Book(tmp_path_factory.mktemp("glance") / "book")
    found.claims = {"chapters/page": [each["id"] for each in SEVERAL]}
    found.write(STAMP, *map(record, SEVERAL))
    (release,) = (found.folder / "chapters").glob("claims-*.json")
    release.write_text(json.dumps(BEFORE), encoding="utf-8")
    answer = found.build()
    assert answer.returncode == 0, answer.stderr
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of this file."""
    with browser.opened() as opened:
        yield opened


def chosen(page: Page, verdict: str) -> tuple[list[str], list[str], str]:
    """Chooses a verdict, and returns the claims shown in the figure and table, and what is said."""
    page.get_by_label("Verdict").select_option(verdict)
    names = page.locator(".glance li[data-verdict]:visible a").all_inner_texts()
    rows = page.locator("table.claims tbody tr:visible td:first-child code").all_inner_texts()
    return names, rows, page.locator(".glance-choices [role=status]").inner_text()


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
def test_a_verdict_can_be_chosen(book: Book, chromium: Browser) -> None:
    every = [each["id"] for each in SEVERAL]
    with browser.visit(chromium) as page:
        page.goto((book.site.resolve() / "chapters" / "claims.html").as_uri())
        assert chosen(page, "") == (every, every, "4 of 4 claims")
        assert chosen(page, "refuted") == (["false"], ["false"], "1 of 4 claims")
        assert chosen(page, "explored") == (["open"], ["open"], "1 of 4 claims")
        page.get_by_label("Chapter").select_option("chapters/page")
        assert chosen(page, "")[2] == "4 of 4 claims"


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
@pytest.mark.parametrize("lost", ["row.hidden = ", ' = target.closest("tr").hidden'])
def test_a_choice_that_shows_everything_is_noticed(
    lost: str, book: Book, chromium: Browser
) -> None:
    path = book.site / "_static" / "claims" / "filter.js"
    text = path.read_text(encoding="utf-8")
    assert lost in text
    path.write_text(text.replace(lost, ""), encoding="utf-8")
    try:
        with browser.visit(chromium) as page:
            page.goto((book.site.resolve() / "chapters" / "claims.html").as_uri())
            names, rows, _ = chosen(page, "refuted")
            assert (names, rows) != (["false"], ["false"])
    finally:
        path.write_text(text, encoding="utf-8")


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
def test_claims_page_is_in_order_and_each_name_leads_to_its_row(
    book: Book, chromium: Browser
) -> None:
    assert browser.problems(book.site, pages=["chapters/claims"]) == []
    with browser.visit(chromium) as page:
        page.goto((book.site.resolve() / "chapters" / "claims.html").as_uri())
        page.locator(".glance a", has_text="open").click()
        assert page.locator("table.claims :target code").inner_text() == "open"


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
def test_what_changed_since_a_release_unfolds_and_leads_to_the_claims(
    book: Book, chromium: Browser
) -> None:
    with browser.visit(chromium) as page:
        page.goto((book.site.resolve() / "chapters" / "claims.html").as_uri())
        boxes = page.locator(".admonition", has=page.locator(".admonition-title"))
        titles = [text.split("\n")[0] for text in boxes.all_inner_texts()]
        assert titles == [
            "New: 2", "Gone: 1", "Another verdict: 1", "Measured outside the former spread: 1",
        ]  # fmt: skip
        verdict = boxes.nth(2)
        link = verdict.get_by_role("link", name="equal")
        assert not link.is_visible()
        verdict.get_by_role("button").click()
        link.click()
        assert page.locator("table.claims :target code").inner_text() == "equal"
