"""Which pages are written: those that were read, and those that show what has changed elsewhere.

A page shows of others their titles, numbers, anchors and captions, its claims and citations. While
all of these are what they were, a page that wasn't read is what it was. The menu, too, shows no
more than titles.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from companion import borrowed, costs, outcomes, recorded, since

COUNTED = re.compile(r"id\d+")
"""Anchors that docutils counts through: no other page can name them."""
NAMES = (nodes.title, nodes.caption)
"""What other pages call a part of a page by."""
OF_CHAPTERS = (
    recorded.ClaimsTable, recorded.ClaimsFigure, since.ClaimsSince, costs.CostsTable,
    borrowed.Borrowed,
)  # fmt: skip
"""What is filled with the outcomes of chapters."""
DOMAINS = ("std", "py", "math")


@dataclass(frozen=True)
class Page:
    """What is to be known of a page that isn't read again.

    Attributes:
        face: what others can show of it.
        shows_outcomes: whether it shows what chapters found.
    """

    face: str
    shows_outcomes: bool


@dataclass(frozen=True)
class State:
    """Digests of what pages show of others: of their faces, and of what notebooks found."""

    faces: str
    outcomes: str


def digest(parts: Iterable[object]) -> str:
    """Returns a hash of things that `repr` tells apart."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def face(doctree: nodes.document) -> str:
    """Returns a hash of the anchors, titles and captions of a page, which others can show."""
    parts: list[object] = []
    for node in doctree.findall(nodes.Element):
        anchors = [anchor for anchor in node["ids"] if not COUNTED.fullmatch(anchor)]
        name = node.pformat() if isinstance(node, NAMES) else ""
        if anchors or name:
            parts.append((type(node).__name__, anchors, name))
    return digest(parts)


def _pages(env: BuildEnvironment) -> dict[str, Page]:
    found: dict[str, Page] = vars(env).setdefault("companion_pages", {})
    return found


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Notes what others can show of a page that has been read."""
    shows = any(isinstance(node, OF_CHAPTERS) for node in doctree.findall(nodes.Element))
    _pages(app.env)[app.env.docname] = Page(face(doctree), shows)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forgets a page that is gone or will be read again."""
    _pages(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Takes over what another process has noted."""
    _pages(env).update({name: each for name, each in _pages(other).items() if name in docnames})


def state(env: BuildEnvironment) -> State:
    """Returns what pages show of others, once all have been read and numbered."""
    parts: list[object] = [sorted((name, page.face) for name, page in _pages(env).items())]
    parts += [sorted(numbers.items()) for numbers in (env.toc_secnumbers, env.toc_fignumbers)]
    for domain in DOMAINS:
        for name, entries in sorted(env.domaindata[domain].items()):
            if isinstance(entries, dict) and name != "has_equations":
                parts.append((domain, name, sorted(map(repr, entries.items()))))
    parts += [
        (each.citation_id, each.key, each.formatted_entry.label, str(each.formatted_entry.text))
        for each in env.domaindata["cite"]["citations"]
    ]
    parts.append(sorted(env.companion_names.items()))  # type: ignore[attr-defined]
    found = sorted((name, each.digest, each.seconds) for name, each in outcomes.of(env).items())
    return State(digest(parts), digest(found))


def choose(app: Sphinx, env: BuildEnvironment) -> Collection[str]:
    """Returns the pages that have to be written besides those that were read."""
    before: State | None = getattr(env, "companion_state", None)
    now = state(env)
    env.companion_state = now  # type: ignore[attr-defined]
    if before is None or before.faces != now.faces:
        return env.found_docs
    if before.outcomes != now.outcomes:
        return [name for name, page in _pages(env).items() if page.shows_outcomes]
    return []


def module_file(app: Sphinx, modname: str) -> str | None:
    """Returns the file of a module in the book's folder.

    In place of viewcode's own, which imports all of the library, and JAX with it, to see whether
    the pages of its source are older than it.
    """
    stem = Path(app.srcdir, *modname.split("."))
    files = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((str(path) for path in files if path.is_file()), None)
