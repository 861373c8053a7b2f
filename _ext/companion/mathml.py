"""Formulas as MathML, which browsers draw themselves, on pages that are to be light.

MathJax weighs more than all else that a page loads.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SPACE = re.compile(r">\s+<")


def mathml(formula: str, *, display: bool) -> str:
    """Returns a formula of TeX as an element of MathML.

    Raises:
      MathError: docutils doesn't know one of its commands.
    """
    return SPACE.sub("><", latex2mathml.tex2mathml(formula, as_block=display))


def write_formulas(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Writes the formulas of the pages in `companion_mathml` so."""
    if app.builder.name != "html" or docname not in app.config.companion_mathml:
        return
    for node in list(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))):
        try:
            element = mathml(node.astext(), display=isinstance(node, nodes.math_block))
        except MathError as problem:
            raise ExtensionError(
                f"{docname}: docutils can't write the formula {node.astext()} as MathML "
                f"({problem}); write it otherwise, or take the page out of companion_mathml."
            ) from problem
        node.replace_self(nodes.raw("", element, format="html"))


def spare_mathjax(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Has those pages not load MathJax."""
    if pagename in app.config.companion_mathml:
        context["script_files"] = [
            script
            for script in context["script_files"]
            if "mathjax" not in f"{script} {getattr(script, 'attributes', {})}".lower()
        ]
