"""A small book's slides: what is on them, and how a browser shows and prints them."""

import json
import re
from pathlib import Path

import browser
import nbformat
import pytest
from books import CLAIM, POINT, Book
from bs4 import BeautifulSoup, Tag
from markup import Markup
from playwright.sync_api import ViewportSize

from companion import pdf, slides

pytestmark = pytest.mark.book
QUESTION = r"**Question.** Does $\sigma_k$ decide, as {cite:t}`bowman2022spectral` say?"
CAPTION = r"A point at $x = 0$. It stays where it is."
# Wider than a slide, in its letters.
WIDE = rf"""## Where it is

:::{{prf:remark}}
:label: remark-wide
:nonumber:

$${" + ".join(["a_{x} b_{y}"] * 24)}$$
:::
"""
PICTURE = f"from IPython.display import Image\nplumbing = 1\nImage(data={POINT!r})"
SCREEN = ViewportSize(width=1280, height=720)
# What is cut off on a slide, by the slide's name.
CUT = """() => [...document.querySelectorAll(".slide")]
  .filter((slide) => slide.scrollHeight > 721 || slide.scrollWidth > 1281)
  .map((slide) => slide.parentElement.id)"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A built book whose chapter asks a question and has two figures."""
    book = Book(tmp_path_factory.mktemp("slides"))
    path = book.folder / "chapters" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    text = notebook.cells[0].source
    notebook.cells[0].source = text.replace("By {cite:t}", f"{QUESTION}\n\nBy {{cite:t}}", 1)
    figure = {"caption": CAPTION, "name": "fig-point"}
    shown = {"mystnb": {"figure": figure, "image": {"alt": "One dark point."}}}
    notebook.cells += [
        nbformat.v4.new_markdown_cell(WIDE),
        nbformat.v4.new_code_cell(PICTURE, metadata=shown),
    ]
    nbformat.write(notebook, path)
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book


@pytest.fixture(scope="module")
def decks(book: Book) -> Path:
    """The folder of its slides."""
    target = book.folder / "_build" / "slides"
    slides.write(book.site, [CLAIM], target)
    return target


@pytest.fixture(scope="module")
def deck(decks: Path) -> dict[str, Tag]:
    """The chapter's slides, by name."""
    page = BeautifulSoup((decks / "page.html").read_text(encoding="utf-8"), "html.parser")
    return {str(slide["id"]): slide for slide in page.select(".slides > section")}


def test_a_deck_has_the_question_each_statement_and_figure_and_the_claims(
    deck: dict[str, Tag],
) -> None:
    parts = ["theorem-page", "fig-slider", "remark-wide", "fig-point"]
    assert list(deck) == ["title", *parts, "claims-1"]
    title = deck["title"].get_text()
    assert r"A page of \(m\)" in title
    assert r"Does \(\sigma_k\) decide, as Bowman and Montúfar [2022] say?" in title


def test_a_statement_has_its_title_and_formulas(deck: dict[str, Tag]) -> None:
    text = deck["theorem-page"].get_text()
    assert "Theorem  (A theorem of Bowman and Montúfar [2022])" in text
    assert r"For all \(t \le T\), \(r_t = e^{-T_K t} r_0\)." in text


def test_a_figure_has_its_picture_its_text_and_its_caption(
    deck: dict[str, Tag], decks: Path
) -> None:
    (image,) = deck["fig-point"].select("img")
    assert image["alt"] == "One dark point."
    assert (decks / str(image["src"])).read_bytes() == POINT
    text = deck["fig-point"].get_text()
    assert "Where it is" in text
    assert re.search(r"Fig. \d+ A point at \\\(x = 0\\\)\. It stays where it is\.", text)
    (still,) = deck["fig-slider"].select("img")
    assert still["alt"] == "An exponential; it falls faster."
    assert str(still["src"]).startswith("data:image/png")
    assert "with its sliders and code" in deck["fig-slider"].get_text()
    assert deck["fig-slider"].em is not None


def test_a_claim_has_its_measurement_bound_and_verdict(deck: dict[str, Tag]) -> None:
    rows = [
        [cell.get_text(" ") for cell in row.select("td")]
        for row in deck["claims-1"].select("tbody tr")
    ]
    statement = r"rate of \(\hat\epsilon\) in \(m\)"
    assert rows == [[statement, "-0.988 [-1.1, -0.9]", "≤ -0.5", "holds, conservative"]]


def test_many_claims_have_several_slides(book: Book, tmp_path: Path) -> None:
    others = [{**CLAIM, "chapter": "another"}]
    slides.write(book.site, [CLAIM] * (slides.CLAIMS + 1) + others, tmp_path / "slides")
    text = (tmp_path / "slides" / "page.html").read_text(encoding="utf-8")
    assert re.findall(r"\((\d) of (\d)\)", text) == [("1", "2"), ("2", "2")]
    assert text.count("#recorded-a-claim") == slides.CLAIMS + 1


def test_no_code_is_on_slides(decks: Path) -> None:
    text = (decks / "page.html").read_text(encoding="utf-8")
    assert "plumbing" not in text
    assert "time_ns" not in text
    assert "stamp" not in text
    assert "<pre" not in text


def test_slides_ask_for_nothing_from_elsewhere(decks: Path) -> None:
    for path in decks.glob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        wanted = [
            str(tag.get("src", tag.get("href")))
            for tag in page.select("script[src], link[href], img[src]")
        ]
        assert len(wanted) >= 4
        for address in wanted:
            assert address.startswith("data:") or (decks / address).is_file()
        for tag in page.select("a"):
            del tag["href"]
        assert "//" not in re.sub("data:[^\"']*", "", str(page))


def test_links_lead_to_the_chapter_and_beyond(deck: dict[str, Tag], decks: Path) -> None:
    linked = {str(link["href"]) for slide in deck.values() for link in slide.select("a")}
    for address in linked:
        path, _, anchor = address.partition("#")
        ids = Markup((decks / path).resolve()).ids
        assert not anchor or anchor in ids
    chapter = "../html/chapters/page.html"
    assert {chapter, f"{chapter}#theorem-page", f"{chapter}#recorded-a-claim"} <= linked


def test_the_index_has_every_deck_and_old_ones_go(book: Book, tmp_path: Path) -> None:
    target = tmp_path / "slides"
    target.mkdir()
    (target / "old.html").touch()
    slides.write(book.site, [CLAIM], target)
    page = BeautifulSoup((target / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert [str(link["href"]) for link in page.select("li a")] == ["page.html"]
    assert not (target / "old.html").exists()


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("Question.", "Answer.", "begin the chapter with its **Question.**"),
        ('alt="One dark point."', 'alt=""', "give it a picture with a text"),
        ("<figcaption>", "<span>", "give it a caption"),
    ],
    ids=["question", "text", "caption"],
)
def test_what_a_chapter_lacks_is_said(
    book: Book, tmp_path: Path, old: str, new: str, remedy: str
) -> None:
    other = book.copy(tmp_path / "book")
    path = other.site / "chapters" / "page.html"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(remedy)):
        slides.write(other.site, [CLAIM], tmp_path / "slides")


@pytest.mark.browser
@pytest.mark.skipif(pdf.chromium() is None, reason="no Chromium here (see test_browser.py)")
def test_a_browser_shows_and_prints_every_slide(deck: dict[str, Tag], decks: Path) -> None:
    noise = browser.Noise(decks.resolve().as_uri())
    address = (decks / "page.html").resolve().as_uri()
    shown = "document.querySelector('.reveal.ready')"
    with browser.opened() as chromium, browser.visit(chromium) as page:
        noise.attach(page)
        page.goto(address)  # on a phone
        page.wait_for_function("document.querySelector('mjx-container')")
        assert browser.formulas(page) == browser.images(page) == browser.width(page) == []
        assert page.evaluate(shown) is None
        page.set_viewport_size(SCREEN)
        page.wait_for_function(shown)
        assert browser.formulas(page) == browser.images(page) == []
        assert browser.accessibility(page, "on a slide") == []
        page.keyboard.press("ArrowRight")
        page.wait_for_function("location.hash === '#/theorem-page'")
        page.goto(f"{address}?print-pdf")
        page.wait_for_selector(".pdf-page")
        assert page.evaluate(CUT) == []  # on paper none is hidden
        printed = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == len(deck)
    assert noise.heard == []


def test_the_command_reads_what_the_book_left(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = book.folder / "_build"
    assert json.loads((build / "claims.json").read_text(encoding="utf-8")) == [CLAIM]
    monkeypatch.setattr("sys.argv", ["slides", str(build)])
    slides.main()
    assert f"{build.resolve().as_uri()}/slides/index.html" in capsys.readouterr().out
    assert "#recorded-a-claim" in (build / "slides" / "page.html").read_text(encoding="utf-8")
