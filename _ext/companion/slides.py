"""Slides of each chapter's statements, figures and claims, for lectures: `make slides`.

They are made of the built pages. There the executed notebooks have become what a reader sees, with
citations and figures' numbers in place; nbconvert, which knows no MyST, would show its source, and
every cell. reveal.js comes out of a package of Python's, as plotly.js does.
"""

import argparse
import json
import posixpath
import shutil
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from companion import accessibility, numbering, recorded

DECK = Path(__file__).parent / "deck"
PAGES = "../html/chapters"
"""The chapters, from where the slides are."""
STATEMENT = "div.proof:has(> .admonition-title)"  # a proof has the same box and no title
PICTURE = 'img[alt]:not([alt=""])'
TEXTLESS = "give it a picture with a text for those who don't see it."
CLAIMS = 5
"""On a slide, where the last row of the hall is to read them."""


@dataclass(frozen=True)
class Slide:
    """A statement or a figure, in HTML.

    Attributes:
        anchor: its own in the chapter.
        kind: what it is, for the style sheet.
        heading: the statement's title, or that of the figure's section.
        content: the statement, or picture and caption.
        source: what the link to it says.
    """

    anchor: str
    kind: str
    heading: Markup
    content: Markup
    source: str


def one(part: Tag, selector: str, remedy: str) -> Tag:
    """Returns the first element that a selector finds in a page.

    Raises:
        ValueError: there is none; it says what to do.
    """
    found = part.select_one(selector)
    if found is None:
        raise ValueError(f"no {selector} in <{part.name} id={part.get('id')!r}>: {remedy}")
    return found


def on_site(address: str, page: str) -> str:
    """Returns a link's address as it is from the slides.

    Args:
        address: as the page has it.
        page: name of the chapter.
    """
    if urlsplit(address).scheme:
        return address
    if address.startswith("#"):
        return f"{PAGES}/{page}.html{address}"
    return posixpath.normpath(f"{PAGES}/{address}")


def inside(part: Tag, page: str) -> Markup:
    """Returns what is inside an element of a page, without anchors and with links to the site."""
    part = copy(part)
    for each in part.select("a.headerlink, .chapter-number"):
        each.decompose()
    for each in part.select("*"):
        del each["id"], each["title"]
    for link in part.select("a[href]"):
        link["href"] = on_site(str(link["href"]), page)
    return Markup(part.decode_contents())  # noqa: S704  # the page is our own


def picture(image: Tag, pages: Path, target: Path) -> Markup:
    """Returns a picture of a page, whose file is copied to the slides unless the page holds it."""
    source = str(image["src"])
    if not source.startswith("data:"):
        copied = target / "_images" / Path(source).name
        copied.parent.mkdir(exist_ok=True)
        shutil.copy2(pages / source, copied)
        source = f"_images/{copied.name}"
    return Markup('<img src="{}" alt="{}">').format(source, image["alt"])


def slides(article: Tag, page: str, pages: Path, target: Path) -> Iterator[Slide]:
    """Yields the slides of a chapter's statements and figures, in their order.

    Args:
        article: what the chapter's page has.
        page: its name.
        pages: its folder.
        target: the slides' folder.
    """
    for part in article.select(f"{STATEMENT}, figure[id]"):
        if part.name == "figure":
            section = part.find_parent("section")
            heading = one(section or article, "h1, h2, h3", "give it a heading.")
            caption = one(part, "figcaption > p", "give it a caption.")
            content = Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(
                picture(one(part, PICTURE, TEXTLESS), pages, target),
                inside(caption, page),
            )
            kind, more = "figure", "sliders and code" if part.select_one("img.still") else "code"
            source = f"This figure in the chapter, with its {more}"
        else:
            heading = one(part, ".admonition-title", "give it a title.")
            content = inside(one(part, "section", "write the statement."), page)
            kind, source = "statement", "This statement in the chapter"
        yield Slide(str(part["id"]), kind, inside(heading, page), content, source)


def formulas(statement: str) -> Markup:
    """Returns a claim's statement, with TeX for what is typed in it as formulas."""
    return Markup("").join(
        Markup(r"\({}\)").format(node.astext()) if isinstance(node, nodes.math) else node.astext()
        for node in recorded.sentence(statement)
    )


def write(site: Path, claims: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Writes a deck of slides for each chapter, and an index.

    Args:
        site: folder of the built book.
        claims: that the chapters recorded, as `claims.json` has them.
        target: the folder to write, whose content goes.

    Raises:
        ValueError: a chapter has no question, or a figure no caption; it says what to do.
    """
    shutil.rmtree(target, ignore_errors=True)
    static = target / "_static"
    shutil.copytree(site / "_static" / "mathjax", static / "mathjax")
    for name in ("deck.css", "deck.js"):
        shutil.copy2(DECK / name, static)
    with resources.as_file(resources.files("sphinx_revealjs") / "_static" / "revealjs") as reveal:
        for name in ("dist/reveal.js", "dist/reveal.css", "LICENSE"):
            (static / "reveal").mkdir(exist_ok=True)
            shutil.copy2(reveal / name, static / "reveal")
    templates = Environment(loader=FileSystemLoader(DECK), autoescape=True)
    templates.globals.update(
        bound=recorded.bound,
        shown=recorded.shown,
        formulas=formulas,
        plain=accessibility.plain_title,
    )
    decks = []
    for name in sorted(path.stem for path in (site / "_sources" / "chapters").glob("*.ipynb")):
        pages = site / "chapters"
        page = BeautifulSoup((pages / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        article = one(page, "article", "build the book anew.")
        question = one(
            article,
            'p:has(> strong:-soup-contains("Question."))',
            "begin the chapter with its **Question.**",
        )
        deck = {
            "name": name,
            "chapter": f"{PAGES}/{name}.html",
            "number": numbering.number(name),
            "title": inside(one(article, "h1", "give it a title."), name),
            "question": inside(question, name),
            "slides": list(slides(article, name, pages, target)),
            "claims": [claim for claim in claims if claim["chapter"] == name],
        }
        html = templates.get_template("deck.html").render(deck, at_once=CLAIMS)
        (target / f"{name}.html").write_text(html, encoding="utf-8")
        decks.append(deck)
    html = templates.get_template("index.html").render(decks=decks)
    (target / "index.html").write_text(html, encoding="utf-8")


def main() -> None:
    """Reads the command line and writes the slides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="the folder with html and claims.json")
    build = parser.parse_args().build
    claims = json.loads((build / "claims.json").read_text(encoding="utf-8"))
    write(build / "html", claims, build / "slides")
    index = (build / "slides" / "index.html").resolve().as_uri()
    print(f"Slides of each chapter: open {index}")  # noqa: T201


if __name__ == "__main__":
    main()
