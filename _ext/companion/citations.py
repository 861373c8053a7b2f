"""How to cite the book, a chapter, a figure and the papers: BibTeX from what is written elsewhere.

`CITATION.cff` says who wrote what and when, the chapters say their titles, the build numbers the
figures, and the bibliography has the papers. Nothing of it is typed a second time.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from pybtex.database import BibliographyData, Entry, Person, parse_file
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from companion import repository

CITATION = "CITATION.cff"
NOTEBOOK = re.compile(r"(?:.*/)?(?P<number>\d\d)-(?P<name>[\w-]+)")
TEXT_LICENSE = "CC BY 4.0"

logger = logging.getLogger(__name__)


# ---- entries -----------------------------------------------------------------------------------


def written(key: str, entry: Entry) -> str:
    """Returns an entry as one writes it into a `.bib` file.

    pybtex's own writer escapes what LaTeX wants escaped in text, in addresses as well.
    """
    people = {role: " and ".join(map(str, persons)) for role, persons in entry.persons.items()}
    fields = {**people, **entry.fields}
    width = max(map(len, fields))
    lines = [f"  {name:{width}} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{entry.original_type}{{{key},", *lines, "}"])


def citation(root: Path) -> Mapping[str, Any]:
    """Returns the content of `CITATION.cff`."""
    content: Mapping[str, Any] = yaml.safe_load((root / CITATION).read_text(encoding="utf-8"))
    return content


def author(person: Mapping[str, str]) -> Person:
    """Returns a person or a group of `CITATION.cff`; braces keep a group's name in one piece."""
    if "name" in person:
        return Person(last=f"{{{person['name']}}}")
    return Person(first=person["given-names"], last=person["family-names"])


def book_key(cited: Mapping[str, Any]) -> str:
    """Returns the key of the book's entry."""
    return f"ntklib{cited['date-released'].year}"


def book_entry(cited: Mapping[str, Any], address: str) -> Entry:
    """Returns the entry of the whole book.

    Args:
        cited: the content of `CITATION.cff`.
        address: where the repository is, empty if that isn't known.
    """
    fields = {
        "title": f"{{{cited['title']}}}",
        "year": str(cited["date-released"].year),
        "note": f"Version {cited['version']}",
    }
    fields |= {"url": address} if address else {}
    return Entry("misc", fields, {"author": [author(each) for each in cited["authors"]]})


def chapter_key(cited: Mapping[str, Any], docname: str) -> str:
    """Returns the key of a chapter's entry, from the name of its notebook."""
    match = NOTEBOOK.fullmatch(docname)
    if match is None:
        raise ValueError(f"{docname} is no chapter: its name has to begin with two digits")
    return f"{book_key(cited)}-{match['name']}"


def chapter_entry(cited: Mapping[str, Any], address: str, docname: str, title: str) -> Entry:
    """Returns the entry of one chapter; its title is in LaTeX."""
    book = book_entry(cited, address)
    match = NOTEBOOK.fullmatch(docname)
    number = {"chapter": str(int(match["number"]))} if match else {}
    fields = {"title": f"{{{title}}}", "booktitle": book.fields["title"], **number}
    rest = {name: book.fields[name] for name in book.fields if name != "title"}
    return Entry("incollection", {**fields, **rest}, book.persons)


def papers(files: Iterable[Path]) -> BibliographyData:
    """Returns the entries of the bibliography's files."""
    together = BibliographyData()
    for path in files:
        together.add_entries(parse_file(path).entries.items())
    return together


def latex(title: nodes.Element) -> str:
    """Returns a title, which may have formulas, in LaTeX."""
    return "".join(
        f"${child.astext()}$"
        if isinstance(child, nodes.math)
        else re.sub(r"[&%#_]", r"\\\g<0>", child.astext())
        for child in title.children
    )


# ---- directives --------------------------------------------------------------------------------


def block(text: str, language: str = "bibtex") -> nodes.literal_block:
    """Returns text in a box with a button that copies it."""
    return nodes.literal_block(text, text, language=language)


def root_of(env: BuildEnvironment) -> Path:
    """Returns the folder of the book, which has `CITATION.cff`."""
    return Path(env.srcdir)


class Citations(nodes.General, nodes.Element):
    """Stands for citations that need every title and number, until all pages have been read."""


class CiteBookDirective(SphinxDirective):
    """`{cite-book}`: the entry of the whole book."""

    def run(self) -> list[nodes.Node]:
        """Returns the entry."""
        root = root_of(self.env)
        self.env.note_dependency(str(root / CITATION))
        cited = citation(root)
        return [block(written(book_key(cited), book_entry(cited, repository.address(root))))]


class CitePapersDirective(SphinxDirective):
    """`{cite-papers} key …`: entries of the bibliography."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Returns one box for each key, and warns of a key that the bibliography doesn't have."""
        files = [root_of(self.env) / name for name in self.config.bibtex_bibfiles]
        for path in files:
            self.env.note_dependency(str(path))
        entries = papers(files).entries
        keys = self.arguments[0].split()
        for key in set(keys) - set(entries):
            logger.warning(
                f"the bibliography has no {key!r}",
                location=self.get_location(),
                type="companion",
                subtype="citations",
            )
        return [block(written(key, entries[key])) for key in keys if key in entries]


class CiteChaptersDirective(SphinxDirective):
    """`{cite-chapters}`: the entry of every chapter, each in a box that unfolds."""

    def run(self) -> list[nodes.Node]:
        """Returns the node that `fill_citations` replaces."""
        return [Citations(figure="")]


class CiteFigureDirective(SphinxDirective):
    """`{cite-figure} name`: how to credit a figure, in LaTeX and in words."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Returns the node that `fill_citations` replaces."""
        return [Citations(figure=self.arguments[0], source=self.get_location())]


# ---- after all pages have been read ------------------------------------------------------------


def chapter_citations(env: BuildEnvironment) -> list[nodes.Node]:
    """Returns the folded entries of all chapters, in the book's order."""
    root = root_of(env)
    cited, where = citation(root), repository.address(root)
    boxes: list[nodes.Node] = []
    for docname in sorted(filter(NOTEBOOK.fullmatch, env.found_docs)):
        title = env.titles[docname]
        entry = chapter_entry(cited, where, docname, latex(title))
        heading = nodes.title("", f"{entry.fields['chapter']}. ", *title.deepcopy().children)
        box = nodes.admonition("", heading, classes=["dropdown", "admonition"])
        box += block(written(chapter_key(cited, docname), entry))
        boxes.append(box)
    return boxes


def figure_citation(env: BuildEnvironment, name: str) -> list[nodes.Node]:
    """Returns how to credit the figure of this name.

    Raises:
        KeyError: if no chapter has a numbered figure of this name.
    """
    docname, anchor = env.get_domain("std").anonlabels[name]  # type: ignore[attr-defined]
    number = ".".join(map(str, env.toc_fignumbers[docname]["figure"][anchor]))
    root = root_of(env)
    cited, where = citation(root), repository.address(root)
    key, title = chapter_key(cited, docname), env.titles[docname].astext()
    return [
        block(rf"From~\cite[Figure~{number}]{{{key}}}, {TEXT_LICENSE}.", "latex"),
        block(
            f"Figure {number} of “{title}”,\n{cited['title']},\n"
            f"version {cited['version']} ({cited['date-released'].year}){where and f', {where}'},"
            f" {TEXT_LICENSE}.",
            "text",
        ),
    ]


def fill_citations(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts citations where a page asks for them, and warns of a figure that no chapter has."""
    for place in list(doctree.findall(Citations)):
        figure = place["figure"]
        if not figure:
            place.replace_self(chapter_citations(app.env))
            continue
        try:
            place.replace_self(figure_citation(app.env, figure))
        except KeyError:
            logger.warning(
                f"no chapter has a figure {figure!r}",
                location=place["source"],
                type="companion",
                subtype="citations",
            )
            place.replace_self([])
