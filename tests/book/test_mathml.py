"""Formulas of light pages as MathML."""

from types import SimpleNamespace
from typing import Any

import pytest
from docutils import nodes, utils
from sphinx.errors import ExtensionError

from companion import mathml

pytestmark = pytest.mark.book


def page(*formulas: nodes.Node) -> nodes.document:
    document = utils.new_document("page")
    document += formulas
    return document


def app(builder: str = "html") -> Any:
    return SimpleNamespace(
        builder=SimpleNamespace(name=builder), config=SimpleNamespace(companion_mathml=["light"])
    )


def test_formulas_of_light_pages_are_elements() -> None:
    document = page(nodes.math("", r"\sigma_k"), nodes.math_block("", r"m = \tilde\Omega(T^4)"))
    mathml.write_formulas(app(), document, "light")
    inline, block = (node.astext() for node in document.findall(nodes.raw))
    assert inline.startswith("<math")
    assert "<msub><mi>σ</mi><mi>k</mi></msub>" in inline
    assert 'display="block"' in block
    assert "<msup><mi>T</mi><mn>4</mn></msup>" in block
    assert not list(document.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)))


@pytest.mark.parametrize(("builder", "name"), [("html", "other"), ("singlehtml", "light")])
def test_formulas_elsewhere_are_left_to_mathjax(builder: str, name: str) -> None:
    document = page(nodes.math("", r"\sigma_k"))
    mathml.write_formulas(app(builder), document, name)
    assert [node.astext() for node in document.findall(nodes.math)] == [r"\sigma_k"]


def test_a_formula_that_cannot_be_written_is_named() -> None:
    document = page(nodes.math("", r"\nosuch_k"))
    with pytest.raises(ExtensionError, match=r"light: .* \\nosuch_k .* write it otherwise"):
        mathml.write_formulas(app(), document, "light")


def test_light_pages_alone_do_not_load_mathjax() -> None:
    scripts = ["_static/mathjax/tex-mml-chtml.js", "_static/figures.js"]
    for name, left in (("light", scripts[1:]), ("other", scripts)):
        context = {"script_files": list(scripts)}
        mathml.spare_mathjax(app(), name, "page.html", context, None)
        assert context["script_files"] == left
