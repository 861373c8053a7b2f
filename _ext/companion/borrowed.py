"""A figure of a chapter on another page: `{figure-of} chapters/NN-name fig-name`."""

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from companion.execution import executed_notebook


class Borrowed(nodes.General, nodes.Element):
    """Stands for a chapter's figure until the chapter has been executed."""


class FigureOfDirective(SphinxDirective):
    """`{figure-of} chapter name`: that chapter's figure, with the text below as its caption."""

    required_arguments = 2
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Returns the figure, with a node in whose place `fill_figures` puts the drawing."""
        chapter, name = self.arguments
        caption = nodes.caption()
        inline, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        caption += inline
        figure = nodes.figure("", Borrowed(chapter=chapter, name=name), caption)
        figure["ids"] = [f"{name}-here"]
        return [figure, *messages]


def drawing(notebook: nbformat.NotebookNode, name: str) -> str:
    """Returns the HTML that the cell of a figure displayed, with an id of its own.

    Raises:
        ExtensionError: the notebook has no such figure.
    """
    for cell in notebook.cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
            for output in cell.outputs:
                if markup := output.get("data", {}).get("text/html"):
                    # The chapter and this page can stand in one file, as in the PDF.
                    return str(markup).replace("slider-", "slider-here-")
    raise ExtensionError(f"no cell shows a figure named {name!r} as HTML")


def fill_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts the figures of chapters where a page asks for them."""
    for stand_in in list(doctree.findall(Borrowed)):
        notebook = nbformat.read(executed_notebook(app, stand_in["chapter"]), as_version=4)
        markup = drawing(notebook, stand_in["name"])
        stand_in.replace_self(nodes.raw("", markup, format="html"))
