"""Links from names in code to what they name: objects of `ntklib`, and claims."""

import re
from collections import Counter
from collections.abc import Mapping
from types import UnionType

from docutils import nodes
from sphinx.application import Sphinx

NAME = re.compile(r"(?:ntklib\.)?(?P<name>[A-Za-z]\w*(?:\.\w+)*)(?:\(.*\))?", re.DOTALL)
CLAIMS_PAGE = "chapters/claims"
SCALE = "book"
"""What pages call a scale is not linked as the package of that name."""


def short_names(objects: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Returns where the objects of the library are documented, by every name used for them.

    Args:
        objects: (page, anchor) by full name, such as `ntklib.dynamics.gradient_flow`.

    Returns:
        The same by `learning.zonal.shares`, by `zonal.shares`, and by `Measure.inner` for what a
        class has, unless several objects have one of these names.
    """
    found: dict[str, tuple[str, str]] = {}
    named: Counter[str] = Counter()
    for full, place in objects.items():
        package, *parts = full.split(".")
        if package != "ntklib":
            continue
        for start in range(len(parts)):
            name = ".".join(parts[start:])
            if start == 0 or "." in name or name[:1].isupper():
                named[name] += 1
                found[name] = place
    return {n: place for n, place in found.items() if named[n] < 2 and n != SCALE}


def _inside(node: nodes.Node, kinds: UnionType) -> bool:
    """Tells whether a node has an ancestor of one of these kinds."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def link_names(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Links every name in code that is documented in the API, or is a claim's id."""
    known = app.env.companion_names  # type: ignore[attr-defined]
    for literal in list(doctree.findall(nodes.literal)):
        if _inside(literal, nodes.reference | nodes.title):
            continue
        found = NAME.fullmatch(literal.astext())
        place = known.get(found["name"]) if found else None
        place = place or known.get(literal.astext())
        # A page doesn't link to itself: the entry of an object, the row of a claim.
        if place is None or place[0] == docname:
            continue
        page, anchor = place
        uri = f"{app.builder.get_relative_uri(docname, page)}#{anchor}"
        reference = nodes.reference("", "", refuri=uri, internal=True)
        literal.replace_self(reference)
        reference += literal


def gather_names(app: Sphinx, env: object) -> list[str]:
    """Notes where each object and each claim has its place."""
    objects = {
        name: (entry.docname, entry.node_id)
        for name, entry in app.env.domains["py"].data["objects"].items()
    }
    claims = {
        claim["id"]: (CLAIMS_PAGE, f"claim-{claim['id']}")
        for recorded in app.env.companion_recorded.values()  # type: ignore[attr-defined]
        for claim in recorded
    }
    app.env.companion_names = short_names(objects) | claims  # type: ignore[attr-defined]
    return []
