"""Prints the book, and its API apart, as PDFs with contents, by a Chromium: `make pdf`."""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ntklib import __version__

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MINUTES = 10
PAPER = Path(__file__).parent / "paper"
DOCUMENTS = {"book": "{}", "api": "{}: the API of ntklib"}
"""The title of each, made of the book's, in the order in which they are printed."""
MOST_PAGES = 300
"""Of the book; who wants to look something up has the API beside it."""
# On paper nothing can be unfolded. Code that is plumbing stays away, as the notebooks have it.
UNFOLD = """() => {
  for (const each of document.querySelectorAll("details:not(.cell details)")) each.open = true;
  for (const each of document.querySelectorAll(".toggle-hidden")) {
    each.classList.remove("toggle-hidden");
  }
}"""
FOOTER = (
    '<div style="width:100%;font-size:8px;text-align:center"><span class="pageNumber"></span></div>'
)


def chromium() -> str | None:
    """Returns the browser's path: that of `NTKLIB_CHROMIUM`, or the first one found."""
    return os.environ.get("NTKLIB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def pages(printed: bytes) -> list[int]:
    """Returns the numbers by which a PDF of Chromium's knows its pages, in their order."""
    return [int(number) for number in re.findall(rb"\n(\d+) 0 obj\n<</Type /Page\n", printed)]


def places(printed: bytes) -> Mapping[str, int]:
    """Returns the page of each anchor that a link in a PDF of Chromium's leads to, from 1."""
    order = {number: place for place, number in enumerate(pages(printed), start=1)}
    found = re.search(rb"/Dests (\d+) 0 R", printed)
    table = found and re.search(rb"\n%s 0 obj\n<<(.*?)>>\nendobj" % found[1], printed, re.DOTALL)
    named = re.findall(rb"/(\S*) \[(\d+) 0 R", table[1]) if table else []
    return {_plain(name): order[int(number)] for name, number in named}


def _plain(name: bytes) -> str:
    return re.sub(rb"#([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()), name).decode()


def _print(page: Page) -> bytes:
    return page.pdf(
        prefer_css_page_size=True, print_background=True, outline=True, tagged=True,
        display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
    )  # fmt: skip


def document(page: Page, part: str) -> bytes:
    """Returns one of the documents as a PDF, with contents whose page numbers are right.

    Args:
        page: the book as one page, its formulas drawn.
        part: "book", and after it "api".

    Raises:
        RuntimeError: something of the contents is on no page, or moved by their numbers.
    """
    note = f"The ntklib authors, version {__version__}"
    title = DOCUMENTS[part].format(page.title())
    anchors = page.evaluate("given => paper.show(...given)", [part, title, note])
    numbers: list[int | None] = []
    for _ in range(2):
        printed = _print(page)
        at, before = places(printed), numbers
        numbers = [at.get(anchor) for anchor in anchors]
        if numbers == before and None not in numbers:
            return printed
        page.evaluate("numbers => paper.fill(numbers)", numbers)
    lost = [anchor for anchor, now, then in zip(anchors, numbers, before, strict=True)
            if now is None or now != then]  # fmt: skip
    raise RuntimeError(f"the contents don't say the pages of {', '.join(lost)}: look at paper.js.")


def prepare(page: Page, source: Path) -> None:
    """Opens the book as one page, with what makes its documents.

    Args:
        page: of a browser.
        source: an HTML file.
    """
    page.set_default_timeout(MINUTES * 60_000)
    page.goto(source.resolve().as_uri(), wait_until="load")
    page.evaluate("MathJax.startup.promise")
    page.evaluate(UNFOLD)
    page.add_script_tag(path=PAPER / "paper.js")
    page.add_style_tag(path=PAPER / "paper.css")


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="the book as one HTML file")
    parser.add_argument("folder", type=Path, help="where to write book.pdf and api.pdf")
    arguments = parser.parse_args()
    browser = chromium()
    if browser is None:
        sys.exit(
            "No Chromium found, which prints the PDF: install one (on Debian: apt install "
            "chromium), or give its path as NTKLIB_CHROMIUM."
        )
    counts = {}
    with sync_playwright() as playwright:
        # A container's root has no sandbox to run a browser in; the page is our own.
        chrome = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = chrome.new_page(color_scheme="light")
        prepare(opened, arguments.page)
        for part in DOCUMENTS:
            target, printed = arguments.folder / f"{part}.pdf", document(opened, part)
            target.write_bytes(printed)
            counts[part] = len(pages(printed))
            print(f"{target}: {counts[part]} pages, {len(printed) / 1e6:.0f} MB")  # noqa: T201
        chrome.close()
    if counts["book"] > MOST_PAGES:
        sys.exit(
            f"The book has {counts['book']} pages, and {MOST_PAGES} at most are meant to be read: "
            "shorten it, or set it closer in _ext/companion/paper/paper.css."
        )


if __name__ == "__main__":
    main()
