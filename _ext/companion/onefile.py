"""The whole book as one page, from which `make pdf` prints one file."""

from collections import Counter
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ONE_PAGE = "singlehtml"


def share_handlers(app: Sphinx) -> None:
    """Lets proofs, exercises and cards be written there as on the pages of the site."""
    handlers = app.registry.translation_handlers
    handlers[ONE_PAGE] = {**handlers.get("html", {}), **handlers.get(ONE_PAGE, {})}


def _name(docname: str, anchor: str) -> str:
    return f"{docname.replace('/', '-')}--{anchor}"


def _named(part: nodes.Element) -> Iterator[nodes.Element]:
    return (node for node in part.findall(nodes.Element) if node.get("ids"))


def tell_anchors_apart(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Renames anchors that several chapters have, such as `exercises`, and links to them."""
    if app.builder.name != ONE_PAGE:
        return
    parts = {part["docname"]: part for part in doctree.findall(addnodes.start_of_file)}
    counts = Counter(
        anchor for part in parts.values() for node in _named(part) for anchor in set(node["ids"])
    )
    common = {anchor for anchor, count in counts.items() if count > 1}
    for name, part in parts.items():
        for node in _named(part):
            node["ids"] = [_name(name, a) if a in common else a for a in node["ids"]]
        for reference in part.findall(nodes.reference):
            if reference.get("refid") in common:
                reference["refid"] = _name(name, reference["refid"])
    for reference in doctree.findall(nodes.reference):
        # Still as Sphinx writes them before it joins the pages: #document-chapters/NN#anchor.
        before, _, rest = reference.get("refuri", "").partition("#document-")
        target, _, anchor = rest.partition("#")
        if anchor in common and target in parts:
            reference["refuri"] = f"{before}#document-{target}#{_name(target, anchor)}"
