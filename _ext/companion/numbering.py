"""Chapters' numbers, which the text names them by: in the menu and before titles.

A link in a sentence shows the title alone, and so do BibTeX and the search.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

CHAPTER = re.compile(r"(?:.*/)?(\d\d)-[\w-]+")
MENU = re.compile(
    r'(<a class="(?:current )?reference internal" href="(?:(?:[^"]*/)?(\d\d)-[\w-]+\.html|#)">)'
)
"""The links of chapters, and of the page itself."""


def number(docname: str) -> str:
    """Returns the number of a chapter, from the name of its file; "" for other pages."""
    found = CHAPTER.fullmatch(docname)
    return str(int(found[1])) if found else ""


def titled(env: BuildEnvironment, docname: str) -> str:
    """Returns the number, if there is one, and the title of a page."""
    return f"{number(docname)} {env.titles[docname].astext()}".strip()


def number_heading(app: Sphinx, doctree: nodes.document) -> None:
    """Puts a chapter's number before its heading, once its title has been noted without."""
    digits = number(app.env.docname)
    for title in list(doctree.findall(nodes.title))[:1] if digits else []:
        title.insert(0, nodes.inline("", f"{digits} ", classes=["chapter-number"]))


def with_numbers(menu: str, docname: str) -> str:
    """Returns a menu with the chapters' numbers, on a page whose own link is `#`."""

    def numbered(link: re.Match[str]) -> str:
        digits = str(int(link[2])) if link[2] else number(docname)
        return f"{link[1]}{digits} " if digits else link[1]

    return MENU.sub(numbered, menu)


def number_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Puts numbers before what the theme shows of chapters: tab, menu, and the pages beside it."""
    if digits := number(pagename):
        context["title"] = f"{digits} {context['title']}"
    for name in ("prev", "next"):
        if beside := context.get(name):
            # Its address is relative to the page.
            digits = number(beside["link"].removesuffix(".html"))
            context[name] = {**beside, "title": f"{digits} {beside['title']}".strip()}
    draw = context.get("generate_toctree_html")
    if draw is not None:
        context["generate_toctree_html"] = lambda *args, **options: with_numbers(
            str(draw(*args, **options)), pagename
        )
