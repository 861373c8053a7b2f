"""Takes live.png, which stands for the live page on paper: `make live-picture`."""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from companion.pdf import chromium


def main(site: Path) -> None:
    """Trains the page's first choice to the end and takes a picture of the charts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": 1100, "height": 900},
            color_scheme="light",
            device_scale_factor=1.5,
        )
        page.goto((site.resolve() / "chapters" / "live.html").as_uri())
        page.get_by_role("button", name="To the end").click()
        page.get_by_text("Trained until").wait_for(timeout=120_000)
        page.wait_for_timeout(500)  # a few frames, in which it is drawn
        page.locator(".live-charts").screenshot(path=Path(__file__).with_suffix(".png"))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
