"""The book's machinery, in real builds of a small book with the real configuration.

Its notebooks import neither JAX nor ntklib, so that a build takes a few seconds.
"""

import re
from pathlib import Path

import pytest
from books import CLAIM, STAMP, Book, record

pytestmark = pytest.mark.book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book that hasn't been built."""
    return Book(tmp_path / "book")


def test_claims_are_written(built: Book) -> None:
    assert built.recorded() == [CLAIM]


def test_claims_page_shows_what_was_recorded(built: Book) -> None:
    page = built.html("chapters/claims")
    for text in (
        "a-claim",
        "Corollary 2",
        "-0.988 ≤ -0.5",
        "[-1.1, -0.9]",
        "conservative",
        "by 0.49",
        "Smallest effect noticed",
        "holds, conservative: 1.",
        '<span class="verdict holds">',
    ):
        assert text in page
    assert r"\(\hat\epsilon\)" in page
    assert 'href="page.html#recorded-a-claim"' in page


def test_formulas_need_no_other_server(built: Book) -> None:
    page = built.html("chapters/page")
    (script,) = re.findall(r'src="([^"]*tex-mml-chtml.js[^"]*)"', page)
    mathjax = built.folder / "_build" / "html" / "chapters" / script.split("?")[0]
    assert mathjax.resolve().is_file()
    fonts = mathjax.parent / "output" / "chtml" / "fonts" / "woff-v2"
    assert list(fonts.glob("*.woff"))
    assert r"\(\sigma_k\)" in page
    assert r"\begin{align*}" in page


def test_pages_load_nothing_from_other_servers(built: Book) -> None:
    pages = sorted((built.folder / "_build" / "html").rglob("*.html"))
    assert len(pages) >= 3
    for path in pages:
        page = path.read_text(encoding="utf-8")
        loading = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page)
        assert not [tag for tag in loading if re.search(r'(src|href)="(https?:)?//', tag)]
        assert not re.search(r"https?://(unpkg|cdn|[\w.]*jsdelivr|[\w.]*googleapis)", page)


def test_only_a_page_with_a_slider_loads_plotly_and_from_the_book_itself(built: Book) -> None:
    page = built.html("chapters/page")
    (tag,) = re.findall(r"<script[^>]*plotly[^>]*>", page)
    (source,) = re.findall(r'src="([^"?]*)', tag)
    script = built.folder / "_build" / "html" / "chapters" / source
    assert script.resolve().is_file()
    assert script.read_bytes()[:200].count(b"plotly.js")
    assert "defer" in tag
    for other in ("chapters/claims", "search", "genindex"):
        assert "plotly" not in built.html(other)


def test_slider_has_a_numbered_caption_and_no_warning(built: Book) -> None:
    page = built.html("chapters/page")
    (figure,) = re.findall(r'<figure[^>]*id="fig-slider".*?</figure>', page, re.DOTALL)
    assert "data-ntklib-plotly" in figure
    assert re.search(r"Fig\. \d+", figure)
    assert "What <em>the slider</em> shows." in figure


def test_index_opens_the_landing_page(built: Book) -> None:
    assert "url=chapters/page.html" in built.html("index")


def test_unchanged_notebook_comes_from_the_cache_and_a_changed_library_runs_it_again(
    built: Book, tmp_path: Path
) -> None:
    book, first = built.copy(tmp_path / "book"), built.stamp()
    assert book.build().returncode == 0
    assert book.stamp() == first
    assert book.recorded() == [CLAIM]
    (book.folder / "ntklib" / "library.py").write_text("x = 2\n")
    assert book.build().returncode == 0
    assert book.stamp() != first


def test_broken_cell_fails_the_build_every_time(book: Book) -> None:
    book.write(STAMP, record(CLAIM), "1 / 0")
    for _ in range(2):
        answer = book.build()
        assert answer.returncode != 0
        assert "ZeroDivisionError" in answer.stderr
        assert book.recorded() is None


def test_refuted_claim_fails_the_build(book: Book) -> None:
    book.write(STAMP, record({**CLAIM, "verdict": "refuted", "note": ""}))
    answer = book.build()
    assert answer.returncode != 0
    assert "the claim 'a-claim' of chapters/page has the verdict 'refuted'" in answer.stderr
    assert book.recorded() is None


def test_scale_of_a_build(book: Book) -> None:
    book.write(STAMP + '\nprint("scale is", scale)', record(CLAIM))
    assert book.build(NTKLIB_SCALE="quick").returncode == 0
    assert "scale is quick" in book.html("chapters/page")
    answer = book.build(NTKLIB_SCALE="huge")
    assert answer.returncode != 0
    assert "choose one of quick, book, full" in answer.stderr
