"""A prediction first: where a chapter asks for one, a reader can write it down before the result.

The result is covered from the first letter on, and what was predicted then stands beside it. All
of it happens in the page, and nothing of it leaves or is kept.
"""

from docutils import nodes
from sphinx.application import Sphinx

ASKING = "Predict before you look."
FIELD = (
    '<div class="prediction" data-ntklib-predict hidden>'
    '<label for="prediction-{0}">Your prediction, for this page only</label>'
    '<textarea id="prediction-{0}" rows="2"></textarea>'
    '<button type="button" hidden>Look</button></div>'
)


def asks(paragraph: nodes.paragraph) -> bool:
    """Whether a paragraph begins by asking for a prediction."""
    # MyST lets such a paragraph begin with a text that is empty.
    first = next((node for node in paragraph.children if node.astext()), None)
    return isinstance(first, nodes.strong) and first.astext() == ASKING


def offer_fields(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts a field below every paragraph of the site that asks for a prediction."""
    if app.builder.name != "html":
        return
    asking = filter(asks, list(doctree.findall(nodes.paragraph)))
    for number, paragraph in enumerate(asking, start=1):
        field = nodes.raw("", FIELD.format(number), format="html")
        paragraph.parent.insert(paragraph.parent.index(paragraph) + 1, field)
