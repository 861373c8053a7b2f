"""The API pages: every public object is there, with an example, and reads as it should."""

import inspect
import io
import re
import warnings

import pytest
import yaml
from docutils import nodes
from places import ROOT
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

import ntklib
from companion import api

PAGES = ROOT / "chapters" / "api"


def test_every_module_has_a_page_in_the_book() -> None:
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    table = (ROOT / "chapters" / "api.md").read_text(encoding="utf-8")
    packages = sorted(ntklib.__all__)
    assert sorted(re.findall(r"file: chapters/api/(\w+)", toc)) == packages
    assert re.findall(r"file: chapters/api/(\w+)", toc) == re.findall(r"\(api/(\w+)\)", table)
    assert sorted(page.stem for page in PAGES.iterdir()) == packages
    for module in api.modules():
        page = PAGES / f"{module.split('.')[0]}.md"
        assert f".. automodule:: ntklib.{module}\n" in page.read_text(encoding="utf-8")


OFFERED = [
    f"{api.PACKAGE}.{module}.{name}" for module in api.modules() for name in api.public(module)
]


@pytest.mark.parametrize("name", OFFERED)
def test_public_object_is_documented(name: str) -> None:
    value = api.targets()[name]
    text = api.docstring(name)
    assert text
    # An error or a warning is shown where it is raised.
    if inspect.isroutine(value) or (inspect.isclass(value) and not issubclass(value, Exception)):
        assert ">>> " in text, "it has no example"


@pytest.mark.parametrize("name", api.targets())
def test_docstring_names_what_there_is(name: str) -> None:
    """A name in backticks that begins with a public module is one of its objects."""
    modules = "|".join(api.modules())
    prose = "\n".join(line for line in api.docstring(name).split("\n") if ">>>" not in line)
    for text in re.findall(rf"`((?:ntklib\.)?(?:{modules})\.\w[\w.]*)(?:\(\))?`", prose):
        head, *rest = text.removeprefix("ntklib.").split(".")
        known = api.resolve(text, name) or getattr(api.targets()[f"ntklib.{head}"], rest[0], None)
        assert known is not None, f"there is no {text}"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Sphinx:
    """The API pages alone, read by Sphinx with the book's settings; any warning fails."""
    folder = tmp_path_factory.mktemp("api")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    prefixes = ("autodoc_", "napoleon_", "add_module_names")
    settings = {name: value for name, value in config.items() if name.startswith(prefixes)}
    # It would write into the functions themselves, which other tests of this process call.
    settings["autodoc_preserve_defaults"] = False
    settings["extensions"] = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
    for page in PAGES.iterdir():
        (folder / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "index.md").write_text("# API\n\n```{toctree}\n:glob:\n\n*\n```\n")
    with docutils_namespace(), patch_docutils(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's and MyST's own
        told = io.StringIO()
        app = Sphinx(
            folder, None, folder / "out", folder / "trees", "dummy", settings,
            status=None, warning=told, freshenv=True,
        )  # fmt: skip
        app.connect("autodoc-process-docstring", api.read_markdown, priority=400)
        app.connect("autodoc-process-docstring", api.add_types, priority=600)
        app.build()
    assert not told.getvalue()
    return app


def test_every_public_object_has_an_entry(book: Sphinx) -> None:
    entries = book.env.domains["py"].data["objects"]
    missing = {name: place for name in api.targets() if (place := entries.get(name)) is None}
    assert not missing
    astray = [
        name
        for name in api.targets()
        if entries[name].docname != name.split(".")[1] or entries[name].aliased
    ]
    assert not astray
    private = [name for name, entry in entries.items() if "._" in name and not entry.aliased]
    assert not private


def test_pages_show_no_markup(book: Sphinx) -> None:
    for page in ntklib.__all__:
        tree = book.env.get_doctree(page)
        for text in tree.findall(nodes.Text):
            code = (
                nodes.literal
                | nodes.literal_block
                | nodes.doctest_block
                | nodes.math
                | nodes.math_block
            )
            if not isinstance(text.parent, code):
                assert not re.search(r"[$`]|:math:|\\\w", text), (page, text)


def test_types_are_those_of_the_source(book: Sphinx) -> None:
    text = book.env.get_doctree("kernels").astext()
    assert 'gram_1 (Float[Array, "*#b q q"])' in text
    assert "network (Network | Apply)" in text
    assert "jaxtyping" not in text


def test_markdown_becomes_restructured_text() -> None:
    flow = ":py:obj:`dynamics.kernel_flow <ntklib.dynamics.kernel_flow>`"
    lines = [
        r"The norm $\|x\|_2$ of `x`, see `dynamics.kernel_flow`.",
        "",
        "**Not** *axes, |x|, x_ and `a * b`:",
        "",
        "$$a",
        "  = b$$",
        "",
        ">>> print('$x$ `y`')",
        "$x$ `y`",
        "",
        "After `gone.away`.",
    ]
    assert api.to_rst(lines, "ntklib.spectrum.nystrom", frozenset({"x"})) == [
        r"The norm :math:`\|x\|_2` of ``x``, see " + flow + ".",
        "",
        r"**Not** \*axes, \|x\|, x\_ and ``a * b``:",
        "",
        ".. math::",
        "",
        "   a",
        "     = b",
        "",
        "",
        ">>> print('$x$ `y`')",
        "$x$ `y`",
        "",
        "After ``gone.away``.",
    ]


@pytest.mark.parametrize(
    ("text", "place", "full"),
    [
        ("nystrom", "ntklib.spectrum.circle", "ntklib.spectrum.nystrom"),
        ("circle", "ntklib.spectrum.nystrom", "ntklib.spectrum.circle"),
        ("circle", "ntklib.measures.arcs.norms", "ntklib.measures.arcs.circle"),
        ("measures.circle", "ntklib.measures.arcs.norms", "ntklib.measures.circle"),
        ("arcs.circle", "ntklib.dynamics.gradient_flow", "ntklib.measures.arcs.circle"),
        ("leading", "ntklib.spectrum.Eigensystem.values", "ntklib.spectrum.Eigensystem.leading"),
        (
            "Trajectory.params",
            "ntklib.dynamics.linearization.losses",
            "ntklib.dynamics.Trajectory.params",
        ),
        ("ntklib.studies", "ntklib.dynamics", "ntklib.studies"),
        ("_checks", "ntklib.spectrum.nystrom", None),
        ("os.path", "ntklib.spectrum.nystrom", None),
    ],
)
def test_names_are_found_from_where_they_stand(text: str, place: str, full: str | None) -> None:
    assert api.resolve(text, place) == full
