"""Pages in a real browser: a small book has nothing wrong with it, and planted faults are found.

`make browser-test` runs the same checks on every page of the book in `_build/html`.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import browser
import markup
import numpy as np
import pytest
from books import Book
from places import ROOT
from playwright.sync_api import Browser

from companion import accessibility, pdf
from ntklib import __version__

pytestmark = [pytest.mark.browser, pytest.mark.book]
needs_chromium = pytest.mark.skipif(
    pdf.chromium() is None,
    reason="no Chromium here: install one (on Debian: apt install chromium), or set "
    "NTKLIB_CHROMIUM to its path",
)
HEAD = "</head>"
SIGMA = r'<span class="math">\(\sigma_k\)</span>'
# By what a planted page has instead of what a page of the small book has: a part of what is then
# said about it.
FAULTS = {
    "broken formula": (r"\(\sigma_k\)", r"\(\left(x\)", "a formula has an error ("),
    "unknown command": (r"\(r_t = e", r"\(\nosuch = e", "that MathJax doesn't know"),
    "raw TeX": ("<p>Prove it again.", r"<p>Prove $x_1$ or \alpha.", "is TeX that no formula shows"),
    "foreign script": (
        HEAD,
        '<script src="https://cdn.example.org/x.js"></script></head>',
        "it asks for https://cdn.example.org/x.js, which isn't in the site",
    ),
    "missing file": (
        HEAD,
        '<script src="../_static/gone.js"></script></head>',
        "_static/gone.js; correct the address",
    ),
    "missing alt text": ('alt="A point."', 'alt=" "', "point.png has no alt text"),
    "unlabelled drawing": (
        '<div class="live" role="img" aria-label',
        '<div class="live" data-label',
        "has no label; give its drawing",
    ),
    "console error": (
        HEAD,
        '<script>console.error("oops")</script></head>',
        "the console shows the error “oops”",
    ),
    "failing script": (HEAD, "<script>gone()</script></head>", "gone is not defined"),
    "wide block": (
        "<p>By ",
        '<div id="wide" style="width:900px">x</div><p>',
        "the page scrolls sideways at 360 px",
    ),
    "cut off block": (
        "<p>By ",
        '<div id="cut" style="overflow:hidden"><div style="width:900px">x</div></div><p>',
        "a box cuts off what is in it; let it scroll: div#cut.",
    ),
    "scrolling without a sign": (
        "<p>By ",
        '<p class="scrolls">x</p><p>By ',
        "scrolls sideways and doesn't show it",
    ),
    "faint text": (
        "<p>Prove it again.",
        '<p style="color:#bbb">Faint. ',
        "axe's rule color-contrast is broken in the light theme",
    ),
    "faint text on a phone": (
        "<p>Prove it again.",
        '<p style="color:#ccc">Fainter. ',
        "axe's rule color-contrast is broken on a phone",
    ),
    "heavy script": (
        HEAD,
        '<script src="../_static/plotly/plotly.min.js"></script></head>',
        "before the reader does anything, most for plotly.min.js; let some of it wait",
    ),
    "misnamed button": (
        "../_static/names.js",
        "../_static/scrolling.js",
        "axe's rule label-content-name-mismatch is broken in the light theme at 1 places",
    ),
    "silent slider": (
        "<output id=",
        "<output data-id=",
        "its <output> doesn't say so",
    ),
    "cut off code": (
        HEAD,
        "<style>.cell_input pre {font-size: 3rem !important}</style></head>",
        "of code is cut off; let its letters be smaller",
    ),
    "nameless fold": (
        '<details class="admonition hide above-input">\n<summary>',
        '<details class="admonition hide above-input">\n<summary aria-label="x">',
        "1 folded cells don't say what is in them",
    ),
    "no dark theme": (
        HEAD,
        "<style>body {background: white !important}</style></head>",
        "the theme's button doesn't make the page dark",
    ),
}
# What is found in the files alone.
DEAD = {
    "dead link": ('href="claims.html"', 'href="gone.html"', "'gone.html' leads to no file"),
    "dead anchor": (
        'href="claims.html"',
        'href="claims.html#gone"',
        "'claims.html#gone' names an anchor that isn't there",
    ),
    "repeated id": (
        "<p>Prove it again.",
        '<p id="theorem-page">Again.',
        "two elements have the id 'theorem-page'",
    ),
    "no picture": ('<img class="still" alt=', '<img class="still" data-alt=', "no picture for"),
}


def plant(book: Book, name: str, *names: str) -> Path:
    """Writes a page with faults into the site of a book, beside the page that it copies."""
    page = book.html("chapters/page")
    for fault in names:
        old, new, _ = {**FAULTS, **DEAD}[fault]
        assert old in page, fault
        # Each fault leaves what the next one looks for.
        page = page.replace(old, new + (old if old.startswith("<p>") else ""), 1)
    path = book.site.resolve() / "chapters" / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of this file."""
    with browser.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def found(built: Book, chromium: Browser) -> str:
    """What is said about a page with all the faults."""
    path = plant(built, "planted", *FAULTS)
    said = browser.look(chromium, built.site, path, inspect=True)
    path.unlink()
    assert all(sentence.startswith("chapters/planted.html: ") for sentence in said)
    return "\n".join(said)


@needs_chromium
def test_small_book_has_no_problem(built: Book) -> None:
    assert browser.problems(built.site) == []


@needs_chromium
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found(fault: str, found: str) -> None:
    assert FAULTS[fault][2] in found


@needs_chromium
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Plotly.restyle(", "void (", "moves and the drawing stays"),
        (
            "figure.classList",
            "sliders.forEach((s) => { s.disabled = true; });\n    figure.classList",
            "obey the keyboard",
        ),
        ("Plotly.newPlot(", "void (", "isn't drawn"),
        ("new MutationObserver(paint)", "new MutationObserver(() => {})", "in the dark theme"),
        ('given.replace(/1$/, "")', "given", "in the dark theme"),
    ],
    ids=["still", "deaf", "undrawn", "faint", "grid"],
)
def test_a_figure_that_does_not_work_is_found(
    old: str,
    new: str,
    message: str,
    built: Book,
    chromium: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if message == "isn't drawn":
        monkeypatch.setattr(browser, "DRAWING", 1000.0)
    page, script = built.html("chapters/page"), (built.site / "_static" / "figures.js").read_text()
    assert old in script
    (built.site / "_static" / "broken.js").write_text(script.replace(old, new))
    path = built.site.resolve() / "chapters" / "planted.html"
    path.write_text(page.replace("_static/figures.js", "_static/broken.js"), encoding="utf-8")
    said = browser.look(chromium, built.site, path, inspect=False)
    path.unlink()
    assert message in "\n".join(said)


def test_links_that_lead_nowhere_are_found(built: Book) -> None:
    assert markup.links(built.site) == []
    for name, (_, _, message) in DEAD.items():
        path = plant(built, "planted", name)
        said = markup.links(built.site)
        path.unlink()
        assert len(said) == 1
        assert said[0].startswith("chapters/planted.html: ")
        assert message in said[0]


@needs_chromium
def test_paper_has_what_is_folded_but_for_plumbing(built: Book, chromium: Browser) -> None:
    page = built.html("chapters/page")
    assert page.count("<details") >= 2
    solution = "<details class='solution'><summary>Solution</summary>So it is.</details>"
    path = built.site.resolve() / "chapters" / "planted.html"
    path.write_text(page.replace("<p>Prove it again.", f"{solution}<p>Prove it again."))
    with browser.visit(chromium) as opened:
        opened.goto(path.as_uri())
        opened.evaluate(pdf.UNFOLD)
        opened.emulate_media(media="print")
        assert opened.get_by_text("So it is.").is_visible()
        folded = opened.locator(".cell details").all()
        assert folded
        assert not any(each.is_visible() for each in folded)
    path.unlink()


@needs_chromium
def test_the_data_of_a_figure_with_a_slider_can_be_had(built: Book, chromium: Browser) -> None:
    with browser.visit(chromium) as opened:
        opened.goto((built.site.resolve() / "chapters" / "page.html").as_uri())
        opened.mouse.move(1, 1)
        with opened.expect_download() as asked:
            opened.get_by_role("button", name="Data as CSV").click()
        text = Path(asked.value.path()).read_text(encoding="utf-8")
        figure = opened.locator("[data-ntklib-plotly]").get_attribute("id")
    lines = text.splitlines()
    said, table = lines[:5], list(csv.DictReader(lines[5:]))
    assert "An exponential; it falls faster." in said[1]
    assert said[2:] == [f"# page.html#{figure}", f"# ntklib {__version__}", "# CC BY 4.0"]
    assert {row["curve"] for row in table} == {"size"}
    assert [row["rate"] for row in table] == [r for r in ("0.5", "1", "2") for _ in range(7)]
    for row in table:
        expected = np.exp(-float(row["rate"]) * float(row["x"]))
        assert float(row["y"]) == pytest.approx(expected, rel=1e-3)


@needs_chromium
def test_search_works_from_files(built: Book, chromium: Browser) -> None:
    assert browser.search(chromium, built.site, "prove again", "chapters/page") == []
    (problem,) = browser.search(chromium, built.site, "eigenfunctions", "chapters/page")
    assert "“eigenfunctions” isn't found in chapters/page" in problem


def test_without_a_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "chromium", lambda: None)
    with pytest.raises(FileNotFoundError, match="name it in NTKLIB_CHROMIUM"), browser.opened():
        pass


@needs_chromium
@pytest.mark.skipif(
    "NTKLIB_SITE" not in os.environ,
    reason="`make browser-test` opens every page of the book that `make book` builds",
)
def test_whole_book_has_no_problem(chromium: Browser) -> None:
    site = ROOT / os.environ["NTKLIB_SITE"]
    assert browser.problems(site) == []
    expected = "chapters/10-damped-deviations"
    assert browser.search(chromium, site, "damped deviations", expected) == []


# ---- what the extension mends ------------------------------------------------------------------


def test_each_id_stays_once() -> None:
    html = (
        '<p id="a">x</p><p class="t" id="a">id="a"</p><p id="b"><script>"<p id=\\"a\\">"</script>'
    )
    assert accessibility.with_each_id_once(html) == html.replace('class="t" id="a"', 'class="t"')


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        (r'Width: <span class="math notranslate nohighlight">\(m\)</span> grows', "Width: m grows"),
        (
            r'At <span class="math">\(\sigma_k\)</span>',
            r'At <span class="math">\(\sigma_k\)</span>',
        ),
        ("No formula (at all)", "No formula (at all)"),
    ],
)
def test_plain_title(title: str, plain: str) -> None:
    assert accessibility.plain_title(title) == plain


def test_toggles_of_the_contents_have_names() -> None:
    html = '<a class="current reference internal" href="api.html">API</a><details><summary><i></i>'
    named = html.replace("<summary>", '<summary aria-label="Pages of API">')
    assert accessibility.with_named_toggles(html) == named
