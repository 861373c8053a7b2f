"""Mends what makes pages hard to use without a mouse or without eyes."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

TAG = re.compile(r"<[a-zA-Z][^<>]*>")
ID = re.compile(r'\sid="([^"]*)"')
TOGGLE = re.compile(r'<a class="[^"]*" href="[^"]*">([^<]*)</a>(\s*<details[^>]*>\s*<summary)>')
FORMULA = re.compile(r'<span class="math[^"]*">\\\((.*?)\\\)</span>')

logger = logging.getLogger(__name__)


def with_each_id_once(html: str) -> str:
    """Removes an id from all elements but the first that has it, which is where links lead.

    sphinx-proof gives a statement's id to its title too, and sphinx-exercise the same one to the
    content of every exercise.
    """
    seen: set[str] = set()

    def mend(tag: re.Match[str]) -> str:
        found = ID.search(tag[0])
        if found is None or found[1] not in seen:
            seen.add(found[1] if found else "")
            return tag[0]
        return tag[0].replace(found[0], "", 1)

    return TAG.sub(mend, html)


def with_listed_references(html: str) -> str:
    """Gives the entries of a bibliography the role that a list asks for.

    docutils writes `doc-biblioentry`, which ARIA has since given up and readers ignore.
    """
    return html.replace('role="doc-biblioentry"', 'role="listitem"')


def with_named_toggles(html: str) -> str:
    """Names the buttons that unfold the contents: the theme gives them an arrow alone."""
    return TOGGLE.sub(
        lambda found: found[0].removesuffix(">") + f' aria-label="Pages of {found[1]}">', html
    )


def with_summaries(html: str) -> str:
    """Lets what is folded be called what it says it is: myst-nb names all of it alike."""
    return html.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def plain_title(title: str) -> str:
    r"""Returns a title without the marks of its formulas, as for the tab of a browser.

    Args:
      title: HTML.

    Returns:
      HTML with the letters alone of a formula such as `\(m\)`. One that isn't made of letters
      stays as it is.
    """
    return FORMULA.sub(lambda formula: formula[1] if formula[1].isalnum() else formula[0], title)


def mend_contents(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mends the contents beside a page, which the theme draws when it writes the page."""
    draw = context.get("generate_toctree_html")
    if draw is not None:
        context["generate_toctree_html"] = lambda *args, **options: with_named_toggles(
            str(draw(*args, **options))
        )


def mend(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mends a page before it is written."""
    if "body" in context:
        body = with_summaries(context["body"])
        context["body"] = with_listed_references(with_each_id_once(body))
    if "title" in context:
        context["title"] = plain_title(context["title"])
        if FORMULA.search(context["title"]):
            logger.warning(
                "the title has a formula that a browser's tab can't show: write it in words, or "
                "give it one letter.", location=pagename,
            )  # fmt: skip
