"""The parts of the extension that make pages of what others wrote: buttons, links, tables."""

import builtins
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from IPython.core.inputtransformer2 import TransformerManager
from places import ROOT
from sphinx import addnodes
from sphinx.errors import ExtensionError

from companion import borrowed, codelinks, costs, onefile, outcomes, repository, tables, writing
from ntklib.book import _marks

HERE = "https://github.com/owner/a-book"


def remote(folder: Path, url: str) -> Path:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk", folder], check=True)
    subprocess.run(["git", "-C", folder, "remote", "add", "origin", url], check=True)
    return folder


# ---- repository --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("git@github.com:owner/a-book.git", HERE),
        ("https://github.com/owner/a-book", HERE),
        ("https://github.com/owner/a-book.git/", HERE),
        ("https://token:x@github.com/owner/a-book.git", HERE),
        ("ssh://git@github.com/owner/a-book.git", HERE),
        ("https://gitlab.com/owner/a-book.git", ""),
        ("https://github.com.evil.org/owner/a-book", ""),
        ("/srv/git/a-book", ""),
    ],
)
def test_address_is_that_of_the_remote_on_github(tmp_path: Path, url: str, address: str) -> None:
    assert repository.address(remote(tmp_path, url)) == address


def test_no_remote_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repository.address(tmp_path) == ""
    assert repository.address(tmp_path / "absent") == ""


def offered(folder: Path) -> dict[str, Any]:
    config = SimpleNamespace(
        html_theme_options={"launch_buttons": {"notebook_interface": "jupyterlab"}}
    )
    repository.offer_buttons(SimpleNamespace(srcdir=folder), config)  # type: ignore[arg-type]
    return config.html_theme_options


def test_buttons_are_offered_with_an_address_alone(tmp_path: Path) -> None:
    options = offered(remote(tmp_path / "public", HERE))
    assert options["repository_url"] == HERE
    assert options["repository_branch"] == "trunk"
    assert options["launch_buttons"] == {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    }
    private = offered(remote(tmp_path / "private", "/srv/git/a-book"))
    assert private == {"launch_buttons": {"notebook_interface": "jupyterlab"}}


def test_colab_opens_the_notebook_with_the_install_cell() -> None:
    page = "/owner/a-book/blob/trunk/chapters/a.ipynb"
    urls = [f"{repository.COLAB}/github{page}", f"https://mybinder.org/v2/gh{page}"]
    context: dict[str, Any] = {
        "header_buttons": [{"buttons": [{"url": url} for url in urls]}, {"url": "x"}]
    }
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options={"repository_branch": "trunk"}))
    repository.point_colab(app, "a", "", context, None)  # type: ignore[arg-type]
    colab, binder = (button["url"] for button in context["header_buttons"][0]["buttons"])
    assert colab.endswith("/owner/a-book/blob/notebooks/chapters/a.ipynb")
    assert binder == urls[1]
    assert f"publish_branch: {repository.COLAB_BRANCH}" in (
        ROOT / ".github" / "workflows" / "book.yml"
    ).read_text(encoding="utf-8")


def ran_setup(address: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs the first cell of a downloaded notebook and returns what it had installed."""
    manager: Any = TransformerManager
    commands: list[str] = []
    shell = SimpleNamespace(
        getoutput=lambda _: [],
        system=commands.append,
        run_line_magic=lambda *magic: commands.append(" ".join(magic)),
    )
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    exec(manager().transform_cell(repository.setup_cell(address)), {})  # noqa: S102
    return commands


def without_ntklib(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ntklib" else find(name)
    )


@pytest.mark.parametrize("address", [HERE, ""])
def test_set_up_installs_nothing_where_ntklib_is(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ran_setup(address, monkeypatch) == []


def test_set_up_has_pip_install_the_library_from_the_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_ntklib(monkeypatch)
    library, kernels = ran_setup(HERE, monkeypatch)
    assert library.startswith(f'pip install --quiet "ntklib @ git+{HERE}" ')
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pinned,) = project["dependency-groups"]["kernels"]
    assert kernels == f"pip install --quiet --no-deps frozendict {pinned}"
    for line in ("pip install frozendict", f"pip install --no-deps {pinned}"):
        assert line in (ROOT / "README.md").read_text(encoding="utf-8")


def test_set_up_says_what_to_install_where_the_repository_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_ntklib(monkeypatch)
    with pytest.raises(ModuleNotFoundError, match=r"Run `%pip install FOLDER` in a cell"):
        ran_setup("", monkeypatch)


def test_set_up_on_colab_has_the_locked_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    commands = ran_setup(HERE, monkeypatch)
    assert any(f"git clone --quiet --depth 1 {HERE} " in command for command in commands)
    assert not any("cuda12" in command and "{extra}" in command for command in commands)


@pytest.mark.parametrize(
    ("base", "url", "site"),
    [
        ("", HERE, "https://owner.github.io/a-book/"),
        ("https://book.org/a", HERE, "https://book.org/a/"),
        ("", "/srv/git/a-book", ""),
    ],
)
def test_site_is_that_of_the_configuration_or_of_the_repository(
    base: str, url: str, site: str, tmp_path: Path
) -> None:
    config: Any = SimpleNamespace(html_baseurl=base)
    assert repository.site(config, remote(tmp_path, url)) == site


# ---- links from code ---------------------------------------------------------------------------


def test_names_are_known_with_and_without_their_module() -> None:
    places = {
        "ntklib.dynamics.gradient_flow": ("api/dynamics", "a"),
        "ntklib.measures.Measure": ("api/measures", "b"),
        "ntklib.measures.Measure.inner": ("api/measures", "c"),
        "ntklib.theory.fisher.Fit.at": ("api/theory", "d"),
        "ntklib.statistics.Fit.at": ("api/statistics", "e"),
        "ntklib.book": ("api/book", "g"),
        "numpy.array": ("elsewhere", "f"),
    }
    names = codelinks.short_names(places)
    assert names["dynamics.gradient_flow"] == ("api/dynamics", "a")
    assert names["Measure.inner"] == ("api/measures", "c")
    assert names["statistics.Fit.at"] == ("api/statistics", "e")
    assert names["fisher.Fit.at"] == ("api/theory", "d")
    assert "Fit.at" not in names  # of which of the two?
    assert not {"numpy.array", "book"} & set(names)  # the latter is a scale


def linked(text: str, docname: str = "chapters/page", *within: nodes.Element) -> nodes.document:
    doctree = new_document("page")
    inner: nodes.Element = doctree
    for outer in (nodes.paragraph(), *within):
        inner += outer
        inner = outer
    inner += nodes.literal(text, text)
    names = {
        "dynamics.gradient_flow": ("api/dynamics", "flow"),
        "corollary-2.width": ("claims", "claim-x"),
    }
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html")
    app = SimpleNamespace(env=SimpleNamespace(companion_names=names), builder=builder)
    codelinks.link_names(app, doctree, docname)  # type: ignore[arg-type]
    return doctree


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("dynamics.gradient_flow", "../api/dynamics.html#flow"),
        ("ntklib.dynamics.gradient_flow", "../api/dynamics.html#flow"),
        ("dynamics.gradient_flow(network, params)", "../api/dynamics.html#flow"),
        ("corollary-2.width", "../claims.html#claim-x"),
    ],
)
def test_a_name_in_code_becomes_a_link(text: str, uri: str) -> None:
    (reference,) = linked(text).findall(nodes.reference)
    assert reference["refuri"] == uri
    assert reference.astext() == text


@pytest.mark.parametrize("text", ["dynamics", "gradient_flow", "dynamics.gradient_flow + 1"])
def test_other_code_stays_as_it_is(text: str) -> None:
    assert not list(linked(text).findall(nodes.reference))


def test_a_link_and_a_title_hold_no_other_link() -> None:
    name = "dynamics.gradient_flow"
    link = nodes.reference("", "", refuri="elsewhere")
    assert list(linked(name, "page", link, nodes.inline()).findall(nodes.reference)) == [link]
    assert not list(linked(name, "page", nodes.title(), nodes.inline()).findall(nodes.reference))


def test_a_page_has_no_links_to_itself() -> None:
    assert not list(linked("corollary-2.width", "claims").findall(nodes.reference))


# ---- what others show of a page ----------------------------------------------------------------


def page(
    *, title: str = "Title", caption: str = "A point.", text: str = "Text.", anchor: str = "part",
    counted: str = "id1",
) -> nodes.document:  # fmt: skip
    document = new_document("page")
    document += nodes.section("", nodes.title("", title), ids=[anchor])
    document += nodes.paragraph("", text, ids=[counted])
    document += nodes.figure("", nodes.caption("", caption))
    return document


@pytest.mark.parametrize("change", ["title", "caption", "anchor"])
def test_others_show_titles_captions_and_anchors_of_a_page(change: str) -> None:
    assert writing.face(page(**{change: "other"})) != writing.face(page())


@pytest.mark.parametrize("change", [{"text": "Other text."}, {"counted": "id2"}])
def test_others_show_no_sentence_of_a_page(change: dict[str, str]) -> None:
    assert writing.face(page(**change)) == writing.face(page())


def test_a_modules_file_is_found_without_importing_it(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    for name in ("__init__.py", "_module.py"):
        (tmp_path / "package" / name).write_text("1 / 0")
    app: Any = SimpleNamespace(srcdir=str(tmp_path))
    assert writing.module_file(app, "package") == str(tmp_path / "package" / "__init__.py")
    assert writing.module_file(app, "package._module") == str(tmp_path / "package" / "_module.py")
    assert writing.module_file(app, "elsewhere") is None


# ---- costs -------------------------------------------------------------------------------------


def ran(**data: Any) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("display_data", data=data)]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])


def test_a_chapters_costs_are_those_that_it_recorded() -> None:
    run = {"scale": "book", "seed": 0, "device": "cpu", "peak": 3 * 2**29}
    assert outcomes.run_of(ran(**{_marks.RUN_MIME_TYPE: run})) == run
    assert outcomes.run_of(ran(**{"text/plain": "x"})) is None
    row = costs.cost_row(nodes.reference("", "A"), 74.6, run)
    assert [cell[0].astext() for cell in row] == ["A", "75 s", "1.5 GiB", "book, 0", "cpu"]
    unknown = costs.cost_row(nodes.reference("", "A"), None, {**run, "peak": 0})
    assert [cell[0].astext() for cell in unknown][1:3] == ["not measured", "not measured"]


def test_seconds_are_those_of_the_run_whoever_made_it() -> None:
    notebook = ran()
    assert outcomes.seconds_of(notebook, None) is None
    notebook.metadata["papermill"] = {"duration": 12.5}
    assert outcomes.seconds_of(notebook, None) == 12.5
    assert outcomes.seconds_of(notebook, {"runtime": 80.0}) == 80.0


def test_a_table_has_its_rows() -> None:
    found = tables.table(
        ("a", "b"), [[[nodes.paragraph("", "1")], [nodes.paragraph("", "2")]]], "x"
    )
    assert found["classes"] == ["x"]
    assert [entry.astext() for entry in found.findall(nodes.entry)] == ["a", "b", "1", "2"]


# ---- figures of other pages --------------------------------------------------------------------


def test_a_figure_is_borrowed_with_ids_of_its_own() -> None:
    notebook = ran(**{"text/html": '<div id="slider-1"><label for="slider-1-0">t</label></div>'})
    notebook.cells[0].metadata["mystnb"] = {"figure": {"name": "fig-a", "caption": "A."}}
    assert borrowed.drawing(notebook, "fig-a") == (
        '<div id="slider-here-1"><label for="slider-here-1-0">t</label></div>'
    )
    with pytest.raises(ExtensionError, match="no cell shows a figure named 'fig-b'"):
        borrowed.drawing(notebook, "fig-b")


# ---- one file ----------------------------------------------------------------------------------


def test_anchors_of_several_chapters_are_told_apart() -> None:
    doctree = new_document("book")
    for name in ("a", "b"):
        part = addnodes.start_of_file(docname=name)
        part += nodes.section("", ids=["exercises", f"only-{name}"])
        part += nodes.reference("", "here", refid="exercises")
        part += nodes.reference("", "there", refuri="i.html#document-b#exercises")
        part += nodes.reference("", "other", refuri="i.html#document-b#only-b")
        doctree += part
    onefile.tell_anchors_apart(
        SimpleNamespace(builder=SimpleNamespace(name="singlehtml")),  # type: ignore[arg-type]
        doctree,
        "a",
    )
    ids = [node["ids"] for node in doctree.findall(nodes.section)]
    assert ids == [["a--exercises", "only-a"], ["b--exercises", "only-b"]]
    links = [node.get("refid") or node["refuri"] for node in doctree.findall(nodes.reference)]
    to_b = ["i.html#document-b#b--exercises", "i.html#document-b#only-b"]
    assert links == ["a--exercises", *to_b, "b--exercises", *to_b]
