"""The book's machinery, in real builds of a small book with the real configuration.

Its notebooks import neither JAX nor ntklib, so that a build takes a few seconds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from companion import recorded, site
from ntklib import interactive

pytestmark = pytest.mark.book

ROOT = Path(__file__).parents[1]
PAGE = r"""# A page

By {cite:t}`bowman2022spectral`, $\sigma_k$ is a rate:

\begin{align*}
a &= b \\
c &= d
\end{align*}

```{prf:theorem} A theorem
:nonumber:

For all $t \le T$, $r_t = e^{-T_K t} r_0$.
```

```{exercise}
:label: exercise-page

Prove it.
```

```{bibliography}
```
"""
CLAIM: dict[str, Any] = {
    "id": "a-claim",
    "chapter": "page",
    "statement": r"rate of $\hat\epsilon$ in $m$",
    "source": "Corollary 2",
    "measured": -0.987654,
    "relation": "≤",
    "bound": -0.5,
    "tolerance": 0.0,
    "spread": [-1.1, -0.9],
    "verdict": "holds, conservative",
    "note": "Better than guaranteed by 0.49.",
    "scale": "book",
    "device": "cpu",
    "seed": 0,
    "seconds": 1.5,
}
# Prints another number each time it is executed.
STAMP = 'scale = "book"\nseed = 0\nimport time\nprint("stamp", time.time_ns())'


def record(claim: dict[str, Any]) -> str:
    """Returns code that records a claim as `ntklib.claims` does."""
    return (
        "from IPython.display import display\n"
        f"claim = {claim!r}\n"
        "display({'application/vnd.ntklib.claim+json': claim,\n"
        "         'text/html': 'It <b>holds</b>.', 'text/plain': 'It holds.'}, raw=True)"
    )


def slider(marker: str) -> str:
    """Returns code that shows a figure as `ntklib.interactive` does, with this marker."""
    markup = f"<div {marker}><label>Step <input type='range'></label></div>"
    return (
        "from IPython.display import display\n"
        "display({'application/vnd.plotly.v1+json': {'data': []},\n"
        f"         'text/html': {markup!r}, 'text/plain': 'A slider.'}}, raw=True)"
    )


FIGURE = {"mystnb": {"figure": {"caption": "What *the slider* shows.", "name": "fig-slider"}}}


class Book:
    """A book of one notebook and the claims page, with the real configuration and extension."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.claims = {"chapters/page": [CLAIM["id"]]}
        (folder / "chapters").mkdir(parents=True)
        for name in ("_ext", "_static"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("chapters/claims.md", "chapters/references.bib"):
            shutil.copy(ROOT / name, folder / name)
        # Packages in .venv bring pages of their own, which are none of the book's.
        (folder / ".venv" / "package").mkdir(parents=True)
        (folder / ".venv" / "package" / "page.md").write_text("### A page without a title\n")
        (folder / "ntklib").mkdir()
        (folder / "ntklib" / "library.py").write_text("x = 1\n")
        pages = ["root: chapters/page", "chapters:", "- file: chapters/claims"]
        (folder / "_toc.yml").write_text("\n".join(["format: jb-book", *pages]))
        self.write(STAMP, record(CLAIM), slider("data-ntklib-plotly"))

    def write(self, *cells: str) -> None:
        """Writes the notebook, with these code cells."""
        parameters, *rest = (nbformat.v4.new_code_cell(cell) for cell in cells)
        parameters.metadata["tags"] = ["parameters"]
        for cell in rest:
            cell.metadata.update(FIGURE if "range" in cell.source else {})
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(PAGE), parameters, *rest],
            metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        )
        nbformat.write(notebook, self.folder / "chapters" / "page.ipynb")

    def build(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Builds it as `make book` does."""
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        config["sphinx"]["config"]["companion_claims"] = self.claims
        (self.folder / "_config.yml").write_text(yaml.safe_dump(config))
        program = Path(sys.executable).with_name("jupyter-book")
        return subprocess.run(
            [program, *["build", "--all", "-W", "--keep-going", "."]],
            cwd=self.folder,
            env={**os.environ, "NTKLIB_SCALE": "", "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def html(self, page: str) -> str:
        """Returns a built page."""
        return (self.folder / "_build" / "html" / f"{page}.html").read_text(encoding="utf-8")

    def stamp(self) -> str:
        """Returns the number that the notebook printed when it was last executed."""
        (number,) = re.findall(r"stamp (\d+)", self.html("chapters/page"))
        return str(number)

    def recorded(self) -> list[dict[str, Any]] | None:
        """Returns the content of claims.json, None without such a file."""
        path = self.folder / "_build" / "claims.json"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A book that has been built, for tests that only look at it."""
    book = Book(tmp_path_factory.mktemp("built"))
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book


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
    ):
        assert text in page
    assert r"\(\hat\epsilon\)" in page
    assert 'href="page.html"' in page


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


def test_marker_is_the_one_that_figures_carry() -> None:
    assert site.PLOTLY_MARKER == interactive.MARKER
    assert recorded.PLOTLY_MIME_TYPE == interactive.PLOTLY_MIME_TYPE


def test_index_opens_the_landing_page(built: Book) -> None:
    assert "url=chapters/page.html" in built.html("index")


def test_unchanged_notebook_comes_from_the_cache_and_a_changed_library_runs_it_again(
    book: Book,
) -> None:
    assert book.build().returncode == 0
    first = book.stamp()
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
