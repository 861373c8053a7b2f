"""The book's machinery, in real builds of a small book with the real configuration.

Its notebooks import neither JAX nor ntklib, so that a build takes a few seconds.
"""

import re
import shutil
from pathlib import Path

import pytest
from books import CLAIM, STAMP, Book, record
from fontTools.ttLib import TTFont

pytestmark = pytest.mark.book

CHECKSUM, ABSENT = re.compile(rb"\?v=[0-9a-f]{8}"), re.compile(rb'"\w+": \[\],? ?')
OTHER = r"""# Another page

See {doc}`page`, [its heading](page.ipynb), {prf:ref}`theorem-page`, {ref}`fig-slider`,
{numref}`fig-slider`, {cite:t}`bowman2022spectral`, and `a-claim`.
"""


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
        '<span class="verdict conservative">',
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


def test_fonts_of_symbols_have_those_that_pages_show(built: Book) -> None:
    static = built.site / "_static"
    fonts = sorted(static.rglob("*.woff2"))
    assert len(fonts) == 3
    assert sum(path.stat().st_size for path in fonts) < 20_000
    held: set[int] = set()
    for path in fonts:
        held |= (TTFont(path).getBestCmap() or {}).keys()
    (styles,) = static.rglob("pydata-sphinx-theme.css")
    named = r"(?:^|[},])\.(fa-[\w-]+):before(?:,[^{]*)?\{content:\"\\(\w+)"
    codes = dict(re.findall(named, styles.read_text()))
    page = built.html("chapters/page")
    names = set(re.findall(r"\bfa-[\w-]+", page)) & codes.keys()
    assert {"fa-magnifying-glass", "fa-download"} <= names
    assert {int(codes[name], 16) for name in names} <= held


def test_pages_load_each_script_and_style_once_and_if_they_need_it(built: Book) -> None:
    needed = {
        "copybutton.js": "highlight",
        "togglebutton.js": "admonition",
        "design-tabs.js": "sd-tab-set",
        "proof.css": "proof",
        "exercise.css": "exercise",
    }
    for name in ("page", "claims"):
        page = built.html(f"chapters/{name}")
        tags = re.findall(r"<(?:script|link) [^>]*>", page)
        files = [
            found[1]
            for tag in tags
            if "preload" not in tag and (found := re.search(r'"[^"?]*_static/([^"?]*)', tag))
        ]
        assert sorted(files) == sorted(set(files))
        for file, kind in needed.items():
            used = re.search(rf'class="(?:[^"]* )?{kind}[ "]', page)
            assert (file in files) == bool(used), file
    assert "mystnb" in built.html("chapters/page")
    assert "mystnb" not in built.html("search")
    assert "mathjax" not in built.html("search").lower()


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
    # No browser loads a script of that type by itself.
    assert 'type="text/later"' in tag
    for other in ("chapters/claims", "search", "genindex"):
        assert "plotly" not in built.html(other)


def test_slider_has_a_numbered_caption_and_no_warning(built: Book) -> None:
    page = built.html("chapters/page")
    (figure,) = re.findall(r'<figure[^>]*id="fig-slider".*?</figure>', page, re.DOTALL)
    assert "data-ntklib-plotly" in figure
    assert re.search(r"Fig\. \d+", figure)
    assert "What <em>the slider</em> shows." in figure


def test_plumbing_is_folded_and_says_what_it_is(built: Book) -> None:
    page = built.html("chapters/page")
    folds = re.findall(
        r'<details class="[^"]*-input">\s*<summary>\s*<p class="collapsed[^>]*>([^<]*)<', page
    )
    assert folds == [
        "Parameters of the notebook: scale and seed",
        "Checks",
        "Code of the figure",
    ]
    # The notebook itself stays as it was written.
    assert "hide-input" not in (built.folder / "chapters" / "page.ipynb").read_text()


def test_index_opens_the_landing_page(built: Book) -> None:
    assert "url=chapters/page.html" in built.html("index")


def site(book: Book) -> dict[str, bytes]:
    """Returns all files of a built book, but for what depends on the builds before.

    Scripts that are copied last have no checksum in the first build, and Sphinx's search keeps
    words that are on no page any more.
    """
    files = (path for path in book.site.rglob("*") if path.is_file())
    return {
        path.relative_to(book.site).as_posix(): ABSENT.sub(
            b"", CHECKSUM.sub(b"", path.read_bytes())
        )
        for path in files
    }


def written(book: Book) -> dict[str, int]:
    """Returns when each page was written."""
    folder = book.site / "chapters"
    return {path.stem: path.stat().st_mtime_ns for path in folder.glob("*.html")}


def test_what_has_changed_decides_what_is_done(book: Book) -> None:
    """No Sphinx; one page read; all read; and the notebook run again."""
    assert book.build().returncode == 0
    first = book.stamp()
    nothing = book.build()
    assert nothing.returncode == 0
    assert nothing.stdout.startswith("Nothing has changed since the book was built. Open file://")
    # A title is shown on the other pages too.
    book.replace("# A page of $m$", "# Another page of $m$")
    sentence = book.build()
    assert sentence.returncode == 0, sentence.stderr
    assert "0 added, 1 changed, 0 removed" in sentence.stdout
    assert "Built in" in sentence.stdout
    assert "Another page of" in book.html("chapters/claims")
    assert book.stamp() == first
    assert book.recorded() == [CLAIM]
    # What is missing among the pages is made again.
    (book.site / "chapters" / "claims.html").unlink()
    afresh = book.build()
    assert "added, 0 changed, 0 removed" in afresh.stdout
    assert book.stamp() == first
    (book.folder / "ntklib" / "library.py").write_text("x = 2\n")
    ran = book.build()
    assert ran.returncode == 0
    assert "running 1 notebook(s), 1 at a time" in ran.stdout
    # Once, before Sphinx reads it: else every chapter would be run a second time.
    assert "Executing notebook" not in ran.stdout + ran.stderr
    assert book.stamp() != first


def test_pages_are_written_when_what_they_show_has_changed(book: Book) -> None:
    """And then the site is, byte for byte, that of a build from nothing."""
    book.add("other", OTHER)
    assert book.build().returncode == 0

    def edit(name: str, old: str, new: str) -> set[str]:
        before = written(book)
        book.replace(old, new, name)
        answer = book.build()
        assert answer.returncode == 0, answer.stderr
        assert "0 added, 1 changed, 0 removed" in answer.stdout
        return {page for page, time in written(book).items() if time != before[page]}

    # Sphinx writes the first page of a book, which is the notebook, in every build.
    assert edit("page.ipynb", "*the slider*", "*a slider*") == {"page", "other", "claims"}
    assert edit("page.ipynb", "'measured': -0.98", "'measured': -0.97") == {"page", "claims"}
    assert edit("page.ipynb", "Prove it again.", "Prove it once more.") == {"page"}
    assert edit("other.md", "See", "Look at") == {"page", "other"}

    other, claims, last = book.html("chapters/other"), book.html("chapters/claims"), site(book)
    for text in ("What a slider shows.", "Look at"):
        assert text in other
    assert "-0.978 ≤ -0.5" in claims
    for folder in ("html", ".doctrees"):
        shutil.rmtree(book.folder / "_build" / folder)
    assert book.build().returncode == 0
    afresh = site(book)
    assert afresh.keys() == last.keys()
    assert [name for name in last if last[name] != afresh[name]] == []


def test_a_warning_fails_every_build_until_its_page_is_mended(book: Book) -> None:
    assert book.build().returncode == 0
    book.replace("# A page of $m$", "# A page of {doc}`nothing`")
    for _ in range(2):
        answer = book.build()
        assert answer.returncode != 0
        assert "unknown document" in answer.stderr
        assert "Built in" not in answer.stdout
    book.replace("{doc}`nothing`", "$m$")
    assert book.build().returncode == 0


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
