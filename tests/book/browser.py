"""What a reader's browser finds wrong with a built book.

The pages are opened from their files, without a server and without a network, in the Chromium of
the system. Every check returns sentences that name the page, what is wrong and what to do.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from markup import links, markup
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from companion.pdf import chromium
from ntklib.book._marks import PLOTLY_MARKER

PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=900)
# Milliseconds that a page may take to do what it is asked, and its figures to be drawn.
PATIENCE, DRAWING = 120_000.0, 120_000.0

# A page's formulas are there once MathJax has finished, its figures once plotly has drawn them.
READY = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
DRAWN = f"""() => [...document.querySelectorAll("[{PLOTLY_MARKER}]")]
  .every((figure) => figure.querySelector(".js-plotly-plot .main-svg"))"""
FORMULAS = r"""() => {
  const found = [...document.querySelectorAll("mjx-merror")].map((error) => {
    const reason = error.title || error.dataset.mjxError || error.textContent;
    return `a formula has an error (${reason}); correct its TeX.`;
  });
  // MathJax writes the name of a command that it doesn't know in red.
  for (const name of document.querySelectorAll("mjx-mtext[style*='color: red']")) {
    const tex = [...name.querySelectorAll("mjx-c, mjx-utext")].length;
    found.push(`a formula has a command of ${tex} letters that MathJax doesn't know; correct it.`);
  }
  const raw = /\\[()[\]]|\\(begin|end)\{|\\[A-Za-z]{2,}|\$[^\s$][^$]*\$/;
  const skipped = "script, style, code, pre, textarea, mjx-container";
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (raw.test(data) && !parentElement.closest(skipped)) {
      const text = data.trim().replace(/\s+/g, " ").slice(0, 80);
      const where = parentElement.localName;
      found.push(`the text “${text}” in <${where}> is TeX that no formula shows; write it ` +
        "as a formula, or in words where none can be.");
    }
  }
  return found;
}"""
IMAGES = f"""() => {{
  const named = (element) => element.alt?.trim() || element.getAttribute("aria-label")?.trim();
  const images = [...document.images].filter((image) => !named(image)).map((image) =>
    `the image ${{image.getAttribute("src").slice(-60)}} has no alt text; say what it shows.`);
  const figures = [...document.querySelectorAll("[{PLOTLY_MARKER}] .js-plotly-plot")];
  const silent = figures.filter(
    (plot) => !named(plot.closest("[{PLOTLY_MARKER}] [aria-label]") ?? plot));
  return [...images, ...silent.map((plot) =>
    `the figure ${{plot.id}} has no label; give its drawing role="img" and an aria-label.`)];
}}"""
# What sticks out of the page, and what a box that can't be scrolled cuts off.
WIDTH = r"""() => {
  const root = document.scrollingElement;
  const name = (e) => e.localName + (e.id ? `#${e.id}` : "") +
    (typeof e.className === "string" && e.className ? `.${e.className.split(" ")[0]}` : "");
  const scrolls = (e) => ["auto", "scroll", "hidden", "clip"]
    .includes(getComputedStyle(e).overflowX);
  const held = (e) => { while ((e = e.parentElement) && e !== document.body)
    if (scrolls(e)) return true; return false; };
  const all = [...document.querySelectorAll("main *")];
  const found = [];
  if (root.scrollWidth > innerWidth) {
    const end = (e) => {
      const { left, right } = e.getBoundingClientRect();  // a long word may go beyond them
      return Math.max(right, e.clientWidth ? left + e.scrollWidth : 0);
    };
    const wide = all.filter((e) => end(e) > innerWidth + 1 && !held(e) &&
      getComputedStyle(e).position !== "fixed");
    found.push(`the page scrolls sideways at ${innerWidth} px (it is ${root.scrollWidth} wide); ` +
      `let what is wide scroll in a box of its own: ${wide.slice(-3).map(name).join(", ")}.`);
  }
  const cut = all.filter((e) => ["hidden", "clip"].includes(getComputedStyle(e).overflowX) &&
    e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && !e.closest("mjx-container, svg"));
  if (cut.length) found.push(`at ${innerWidth} px a box cuts off what is in it; let it scroll: ` +
    `${cut.slice(0, 3).map(name).join(", ")}.`);
  return found;
}"""
# Code of notebooks of which a part is beyond the edge, where there is room for all of it.
CUT = """() => [...document.querySelectorAll(".cell_input pre")]
  .filter((code) => !code.closest("details:not([open])"))
  .filter((code) => code.scrollWidth > code.clientWidth + 1)
  .map((code) => code.textContent.split("\\n").sort((a, b) => b.length - a.length)[0].trim())"""
# What folds code, and what it says that it is.
# Those in a closed solution show nothing yet.
FOLDS = """() => [...document.querySelectorAll(".cell details > summary")]
  .filter((line) => line.checkVisibility({ visibilityProperty: true }))
  .filter((line) => line.hasAttribute("aria-label") || !line.innerText.trim()).length"""
# A slider's position, what its figure says beside it, and what the figure draws.
STATE = f"""(slider) => {{
  const figure = slider.closest("[{PLOTLY_MARKER}]");
  return {{
    value: slider.value,
    said: [...figure.querySelectorAll("output")].map((output) => output.textContent).join("|"),
    drawn: [...figure.querySelectorAll(".js-plotly-plot .main-svg")].map((svg) => svg.outerHTML)
      .join(),
  }};
}}"""
# Figures with sliders whose letters are nearly as light, or as dark, as the page, or whose grids
# aren't.
FAINT = f"""() => {{
  const lightness = (colour) => {{
    const [r, g, b] = colour.match(/[\\d.]+/g);
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
  }};
  const page = lightness(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("[{PLOTLY_MARKER}] .js-plotly-plot")].filter((plot) =>
    [...plot.querySelectorAll(".main-svg text")].some((text) =>
      Math.abs(lightness(getComputedStyle(text).fill) - page) < 0.5) ||
    [...plot.querySelectorAll(".gridlayer path")].some((line) =>
      Math.abs(lightness(getComputedStyle(line).stroke) - page) > 0.5))
    .map((plot) => plot.closest("[{PLOTLY_MARKER}]").id);
}}"""
# How light the page is, from 0 to 1.
LIGHTNESS = """() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}"""
# The colours of code depend on what a token is, so that one of each kind is enough: axe would
# look at thousands.
FEWER_TOKENS = """() => {
  const seen = new Set();
  for (const code of document.querySelectorAll(".highlight pre")) {
    const copy = code.cloneNode(true);
    for (const token of copy.querySelectorAll("span[class]")) {
      if (seen.has(token.className)) token.replaceWith(token.textContent);
      else seen.add(token.className);
    }
    code.replaceWith(copy);
  }
}"""
# A box that scrolls says so until its end is in sight.
SIGNS = """async () => {
  const found = [];
  const say = (box, how) => found.push([box.className || box.tagName, how]);
  for (const box of document.querySelectorAll(".scrolls")) {
    if (!box.classList.contains("goes-on")) say(box, "doesn't show it");
    const before = box.scrollLeft;
    box.scrollLeft = box.scrollWidth;
    await new Promise((done) => setTimeout(done, 50));
    if (box.classList.contains("goes-on")) say(box, "seems to go on at its end");
    box.scrollLeft = before;
  }
  return found;
}"""
# Older versions of axe leave out what they call experimental; newer ones have the rule below.
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "preload": False,
    "iframes": False,
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}


# Bytes of scripts, styles and fonts that a page loads by itself: more than half are MathJax.
WEIGHT = 2_050_000
# Of everything that the first page loads.
FIRST, FIRST_WEIGHT = "chapters/index.html", 2**20
WEIGHED = (".js", ".css", ".woff", ".woff2")


@dataclass
class Noise:
    """What a page reports while it is open: errors, failed requests, and requests to elsewhere."""

    site: str
    heard: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def weight(self) -> list[str]:
        """Says if all that the page has asked for so far is too much."""
        files = {Path(unquote(urlsplit(url).path)) for url in self.asked}
        first = any(file.as_posix().endswith(FIRST) for file in files)
        sizes = {
            file: file.stat().st_size
            for file in files
            if file.is_file() and (first or file.suffix in WEIGHED)
        }
        if sum(sizes.values()) <= (FIRST_WEIGHT if first else WEIGHT):
            return []
        largest = max(sizes, key=sizes.__getitem__)
        what = f"{sum(sizes.values()) / 1e6:.1f} MB"
        when = f"before the reader does anything, most for {largest.name}"
        return [f"it loads {what} {when}; let some of it wait."]

    def attach(self, page: Page) -> None:
        """Listens to a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._hear(f"a script failed ({error}); correct it."))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _hear(self, what: str) -> None:
        if what not in self.heard:
            self.heard.append(what)

    def _own(self, url: str) -> bool:
        return url.startswith((f"{self.site}/", "data:", "blob:", "about:"))

    def _console(self, message: ConsoleMessage) -> None:
        # A failed request is told by the request itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self._hear(f"the console shows the error “{message.text[:200]}”; correct its cause.")

    def _request(self, request: Request) -> None:
        if request.url.startswith(f"{self.site}/"):
            self.asked.add(request.url)
        if not self._own(request.url):
            self._hear(
                f"it asks for {request.url[:120]}, which isn't in the site; bring it along or "
                "remove it."
            )

    def _failed(self, request: Request) -> None:
        # One that leaves the page on purpose, such as a redirection, is aborted.
        if self._own(request.url) and request.failure != "net::ERR_ABORTED":
            self._hear(f"it couldn't load {request.url[-120:]}; correct the address.")


@contextmanager
def opened() -> Iterator[Browser]:
    """Starts the browser and ends it."""
    path = chromium()
    if path is None:
        message = "No Chromium found: install one, or name it in NTKLIB_CHROMIUM."
        raise FileNotFoundError(message)
    # The sandbox needs rights that root in a container hasn't, and the pages are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser) -> Iterator[Page]:
    """Gives a page to a new reader with a phone, without a network."""
    with browser.new_context(
        viewport=PHONE,
        offline=True,
        color_scheme="light",
        reduced_motion="reduce",
    ) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        yield page


def formulas(page: Page) -> list[str]:
    """Returns formulas with errors, and TeX that a reader sees."""
    return list(page.evaluate(FORMULAS))


def images(page: Page) -> list[str]:
    """Returns pictures without alt text and drawings without a label."""
    return list(page.evaluate(IMAGES))


def width(page: Page) -> list[str]:
    """Returns what is wider than the window, for a page that was opened on a phone."""
    return list(page.evaluate(WIDTH))


def signs(page: Page) -> list[str]:
    """Returns boxes that scroll sideways and don't show it, or still do at their end."""
    found = list(page.evaluate(SIGNS))
    return [f"{what} scrolls sideways and {how}; look at scrolling.js." for what, how in found]


def code(page: Page) -> list[str]:
    """Returns lines of code that are cut off on a wide screen, and folds that don't say of what."""
    found = [
        f"the line “{line[:60]}…” of code is cut off; let its letters be smaller."
        for line in page.evaluate(CUT)
    ]
    if count := page.evaluate(FOLDS):
        found.append(f"{count} folded cells don't say what is in them; look at their summaries.")
    return found


def theme(page: Page, wanted: str) -> list[str]:
    """Presses the theme's button until the page is light or dark, and says whether it is."""
    button = page.locator(".theme-switch-button").first
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.mode") == wanted:
            break
        button.click()
    lightness = page.evaluate(LIGHTNESS)
    if not (lightness < 0.25 if wanted == "dark" else lightness > 0.75):
        return [f"the theme's button doesn't make the page {wanted}; look at the theme's script."]
    return []


def faint(page: Page, mode: str) -> list[str]:
    """Returns the figures with sliders that aren't painted for the page's theme."""
    page.wait_for_timeout(200)  # in which they are painted
    return [
        f"the letters of the figure {name} are too faint in the {mode} theme, or its grid is too "
        "strong; let its script paint them anew."
        for name in page.evaluate(FAINT)
    ]


def drawings(page: Page) -> list[str]:
    """Waits for the figures with sliders, and says if one isn't drawn."""
    try:
        page.wait_for_function(DRAWN, timeout=DRAWING)
    except Error:
        return ["a figure with a slider isn't drawn; look at its script."]
    return []


def sliders(page: Page) -> list[str]:
    """Moves each slider by the keyboard, and returns those that change nothing."""
    found = []
    for slider in page.locator(f"[{PLOTLY_MARKER}] input[type=range]").all():
        before = slider.evaluate(STATE)
        arrow, key, end = ("ArrowLeft", "Home", "min")
        if before["value"] == slider.get_attribute("min"):
            arrow, key, end = ("ArrowRight", "End", "max")
        slider.press(arrow)
        step = slider.input_value()
        slider.press(key)
        page.wait_for_timeout(150)  # a few frames, in which plotly draws
        after = slider.evaluate(STATE)
        name = slider.get_attribute("id")
        if step == before["value"] or after["value"] != slider.get_attribute(end):
            found.append(f"the slider {name} doesn't obey the keyboard; use a plain one.")
        elif not before["said"] or before["said"] == after["said"]:
            found.append(f"the slider {name} moves and its <output> doesn't say so; update it.")
        elif before["drawn"] == after["drawn"]:
            found.append(f"the slider {name} moves and the drawing stays; let it follow.")
    return found


def accessibility(page: Page, where: str) -> list[str]:
    """Returns what axe calls serious or critical in the page as it is now.

    NTKLIB_AXE can name a file, `axe.min.js`, that is newer than the one of the package.
    """
    own = os.environ.get("NTKLIB_AXE")
    axe = Axe.from_file(own) if own else Axe()
    answer = axe.run(page, options=AXE_OPTIONS).response
    found = []
    for violation in answer["violations"]:
        if violation["impact"] not in ("serious", "critical"):
            continue
        nodes = violation["nodes"]
        places = ", ".join(str(node["target"][0]) for node in nodes[:3])
        what = re.sub(r"\s+", " ", nodes[0].get("failureSummary", ""))[:240]
        found.append(
            f"axe's rule {violation['id']} is broken {where} at {len(nodes)} places: {places}. "
            f"{what}"
        )
    return found


def search(browser: Browser, site: Path, words: str, expected: str) -> list[str]:
    """Returns why a search for some words doesn't find a page.

    Args:
      browser: from `opened`.
      site: folder of the built book.
      words: to search for.
      expected: a page that has them, as `chapters/10-damped-deviations`.
    """
    address = f"{(site.resolve() / 'search.html').as_uri()}?q={words.replace(' ', '+')}"
    with visit(browser) as page:
        page.goto(address)
        page.wait_for_function(
            "document.querySelector('#search-results p.search-summary')?.textContent.match(/\\d/)"
            " || document.querySelector('#search-results h2')?.textContent.match(/Results/)"
        )
        found = page.locator("#search-results ul.search a").evaluate_all(
            "links => links.map((link) => link.getAttribute('href'))"
        )
    if any(str(link).startswith(f"{expected}.html") for link in found):
        return []
    return [f"search.html: “{words}” isn't found in {expected}; look at searchindex.js."]


def look(browser: Browser, site: Path, path: Path, *, inspect: bool) -> list[str]:
    """Returns everything that is wrong with one page in the browser.

    Args:
      browser: from `opened`.
      site: folder of the built book.
      path: of the page.
      inspect: run axe too, which takes most of the time.
    """
    noise = Noise(site.resolve().as_uri())
    with visit(browser) as page:
        noise.attach(page)
        try:
            page.goto(path.as_uri())
            page.evaluate(READY)
            found = noise.weight()
            page.mouse.move(1, 1)  # figures wait for a sign of the reader
            found += [*drawings(page), *formulas(page), *images(page), *width(page), *signs(page)]
            if inspect:
                found += accessibility(page, "on a phone")
            page.set_viewport_size(DESKTOP)
            page.wait_for_timeout(500)  # plotly fits its figures to the wider window
            found += [*sliders(page), *code(page)]
            if inspect:
                page.evaluate(FEWER_TOKENS)
            for mode in ("light", "dark"):
                found += [*theme(page, mode), *faint(page, mode)]
                if inspect:
                    found += accessibility(page, f"in the {mode} theme")
        except Error as error:
            found = [f"the browser can't finish with it ({error.message.splitlines()[0]})."]
    return [f"{path.relative_to(site.resolve())}: {what}" for what in [*noise.heard, *found]]


def problems(
    site: Path,
    *,
    pages: Collection[str] | None = None,
    inspected: Collection[str] | None = None,
    processes: int = 2,
) -> list[str]:
    """Returns everything that is wrong with a built book.

    Args:
      site: folder of the built book.
      pages: to open, such as `chapters/index`; all of them if None. Links are checked on all.
      inspected: those to run axe on, which takes most of the time; all that are opened if None.
      processes: browsers that share the pages.

    Returns:
      One sentence a problem, in the order of the pages; links and anchors first.
    """
    site = site.resolve()
    paths = {
        str(path.relative_to(site).with_suffix("")): path
        for path, page in markup(site).items()
        if not page.redirects
    }
    opening = list(paths if pages is None else pages)

    def share(names: Sequence[str]) -> list[str]:
        with opened() as browser:
            return [
                what
                for name in names
                for what in look(
                    browser, site, paths[name], inspect=inspected is None or name in inspected
                )
            ]

    with ThreadPoolExecutor(processes) as pool:
        shares = pool.map(share, (opening[start::processes] for start in range(processes)))
        return links(site) + sorted(what for each in shares for what in each)
