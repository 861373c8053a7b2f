"""The network that is trained in the reader's browser: it is right, fast, and can be shared."""

from collections.abc import Iterator
from types import SimpleNamespace

import browser
import live
import numpy as np
import pytest
from books import Book
from docutils import nodes
from docutils.utils import new_document
from live import Case
from places import ROOT
from playwright.sync_api import Browser, Page

from companion import livepage, pdf
from ntklib import networks, spectrum

pytestmark = [pytest.mark.browser, pytest.mark.book]
needs_chromium = pytest.mark.skipif(
    pdf.chromium() is None,
    reason="no Chromium here: install one (on Debian: apt install chromium), or set "
    "NTKLIB_CHROMIUM to its path",
)
CASES = {
    "erf": Case("erf", depth=1, width=64, n=32),
    "tanh, two layers": Case("tanh", depth=2, width=16, n=24),
    "erf, no sample": Case("erf", depth=2, width=8, n=None),
    "relu, descent": Case("relu", depth=2, width=16, n=24, step=0.1),
    "tanh, descent": Case("tanh", depth=1, width=33, n=24, step=0.1),
}
# Relative to the largest value. Trajectories agree as far as both are integrated, and to rounding
# where there is nothing to integrate.
WITHIN = {
    "start": 0.0, "forgotten": 0.0, "eigenvalues": 1e-12, "kernel": 1e-12, "off": 1e-12,
    "residuals": 1e-6, "asked": 1e-6, "total": 1e-6, "projected": 1e-6, "moved": 1e-6,
}  # fmt: skip
ALL = set(WITHIN)
# By what is wrong in the page's mathematics: what it should be, what it is, and what then differs.
FAULTS = {
    "layers not scaled": (
        "left = scale * theta[first], right",
        "left = theta[first], right",
        {"residuals", "kernel", "off", "moved"},
    ),
    "halves added": ("(g - minus[i])", "(g + minus[i])", {"start", "residuals"}),
    "mean over n forgotten": ("/ (n * Math.SQRT2)", "/ Math.SQRT2", {"residuals", "asked"}),
    "a bias in the kernel forgotten": (
        "tangent = value + 1 + slope * tangent",
        "tangent = value + slope * tangent",
        {"eigenvalues", "off", "asked"},
    ),
    "a slope off by a millionth": (
        "u[i] = c1\n",
        "u[i] = 1.000001 * c1\n",
        {"kernel"},
    ),
    "an integrator's weight": ("125 / 192", "124 / 192", {"residuals"}),
    "no readout bias in the gradient": (
        "gradient[start + net.readout + m] = sign * all",
        "gradient[start + net.readout + m] = 0",
        {"residuals"},
    ),
    "damping of the next mode": (
        "damping(system.values[i], t) ** 2",
        "damping(system.values[Math.max(i - 1, 0)], t) ** 2",
        {"asked"},
    ),
    "an ε that falls": (
        "this.needed = Math.max(this.needed, this.asked)",
        "this.needed = this.asked",
        {"forgotten"},
    ),
    "movement from the analytic kernel": (
        "(i, j) => now[i * n + j]",
        "(i, j) => analyticKernel(this.net.activation, this.net.depth, (i - j) * 2 * Math.PI / n)",
        {"moved"},
    ),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of this file."""
    with browser.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A small book with the live page, built."""
    found = live.with_page(Book(tmp_path_factory.mktemp("live") / "book"))
    answer = found.build()
    assert answer.returncode == 0, answer.stderr
    return found


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page."""
    with browser.visit(chromium) as opened:
        yield opened


def opened(page: Page, book: Book, anchor: str = "") -> browser.Noise:
    """Opens the live page."""
    noise = browser.Noise(book.site.resolve().as_uri())
    noise.attach(page)
    page.goto(live.address(book.site, anchor))
    page.locator(".live").wait_for()
    return noise


# ---- right -------------------------------------------------------------------------------------


@needs_chromium
@pytest.mark.parametrize("name", CASES)
def test_the_page_computes_what_the_library_computes(name: str, page: Page) -> None:
    page.add_script_tag(content=live.script("mathematics.js"))
    found = live.differences(page, CASES[name], CASES[name].expected())
    assert {what: value for what, value in found.items() if value > WITHIN[what]} == {}


@pytest.fixture(scope="module")
def expected() -> dict[str, object]:
    """What the library computes of the first case."""
    return CASES["erf"].expected()


@needs_chromium
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_mathematics_is_noticed(
    fault: str, page: Page, expected: dict[str, object]
) -> None:
    old, new, differing = FAULTS[fault]
    text = live.script("mathematics.js")
    assert old in text
    page.add_script_tag(content=text.replace(old, new))
    found = live.differences(page, CASES["erf"], expected)
    noticed = {what for what, value in found.items() if not value <= WITHIN[what]}
    assert differing <= noticed <= ALL


@needs_chromium
@pytest.mark.parametrize("activation", ["erf", "tanh", "relu"])
@pytest.mark.parametrize("depth", [1, 2])
def test_eigenvalues_have_the_same_closed_form(activation: str, depth: int, page: Page) -> None:
    page.add_script_tag(content=live.script("mathematics.js"))
    found = page.evaluate(
        "([a, d]) => Array.from(mathematics().fourierEigenvalues(a, d, 31))", [activation, depth]
    )
    network = networks.fully_connected(2, (4,) * depth, activation, biases=True)
    values = spectrum.fourier_eigenvalues(network.kernel, 31)
    assert np.max(np.abs(np.asarray(found) - values)) <= 1e-12 * float(values[0])


# ---- fast --------------------------------------------------------------------------------------

# Frames a second of a page that does nothing in them.
IDLE = """() => new Promise((done) => {
  const times = [];
  const look = (now) => {
    times.push(now);
    if (now - times[0] < 2000) requestAnimationFrame(look);
    else done(1000 * (times.length - 1) / (now - times[0]));
  };
  requestAnimationFrame(look);
})"""
# Those in which the page draws its charts, and the times t that they show.
DRAWING = """() => new Promise((done) => {
  const canvas = document.querySelector("[data-live=frequencies]"), pen = canvas.getContext("2d");
  const clear = pen.clearRect, start = performance.now();
  let count = 0;
  pen.clearRect = (...box) => { count += 1; clear.apply(pen, box); };
  setTimeout(() => {
    pen.clearRect = clear;
    done(1000 * count / (performance.now() - start));
  }, 3000);
})"""
# Gradients a second of the same network, written down plainly.
PLAIN = """() => {
  const m = 256, n = 64, rows = (count, of) => Array.from({ length: count }, (_, i) => of(i));
  const random = () => Math.random() - 0.5;
  const unit = () => ({ w: [random(), random()], b: random(), v: random() });
  const halves = rows(2, () => rows(m, unit));
  const points = rows(n, () => { const a = 6 * Math.random(); return [Math.cos(a), Math.sin(a)]; });
  function gradient() {
    const inner = halves.map((half) => points.map((x) => half.map(({ w, b }) =>
      Math.tanh((w[0] * x[0] + w[1] * x[1]) / Math.SQRT2 + b))));
    const f = points.map((_, i) => halves.reduce((sum, half, h) => sum + (h ? -1 : 1)
      * half.reduce((part, { v }, j) => part + v * inner[h][i][j], 0) / Math.sqrt(2 * m), 0));
    return halves.map((half, h) => half.map(({ v }, j) => points.reduce((sum, x, i) => {
      const a = inner[h][i][j], e = (h ? -1 : 1) * (f[i] - x[0]) / n / Math.sqrt(2 * m);
      const d = e * v * (1 - a * a);
      return [sum[0] + d * x[0] / Math.SQRT2, sum[1] + d * x[1] / Math.SQRT2, sum[2] + d,
        sum[3] + e * a];
    }, [0, 0, 0, 0])));
  }
  return gradient;
}"""
OWN = """() => {
  const math = mathematics(), net = math.network(256, 1, "tanh");
  const theta = math.drawnParameters(net, 0), angles = math.drawnAngles(64, 0);
  const at = math.points(angles), states = [math.room(net, 64), math.room(net, 64)];
  const labels = angles.map(Math.cos), gradient = new Float64Array(theta.length);
  return () => math.lossGradient(net, theta, at, labels, states, gradient);
}"""
# Calls a second of two functions, the best of several turns that they take.
RACE = f"""() => {{
  const racers = [({OWN})(), ({PLAIN})()], best = [0, 0];
  for (let turn = 0; turn < 40; turn++) {{
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < 60) {{ racers[turn % 2](); count += 1; }}
    best[turn % 2] = Math.max(best[turn % 2], 1000 * count / (performance.now() - start));
  }}
  return best;
}}"""


def frames(chromium: Browser, book: Book) -> float:
    """Returns the page's frames a second while it trains, as a share of those of an idle page."""
    with chromium.new_context(viewport=browser.DESKTOP, offline=True) as context:
        page = context.new_page()
        page.goto("about:blank")
        idle = page.evaluate(IDLE)
        opened(page, book, "#m=256&n=64&T=1000")
        return float(page.evaluate(DRAWING)) / float(idle)


@needs_chromium
def test_half_of_all_frames_show_a_step(chromium: Browser, book: Book) -> None:
    """30 a second on a screen that has 60."""
    assert frames(chromium, book) >= 0.5


@needs_chromium
def test_a_page_that_draws_seldom_is_noticed(chromium: Browser, book: Book) -> None:
    path = book.site / "_static" / "live" / "trainer.js"
    text = path.read_text(encoding="utf-8")
    assert "const FRAME = 16;" in text
    path.write_text(text.replace("const FRAME = 16;", "const FRAME = 100;"), encoding="utf-8")
    try:
        assert frames(chromium, book) < 0.5
    finally:
        path.write_text(text, encoding="utf-8")


FASTER = 1.25  # where other processes use the core as well; alone they are nearly three times


@needs_chromium
def test_gradients_are_faster_than_plain_ones(page: Page) -> None:
    page.add_script_tag(content=live.script("mathematics.js"))
    own, plain = page.evaluate(RACE)
    assert own >= FASTER * plain


@needs_chromium
def test_slow_gradients_are_noticed(page: Page) -> None:
    """With functions of the browser's library in place of the tables."""
    old, text = "tanh: { fill: tanh,", live.script("mathematics.js")
    assert old in text
    library = """tanh: { fill: (u, values) => u.forEach((x, i) => {
      values[i] = Math.tanh(x);
      u[i] = Math.cosh(x) ** -2;
    }),"""
    page.add_script_tag(content=text.replace(old, library))
    own, plain = page.evaluate(RACE)
    assert own < FASTER * plain


# ---- shared, and used without a mouse ------------------------------------------------------------


@needs_chromium
@pytest.mark.parametrize("preset", live.presets())
def test_a_preset_sets_what_it_says(preset: str, page: Page, book: Book) -> None:
    noise = opened(page, book, f"#{preset}")
    shown = live.settings(page)
    words = {"inf": "∞"}
    for name, value in live.presets()[preset].items():
        assert words.get(value, value) in shown[name].replace("/σ₁", "").replace("× ", "").split()
    assert page.locator("[data-live-settings][aria-current]").get_attribute("href") == f"#{preset}"
    assert (
        page.locator("[data-live=preset]")
        .inner_text()
        .startswith(page.locator(f"#{preset} a").inner_text())
    )
    assert noise.heard == []


def test_chapters_link_to_presets() -> None:
    known = set(live.presets())
    for chapter in ("02-gradient-flow", "06-theorem-1", "07-corollary-2", "08-linear-width"):
        linked = live.referring(ROOT / "chapters" / f"{chapter}.ipynb")
        assert linked
        assert linked <= known


@needs_chromium
def test_a_shared_link_trains_the_same_network(chromium: Browser, book: Book) -> None:
    with browser.visit(chromium) as first, browser.visit(chromium) as second:
        opened(first, book)
        first.locator("summary", has_text="Settings").click()
        first.locator("#live-m").press("ArrowLeft")
        first.locator("#live-n").press("Home")
        first.locator("#live-a").select_option("tanh")
        first.locator("#live-s").fill("12")
        first.locator("#live-s").press("Tab")
        said = live.train(first)
        assert said.startswith("Trained until t = 200.")
        opened(second, book, first.evaluate("location.hash"))
        assert live.settings(second) == live.settings(first)
        assert live.settings(second) | {"m": "128", "n": "4", "a": "tanh", "s": "12"} == (
            live.settings(second)
        )
        assert live.train(second) == said
        shown = [live.numbers(each) for each in (first, second)]
        for name in ("epsilon", "moved", "off"):
            assert shown[0][name] == shown[1][name]
        second.locator("summary", has_text="Settings").click()
        second.locator("#live-s").fill("13")
        second.locator("#live-s").press("Tab")
        assert live.train(second) != said


@needs_chromium
def test_nonsense_in_an_address_is_the_first_choice(page: Page, book: Book) -> None:
    opened(page, book, "#m=3&a=sin&s=-1&T=200")
    nonsense = live.settings(page)
    opened(page, book)
    assert live.settings(page) == nonsense


@needs_chromium
def test_time_can_be_gone_back_by_the_keyboard(page: Page, book: Book) -> None:
    opened(page, book, "#m=16&n=16")
    live.train(page)
    slider, shown = page.locator("#live-time"), page.locator("[data-live=shown]")
    assert shown.inner_text() == "200"
    slider.press("Home")
    page.wait_for_function("document.querySelector('[data-live=shown]').textContent === '0'")
    assert slider.get_attribute("aria-valuetext") == "0"
    page.locator("summary", has_text="as numbers").click()
    rows = page.locator("[data-live=rows] tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4"]
    for _, _, start, network, ideal in rows:
        assert start == network == ideal


@needs_chromium
def test_who_wants_less_motion_starts_it(chromium: Browser, book: Book) -> None:
    words = {}
    for motion in ("reduce", "no-preference"):
        with chromium.new_context(
            viewport=browser.PHONE,
            offline=True,
            reduced_motion=motion,
        ) as context:
            page = context.new_page()
            opened(page, book, "#m=16&n=16")
            page.wait_for_timeout(300)
            words[motion] = page.locator("[data-live=go]").inner_text()
    assert words == {"reduce": "Train", "no-preference": "Pause"}


@needs_chromium
def test_pages_around_it_are_in_order_and_load_nothing_of_it(book: Book) -> None:
    assert browser.problems(book.site, pages=["chapters/live"]) == []
    assert "live/page.js" in book.html("chapters/live")
    for other in ("chapters/page", "chapters/claims"):
        assert "live/" not in book.html(other)


@needs_chromium
def test_without_scripts_and_on_paper_there_is_a_picture(chromium: Browser, book: Book) -> None:
    def visible(page: Page) -> tuple[bool, bool]:
        return page.locator(".live").is_visible(), page.locator("figure.live-still").is_visible()

    with chromium.new_context(java_script_enabled=False, offline=True) as context:
        page = context.new_page()
        page.goto(live.address(book.site))
        assert visible(page) == (False, True)
    with browser.visit(chromium) as page:
        opened(page, book)
        assert visible(page) == (True, False)
        page.emulate_media(media="print")
        assert visible(page) == (False, True)


@pytest.mark.parametrize(("builder", "count"), [("html", 1), ("singlehtml", 0)])
def test_the_pdf_has_no_controls(builder: str, count: int) -> None:
    doctree = new_document("page")
    doctree += livepage.Live()
    app = SimpleNamespace(builder=SimpleNamespace(name=builder))
    livepage.fill_live(app, doctree, "page")  # type: ignore[arg-type]
    assert not list(doctree.findall(livepage.Live))
    assert len(list(doctree.findall(nodes.raw))) == count
