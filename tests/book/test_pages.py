"""The book's pages: one notation, every reference has its target, no name goes unexplained."""

import ast
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from books import Book
from places import ROOT

from companion import api, citations, links, numbering

CHAPTERS = ROOT / "chapters"
NOTEBOOKS = sorted(CHAPTERS.glob("*.ipynb"))
PAGES = sorted(CHAPTERS.glob("*.md"))
GLOSSARY = CHAPTERS / "notation.md"
PLANS = CHAPTERS / "teach.md"
SYMBOL_TABLE = re.compile(r"^\| Symbol \| In the code.*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
# Ways to write what the book writes in another way, the one that stands at the right.
VARIANTS = {
    r"\\varepsilon": r"\epsilon",
    r"\\varphi|\\varkappa": r"\phi, \kappa",
    r"\\widehat|\\hat\{": r"\hat\epsilon, without braces",
    r"K_\{?\\infty|K\^\{\\infty\}|\\Theta\^": r"K^\infty",
    r"\\\||\\Vert": r"\lVert and \rVert",
    r"\\left<|\\right>": r"\langle and \rangle",
    r"\\(cos|sin) ?[jk]? ?\\theta|\\(cos|sin)\([jk]?\\theta": r"\vartheta for angles",
    r"\\mathrm ?\{?d\}?\b": "d, in integrals",
    r"(?<!_)(?<!_\{)\\mathrm\{(tr|diag|rank|Var|Re|relu)\}": r"\operatorname",
    r"\\mathcal ?\{?O|\\Theta\(": r"O, \tilde O",
    r"\^\\top|\^\{\\top\}|\^\\intercal": "^T",
    r"f\^\{\*\}|f_\*|f\^\\star": "f^*",
    r"\\mathbb\{": r"\mathbb E, without braces",
}
UNFINISHED = r"\b(TO-?DO|FIX-?ME|X{3}|TBD|[Ll]orem ipsum|[Pp]lace-?holder|[Cc]oming soon)\b"


def text(path: Path) -> str:
    """Returns the text of a page, or of a notebook's cells that hold text."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def captions(path: Path) -> str:
    """Returns the captions of a notebook's figures."""
    cells = nbformat.read(path, as_version=4).cells
    figures = (cell.metadata.get("mystnb", {}).get("figure", {}) for cell in cells)
    return "\n".join(figure.get("caption", "") for figure in figures)


def formulas(content: str) -> str:
    """Returns what stands between dollar signs and in `align*`, and nothing else."""
    without_code = re.sub(r"`[^`\n]*`", "", content)
    found = re.findall(
        r"\$\$.*?\$\$|\$[^$]+\$|\\begin\{align\*\}.*?\\end\{align\*\}", without_code, re.DOTALL
    )
    return "\n".join(found)


def labels() -> dict[str, set[str]]:
    """Returns the labels that the chapters define: of figures, exercises and statements."""
    found: dict[str, set[str]] = {"figure": set(), "exercise": set(), "statement": set()}
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
                found["figure"] |= {name} if name else set()
                continue
            found["exercise"] |= set(re.findall(r"\{exercise\}.*\n:label: (\S+)", cell.source))
            found["statement"] |= set(re.findall(r"\{prf:.*\n:label: (\S+)", cell.source))
    return found


# ---- references --------------------------------------------------------------------------------


def references(path: Path, roles: str) -> set[str]:
    """Returns the labels that a page refers to by one of these roles."""
    found = re.findall(rf"\{{(?:{roles})\}}`(?:[^`<]*<)?([\w-]+)>?`", text(path))
    return set(found)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_has_a_caption_a_name_and_a_text_for_who_does_not_see_it(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            shown = cell.metadata.get("mystnb", {})
            for of, key in (("figure", "caption"), ("figure", "name"), ("image", "alt")):
                assert shown.get(of, {}).get(key), (cell.source.splitlines()[0], key)


def test_figures_exercises_and_statements_that_pages_name_exist() -> None:
    """The strict build checks it as well, in minutes."""
    known = labels()
    pages = {
        "figure": set().union(*(references(path, "numref") for path in PAGES)),
        "exercise": set().union(*(references(path, "ref") for path in PAGES)),
        "statement": set().union(*(references(path, "prf:ref") for path in PAGES)),
    }
    for kind, named in pages.items():
        assert named
        assert named <= known[kind], kind


def test_links_between_pages_lead_to_files() -> None:
    for path in PAGES:
        for link in re.findall(r"\]\(<?([\w./-]+?\.(?:md|ipynb))[#)>]", text(path)):
            assert (CHAPTERS / link).is_file(), (path.name, link)


def test_a_term_goes_through_every_chapter_with_all_kinds_of_exercise() -> None:
    plan = text(PLANS).partition("## One term")[2].partition("\n## ")[0]
    assert {f"{path.name}" for path in NOTEBOOKS} == set(re.findall(r"\d\d-[\w-]+\.ipynb", plan))
    exercises = set(re.findall(r"<ex-\d\d-(\w+)>", plan))
    assert exercises == {"compute", "vary", "prove"}


def test_minutes_of_the_lecture_follow_each_other() -> None:
    plan = text(PLANS).partition("## One lecture")[2].partition("\n## ")[0]
    minutes = [tuple(map(int, pair)) for pair in re.findall(r"^\| (\d+)–(\d+) \|", plan, re.M)]
    assert (minutes[0][0], minutes[-1][1]) == (0, 90)
    assert [end for _, end in minutes[:-1]] == [start for start, _ in minutes[1:]]


# ---- glossary ----------------------------------------------------------------------------------


def rows(content: str) -> Iterator[list[str]]:
    """Returns the cells of every row of the glossary's tables, but for the headings."""
    for line in content.partition("\n## Letters")[0].splitlines():
        if line.startswith("|") and not line.startswith(("| Symbol |", "|---")):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_symbol_of_the_glossary_links_to_its_definition() -> None:
    found = list(rows(text(GLOSSARY)))
    assert len(found) > 80
    for symbol, meaning, *_ in found:
        assert re.search(r"\]\(<?[\w./-]*#[^)]+\)|\{prf:ref\}`", meaning), symbol or meaning


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_glossary_has_what_a_chapter_names_in_its_table(path: Path) -> None:
    """Every function and class of the library beside a symbol, such as `dynamics.ideal_flow`."""
    modules = {file.stem for file in (ROOT / "ntklib").glob("[!_]*.py")}
    (table,) = SYMBOL_TABLE.findall(text(path))
    named = {
        f"{owner}.{name}"
        for owner, name in re.findall(r"`([A-Za-z]\w*)\.(\w+)", table)
        if owner in modules or owner[0].isupper()
    }
    explained = text(GLOSSARY)
    assert {name for name in named if not re.search(rf"`{name}\b", explained)} == set()


# ---- wording -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda path: path.stem)
def test_notation_is_the_same_in_all_chapters(path: Path) -> None:
    content = text(path) + (captions(path) if path.suffix == ".ipynb" else "")
    written = formulas(content)
    found = {form: use for form, use in VARIANTS.items() if re.search(form, written)}
    assert found == {}


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda path: path.stem)
def test_nothing_is_unfinished(path: Path) -> None:
    assert re.findall(UNFINISHED, path.read_text(encoding="utf-8")) == []


def test_every_page_is_in_the_book() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    listed = {toc["root"], *entries}
    assert {f"chapters/{path.stem}" for path in [*PAGES, *NOTEBOOKS]} <= listed


# ---- external links ----------------------------------------------------------------------------


def asked(status: str, uri: str = "https://a.org/b") -> dict[str, str]:
    return {"uri": uri, "status": status, "filename": "chapters/x.md", "info": "404 Not Found"}


def test_links_that_do_not_answer_are_listed() -> None:
    inner = asked("unchecked", "#a-heading")
    assert links.report([asked("working"), inner]) == ("0 of 1 links did not answer.", True)
    bad = asked("broken", "https://a.org/c")
    answer, fine = links.report([asked("working"), asked("redirected"), bad, inner])
    assert answer == (
        "chapters/x.md: https://a.org/c\n    404 Not Found\n1 of 3 links did not answer."
    )
    assert not fine


def test_no_network_is_said_once() -> None:
    answer, fine = links.report([asked("broken"), asked("timeout", "https://c.org")])
    assert answer.startswith("None of 2 links answered: there seems to be no network here.")
    assert not fine


def test_links_of_a_book_that_was_not_built_are_an_error(tmp_path: Path) -> None:
    assert "not checked" in str(links.main(tmp_path / "output.json"))
    (tmp_path / "output.json").write_text(json.dumps(asked("working")) + "\n")
    assert links.main(tmp_path / "output.json") is None


# ---- in a real build ---------------------------------------------------------------------------

CHAPTER = r"""# Seventh: $m$ & $n$

## How wide?

```{figure} images/circle.svg
:name: fig-circle
:alt: A circle.

A circle.
```
"""
CIRCLE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
CITING = """# Citing

[How wide](07-seventh.ipynb#{heading}).

Like {{doc}}`07-seventh`.

```{{cite-book}}
```

```{{cite-chapters}}
```

```{{cite-figure}} {figure}
```

```{{cite-papers}} {paper} cao2021towards
```
"""


def citing_book(folder: Path, heading: str, figure: str, paper: str) -> Book:
    """Returns the small book with a numbered chapter, and a page that links and cites."""
    book = Book(folder)
    (folder / "CITATION.cff").write_text((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    chapters = folder / "chapters"
    (chapters / "images").mkdir()
    (chapters / "images" / "circle.svg").write_text(CIRCLE)
    page = nbformat.read(chapters / "page.ipynb", as_version=4)
    page.cells = [nbformat.v4.new_markdown_cell(CHAPTER)]
    nbformat.write(page, chapters / "07-seventh.ipynb")
    text = CITING.format(heading=heading, figure=figure, paper=paper)
    (chapters / "citing.md").write_text(text, encoding="utf-8")
    with (folder / "_toc.yml").open("a") as toc:
        toc.write("\n- file: chapters/07-seventh\n- file: chapters/citing\n")
    return book


@pytest.fixture(scope="module")
def citing(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """That book, built."""
    folder = tmp_path_factory.mktemp("citing") / "book"
    book = citing_book(folder, "how-wide", "fig-circle", "bowman2022spectral")
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book


@pytest.mark.book
def test_chapters_have_their_numbers_but_not_in_sentences(citing: Book) -> None:
    seventh, page = (citing.html(f"chapters/{name}") for name in ("07-seventh", "citing"))
    assert re.search(r"<title>7 Seventh: m &amp; n ", seventh)
    assert '<h1><span class="chapter-number">7 </span>Seventh: ' in seventh
    assert re.search(r'<a class="current reference internal" href="#">7 Seventh: ', seventh)
    assert re.search(r'<a class="reference internal" href="07-seventh.html">7 Seventh: ', page)
    assert re.search(r'<p class="prev-next-title">7 Seventh: ', page)
    # What has no number gets none, and a sentence names the title alone.
    assert re.search(r'<a class="reference internal" href="claims.html">Claims<', seventh)
    assert "<h1>Citing<" in page
    assert re.search(r"<p>Like <a [^>]*><span[^>]*>Seventh: ", page)


@pytest.mark.parametrize(("name", "digits"), [("chapters/07-a", "7"), ("18-b", "18"), ("c", "")])
def test_number_of_a_chapter(name: str, digits: str) -> None:
    assert numbering.number(name) == digits


@pytest.mark.book
def test_citations_are_made_from_titles_and_numbers(citing: Book) -> None:
    page = citing.html("chapters/citing")
    boxes = re.findall(r'<div class="highlight-(\w+).*?<pre>(.*?)</pre>', page, re.DOTALL)
    shown = [(kind, html.unescape(re.sub(r"<[^>]+>", "", box)).strip()) for kind, box in boxes]
    cited = citations.citation(ROOT)
    key = citations.book_key(cited)
    papers = citations.papers([CHAPTERS / "references.bib"]).entries
    assert shown[0] == ("bibtex", citations.written(key, citations.book_entry(cited, "")))
    assert "title     = {{Seventh: $m$ \\& $n$}}," in shown[1][1]
    assert "chapter   = {7}," in shown[1][1]
    # The first figure is the slider of the first page.
    assert shown[2] == ("latex", rf"From~\cite[Figure~2]{{{key}-seventh}}, CC BY 4.0.")
    assert shown[3][1].startswith("Figure 2 of “Seventh: ")
    for (_, box), name in zip(shown[4:], ("bowman2022spectral", "cao2021towards"), strict=True):
        assert box == citations.written(name, papers[name])
    assert 'href="07-seventh.html#how-wide"' in page


@pytest.mark.book
def test_unknown_heading_figure_and_paper_fail_the_build(tmp_path: Path) -> None:
    answer = citing_book(tmp_path / "book", "how-long", "fig-square", "nobody2022").build()
    assert answer.returncode != 0
    assert "local id not found in doc 'chapters/07-seventh': 'how-long'" in answer.stderr
    assert "no chapter has a figure 'fig-square'" in answer.stderr
    assert "the bibliography has no 'nobody2022'" in answer.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_public_names_alone(path: Path) -> None:
    """What a chapter calls is in the API, and found missing before the chapter is run."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    code = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    imports = [n for n in code if isinstance(n, ast.ImportFrom)]
    ours = [each for each in imports if str(each.module).split(".")[0] == "ntklib"]
    modules = {alias.name: f"{each.module}.{alias.name}" for each in ours for alias in each.names}
    used = {
        f"{modules[node.value.id]}.{node.attr}"
        for node in code
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
    }
    assert used
    assert sorted(used - api.targets().keys()) == []
