"""A small book on paper: its chapters and its API apart, each with contents that are right."""

import re
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from books import Book
from playwright.sync_api import Page

from companion import pdf

pytestmark = pytest.mark.book
needs_chromium = pytest.mark.skipif(
    pdf.chromium() is None, reason="no Chromium here (see test_browser.py)"
)
TOC = """format: jb-book
root: chapters/page
parts:
  - caption: Results
    chapters:
      - file: chapters/claims
  - caption: Back matter
    chapters:
      - file: chapters/api
"""
API = """# API reference

## measures

```{eval-rst}
.. py:function:: circle(nodes)

   See :doc:`claims`.

.. py:class:: Measure

   .. py:attribute:: nodes

      Nodes.
```
"""
LONG = "\n\n".join(["A line."] * 100)
CLAIMS = f"""# Claims

## All $n$ of them

{LONG}

## Named

See [the API](api.md) and [all](#named).
"""
LINES = """() => Array.from(document.querySelectorAll(".entries > *"), (each) =>
  [each.querySelector(".words")?.textContent ?? each.textContent,
   each.querySelector(".page")?.textContent])"""
LINKS = "() => Array.from(document.querySelectorAll('main a[href]'), (each) => each.textContent)"


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book as one page, with a long second page and an API."""
    book = Book(tmp_path_factory.mktemp("paper") / "book")
    (book.folder / "_toc.yml").write_text(TOC)
    (book.folder / "chapters" / "api.md").write_text(API)
    (book.folder / "chapters" / "claims.md").write_text(CLAIMS)
    return book.single()


@pytest.fixture
def opened(single: Path) -> Iterator[Page]:
    """That page in a browser, ready to be printed."""
    with browser.opened() as chromium, browser.visit(chromium) as page:
        pdf.prepare(page, single)
        yield page


@pytest.mark.browser
@needs_chromium
def test_the_book_and_its_api_have_contents_with_page_numbers(opened: Page) -> None:
    printed = pdf.document(opened, "book")
    assert len(pdf.pages(printed)) == 6
    assert opened.evaluate(LINES) == [
        ["Results", None],
        ["Claims", "4"],
        ["All  of them", "4"],
        ["Named", "6"],
        ["Back matter", None],
    ]
    assert opened.locator(".entries mjx-container").count() == 1  # that n
    assert pdf.places(printed)["named"] == 6
    assert opened.locator("h2", has_text="API reference").count() == 0
    # The API is elsewhere, but what is said of it stays.
    assert opened.get_by_text("the API").is_visible()
    links = opened.evaluate(LINKS)
    assert "all" in links
    assert "the API" not in links
    assert b"/Outlines" in printed

    printed = pdf.document(opened, "api")
    assert len(pdf.pages(printed)) == 2
    assert opened.evaluate(LINES) == [["measures", "2"], ["circle", "2"], ["Measure", "2"]]
    assert opened.locator("h2").all_inner_texts() == ["API reference"]
    assert "Claims" not in opened.evaluate(LINKS)


@pytest.mark.browser
@needs_chromium
def test_a_book_that_is_too_long_is_written_and_refused(
    single: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = single.parent.parent
    monkeypatch.setattr("sys.argv", ["pdf", str(single), str(folder)])
    pdf.main()
    said = capsys.readouterr().out
    assert re.search(r"book\.pdf: 6 pages, \d MB\n.*api\.pdf: 2 pages, \d MB\n", said)
    for name, count in (("book", 6), ("api", 2)):
        assert len(pdf.pages((folder / f"{name}.pdf").read_bytes())) == count
    monkeypatch.setattr(pdf, "MOST_PAGES", 5)
    with pytest.raises(SystemExit, match="The book has 6 pages, and 5 at most are meant"):
        pdf.main()


def test_contents_without_a_page_are_not_printed() -> None:
    class Lost:
        title = staticmethod(lambda: "A book")
        pdf = staticmethod(lambda **_: b"\n1 0 obj\n<</Type /Page\n>>\nendobj")
        evaluate = staticmethod(lambda *_: ["an-anchor"])

    with pytest.raises(RuntimeError, match="don't say the pages of an-anchor: look at"):
        pdf.document(Lost(), "book")  # type: ignore[arg-type]
