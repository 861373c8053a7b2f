"""A network that is trained in the reader's browser: `{live}`, and settings for it: `{preset}`.

The page's scripts, in `live/`, have no dependencies and are used as they are (`site`). In the PDF,
and without scripts, the picture that follows stands for it.
"""

from html import escape
from pathlib import Path
from typing import cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).with_name("live")


class Live(nodes.General, nodes.Element):
    """Stands for what the scripts need until it is known what is built: a site or a PDF."""


class LiveDirective(SphinxDirective):
    """`{live}`: the controls, charts and numbers of a network that is trained in the page."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_live` puts them."""
        return [Live()]


class PresetDirective(SphinxDirective):
    """`{preset} name` with settings, such as `m=8&n=32`, a title, and what to look for.

    Other pages refer to it by `{ref}`, and its address trains the network that it sets.
    """

    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012  # as docutils has it
        "title": directives.unchanged_required,
        "settings": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Returns the paragraph that the preset's links lead to."""
        (name,) = self.arguments
        title, settings = self.options["title"], self.options["settings"]
        link = f'<a href="#{name}" data-live-settings="{escape(settings)}">{escape(title)}</a>'
        # Where the network isn't trained there is nothing to set.
        text, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        paragraph = nodes.paragraph(
            "", "", nodes.raw("", link, format="html"), nodes.Text(". "), *text,
            ids=[name], classes=["live-preset"],
        )  # fmt: skip
        domain = cast("StandardDomain", self.env.get_domain("std"))
        domain.note_hyperlink_target(name, self.env.docname, name, title)
        return [paragraph, *messages]


def fill_live(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts controls and charts where a page of the site asks for them, and none in the PDF."""
    for stand_in in list(doctree.findall(Live)):
        if app.builder.name == "html":
            markup = (FOLDER / "page.html").read_text(encoding="utf-8")
            stand_in.replace_self(nodes.raw("", markup, format="html"))
        else:
            stand_in.parent.remove(stand_in)
