"""Other doors to a page than the browser, in a build of a small book that has all they open."""

import builtins
import re
import subprocess
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from books import Book
from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from sphinx import addnodes

from companion import doors, marks, plain

HERE = "https://github.com/owner/a-book"
SITE = "https://owner.github.io/a-book/chapters"
TEXT = r"""## Where it leads

See {doc}`claims`, {prf:ref}`theorem-page`, {numref}`fig-slider`, {ref}`exercise-page` and
[all of them](claims.md#all-claims), *now* in [a book](https://book.org/a_(b)).

:::{note}
A note of f* and $f^*$.

$$
a &= b \\
c &= d
$$
:::

| Symbol | Meaning |
|---|---|
| $\lvert x \rvert$ | one \| two |

2. `one`
3. **two**
   - inner

```python
x = 1
```
"""
START = "```{solution-start} exercise-page\n:class: dropdown\n```\n\nCount."
END = "So it is.\n\n```{solution-end}\n```"
PARTS = r"""By Bowman and Montúfar [[2022](page.html#id4)], $\sigma_k$ is a rate:

$$
\begin{aligned}
a &= b \\
c &= d
\end{aligned}
$$
----
> **Theorem (A theorem of Bowman and Montúfar [[2022](page.html#id4)])**
>
> For all $t \le T$, $r_t = e^{-T_K t} r_0$.
----
> **Exercise 1**
>
> Prove [Theorem](page.html#theorem-page).
----
*A point.*
----
```python
scale = "book"
seed = 0
----
```text
It holds.
```
----
**[Fig. 1](page.html#fig-slider).** What *the slider* shows.
----
## Where it leads

See [Claims](claims.html), [Theorem](page.html#theorem-page), [Fig. 1](page.html#fig-slider), \
[Exercise 1](page.html#exercise-page) and [all of them](claims.html#all-claims), *now* in \
[a book](<https://book.org/a_(b)>).
----
> **Note**
>
> A note of f\* and $f^*$.
>
> $$
> \begin{aligned}
> a &= b \\
> c &= d
> \end{aligned}
> $$
----
| Symbol | Meaning |
| --- | --- |
| $\lvert x \rvert$ | one \| two |
----
2. `one`

3. **two**

   - inner
----
```python
x = 1
```
----
**Solution to [Exercise 1](page.html#exercise-page)**

Count.

```python
print(1 + 1)
```

```text
2
```

So it is.""".replace(" \\\n", " ").split("\n----\n")
"""Of the page's Markdown."""
NOISE = re.compile(r"\{[\w:-]+\}`|^\s*:::|^\s*`{3,}\{|^:\w+:", re.MULTILINE)
"""What MyST alone reads: roles, directives and their options."""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book, of a repository on GitHub, with a text like those of chapters."""
    book = Book(tmp_path_factory.mktemp("doors") / "book")
    subprocess.run(["git", "init", "--quiet", book.folder], check=True)
    subprocess.run(["git", "-C", book.folder, "remote", "add", "origin", HERE], check=True)
    path = book.folder / "chapters" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [
        nbformat.v4.new_markdown_cell(TEXT),
        nbformat.v4.new_markdown_cell(START),
        nbformat.v4.new_code_cell("print(1 + 1)"),
        nbformat.v4.new_markdown_cell(END),
    ]
    nbformat.write(notebook, path)
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book


def downloaded(book: Book) -> nbformat.NotebookNode:
    """Returns the notebook that the page's button leads to."""
    (link,) = re.findall(r'href="([^"]*\.ipynb)"[^>]*download-source', book.html("chapters/page"))
    return nbformat.read(book.site / "chapters" / link, as_version=4)


def texts(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# ---- a chapter as a notebook -------------------------------------------------------------------


@pytest.mark.book
def test_a_downloaded_chapter_is_its_notebook_with_a_cell_that_sets_it_up(book: Book) -> None:
    notebook = downloaded(book)
    nbformat.validate(notebook)
    written = nbformat.read(book.folder / "chapters" / "page.ipynb", as_version=4)
    setup, *others = code(notebook)
    assert others == code(written)
    assert others[0].metadata["tags"] == ["parameters"]
    assert notebook.metadata == written.metadata
    assert f'%pip install --quiet "ntklib @ git+{HERE}"' in setup.source
    # It stands behind the title, before anything is imported.
    assert notebook.cells[0].source.startswith("# A page of $m$\n")
    assert notebook.cells[1] is setup


@pytest.mark.book
def test_its_first_cell_installs_nothing_here(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    manager: Any = TransformerManager
    asked: list[Any] = []
    shell = SimpleNamespace(system=asked.append, run_line_magic=lambda *line: asked.append(line))
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    exec(manager().transform_cell(code(downloaded(book))[0].source), {})  # noqa: S102
    assert asked == []


@pytest.mark.book
def test_its_text_is_plain_and_its_links_lead_to_the_site(book: Book) -> None:
    text = texts(downloaded(book))
    assert NOISE.findall(text) == []
    assert f"[Claims]({SITE}/claims.html)" in text
    assert f"[all of them]({SITE}/claims.html#all-claims)" in text
    assert f"[Fig. 1]({SITE}/page.html#fig-slider)" in text
    links = re.findall(r"\]\(<?([^)>]*)", text)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_without_an_address_links_within_the_book_are_text() -> None:
    assert doors.on_site("claims.html#a", "") == ""
    assert doors.on_site("https://a.org/b", "") == "https://a.org/b"
    writer = plain.Writer(lambda uri: doors.on_site(uri, ""), {})
    link = nodes.reference("", "Claims", refuri="claims.html")
    assert writer.blocks([nodes.paragraph("", "See ", link)]) == ["See Claims"]


def test_code_that_a_page_does_not_show_is_in_its_notebook() -> None:
    cells = [nbformat.v4.new_code_cell(each) for each in ("a", "b", "c")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    found = doors.to_take_along(notebook, ["# A", marks.Cell(1), "Below."], "set up")
    assert [cell.source for cell in found.cells] == ["# A", "set up", "a", "b", "Below.", "c"]


# ---- a page as Markdown ------------------------------------------------------------------------


@pytest.mark.book
@pytest.mark.parametrize("name", ["page", "claims"])
def test_every_page_leads_to_its_markdown(name: str, book: Book) -> None:
    page = book.html(f"chapters/{name}")
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*download-markdown-button', page)
    assert link == f"{name}.md"
    text = (book.site / "chapters" / link).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert NOISE.findall(text) == []


def markdown(book: Book, name: str = "page") -> str:
    return (book.site / "chapters" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.book
@pytest.mark.parametrize("part", PARTS, ids=lambda part: " ".join(re.findall(r"\w+", part)[:2]))
def test_what_a_page_has_is_said_in_markdown(part: str, book: Book) -> None:
    assert f"\n\n{part}\n" in markdown(book)


@pytest.mark.book
def test_the_table_of_claims_is_one_in_markdown_too(book: Book) -> None:
    (row,) = re.findall(r"^\| `a-claim`.*$", markdown(book, "claims"), re.MULTILINE)
    name, statement, measured, *_ = row.strip("| ").split(" | ")
    assert name == "`a-claim`<br>[A page of m](page.html#recorded-a-claim)"
    assert statement == r"rate of $\hat\epsilon$ in $m$<br>Corollary 2"
    assert measured == "-0.988 ≤ -0.5<br>spread [-1.1, -0.9]"


def described() -> addnodes.desc:
    """Returns what Sphinx makes of a function's docstring."""
    source = nodes.reference("", "[source]", refuri="../_modules/a.html")
    parameters = addnodes.desc_parameterlist("", "", addnodes.desc_parameter("", "x"))
    signature = addnodes.desc_signature("", "", addnodes.desc_name("", "f"), parameters, source)
    field = nodes.field("", nodes.field_name("", "Returns"), nodes.field_body("", text("f(x).")))
    example = nodes.doctest_block(">>> f(1)\n1", ">>> f(1)\n1")
    content = addnodes.desc_content("", text("A function."), nodes.field_list("", field), example)
    return addnodes.desc("", signature, content)


def text(content: str) -> nodes.paragraph:
    return nodes.paragraph("", content)


@pytest.mark.parametrize(
    ("node", "written"),
    [
        (
            described(),
            "**`f(x)`**\n\nA function.\n\n- **Returns**\n\n  f(x).\n\n```\n>>> f(1)\n1\n```",
        ),
        (text("_a_ a_b <b> `c` $d$ 1 < 2"), "\\_a\\_ a_b \\<b> \\`c\\` \\$d\\$ 1 < 2"),
        (nodes.literal_block("", "```\na\n```", language="none"), "````\n```\na\n```\n````"),
        (nodes.paragraph("", "", nodes.literal("", "a`b")), "`` a`b ``"),
        (nodes.math_block("", "a\n\n= b"), "$$\na\n= b\n$$"),
        (nodes.raw("", "<canvas>", format="html"), ""),
        (nodes.paragraph("", "", nodes.raw("", "<a>Try</a>", format="html")), "Try"),
        (nodes.block_quote("", text("a"), text("b")), "> a\n>\n> b"),
    ],
    ids=["function", "text", "fence", "code", "formula", "drawing", "link", "quotation"],
)
def test_a_node_in_markdown(node: nodes.Element, written: str) -> None:
    assert marks.joined(plain.Writer(str, {}).blocks([node])) == written
