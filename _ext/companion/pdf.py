"""Prints the book as one PDF with a Chromium: `make pdf`."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MINUTES = 10
# On paper nothing can be unfolded. Code that is plumbing stays away, as the notebooks have it.
UNFOLD = """() => {
  for (const each of document.querySelectorAll("details:not(.cell details)")) each.open = true;
}"""
FOOTER = (
    '<div style="width:100%;font-size:8px;text-align:center"><span class="pageNumber"></span></div>'
)


def chromium() -> str | None:
    """Returns the browser's path: that of `NTKLIB_CHROMIUM`, or the first one found."""
    return os.environ.get("NTKLIB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def print_page(browser: str, page: Path, target: Path) -> None:
    """Prints a page of the site once its formulas are drawn.

    Args:
        browser: path of a Chromium.
        page: an HTML file.
        target: the PDF to write, with bookmarks and links.
    """
    with sync_playwright() as playwright:
        # A container's root has no sandbox to run a browser in; the page is our own.
        chrome = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = chrome.new_page(color_scheme="light")
        opened.set_default_timeout(MINUTES * 60_000)
        opened.goto(page.resolve().as_uri(), wait_until="load")
        opened.evaluate("MathJax.startup.promise")
        opened.evaluate(UNFOLD)
        opened.pdf(
            path=target, format="A4", scale=0.8, print_background=True, outline=True, tagged=True,
            display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
            margin={"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
        )  # fmt: skip
        chrome.close()


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="the book as one HTML file")
    parser.add_argument("target", type=Path, help="the PDF to write")
    arguments = parser.parse_args()
    browser = chromium()
    if browser is None:
        sys.exit(
            "No Chromium found, which prints the PDF: install one (on Debian: apt install "
            "chromium), or give its path as NTKLIB_CHROMIUM."
        )
    print_page(browser, arguments.page, arguments.target)
    size = arguments.target.stat().st_size / 1e6
    print(f"{arguments.target}: {size:.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
