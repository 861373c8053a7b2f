"""What is wrong with a built book's files: links and anchors that lead nowhere, ids there twice."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ntklib.book._marks import PLOTLY_MARKER


class Markup(HTMLParser):
    """What other pages and files have to do with a page: its ids and the addresses it names."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: set[str] = set()
        self.figures: list[bool] = []
        self.redirects = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what a tag says."""
        said = {name: value or "" for name, value in attrs}
        if "id" in said:
            self.ids.append(said["id"])
        if tag == "a" and "name" in said:
            self.ids.append(said["name"])
        if tag == "meta" and said.get("http-equiv", "").lower() == "refresh":
            self.redirects = True
            self.addresses.add(said["content"].partition("url=")[2])
        self.addresses |= {said[name] for name in ("href", "src") if name in said}
        if PLOTLY_MARKER in said:
            self.figures.append(False)
        elif self.figures and tag == "img" and said.get("alt", "").strip():
            self.figures[-1] = True


def markup(site: Path) -> dict[Path, Markup]:
    """Returns what is in each page of a site."""
    paths = (path for path in site.resolve().rglob("*.html") if "_static" not in path.parts)
    return {path: Markup(path) for path in sorted(paths)}


def links(site: Path) -> list[str]:
    """Returns the links and anchors within a site that lead nowhere, and ids that are there twice.

    Args:
      site: folder of the built book.

    Returns:
      One sentence a problem.
    """
    found, site = markup(site), site.resolve()
    problems = []
    for path, page in found.items():
        name = path.relative_to(site)
        twice = {i for i in page.ids if page.ids.count(i) > 1}
        problems += [
            f"{name}: two elements have the id {i!r}; rename one, so that links reach both."
            for i in sorted(twice)
        ]
        if not all(page.figures):
            problems.append(
                f"{name}: a figure with a slider has no picture for readers without scripts; "
                "give it an <img> with alt text."
            )
        for address in sorted(page.addresses):
            problems += [f"{name}: {what}" for what in _dead(address, path, found)]
    return problems


def _dead(address: str, path: Path, found: dict[Path, Markup]) -> list[str]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return []
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return [f"the link {address!r} leads to no file of the site; correct or remove it."]
    anchor = unquote(parts.fragment)
    if anchor and target in found and anchor not in found[target].ids:
        return [f"the link {address!r} names an anchor that isn't there; correct it."]
    return []
