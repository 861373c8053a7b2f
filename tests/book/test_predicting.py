"""A prediction covers the result until the reader asks for it, and then stands beside it."""

from collections.abc import Iterator
from types import SimpleNamespace

import browser
import pytest
from books import Book
from docutils import nodes
from docutils.utils import new_document
from playwright.sync_api import Browser, Page

from companion import pdf, predicting

needs_chromium = pytest.mark.skipif(
    pdf.chromium() is None,
    reason="no Chromium here: install one (on Debian: apt install chromium), or set "
    "NTKLIB_CHROMIUM to its path",
)


def paragraph(*children: nodes.Node) -> nodes.paragraph:
    return nodes.paragraph("", "", *children)


@pytest.mark.parametrize(("builder", "count"), [("html", 2), ("singlehtml", 0)])
def test_a_field_follows_each_question_on_the_site(builder: str, count: int) -> None:
    doctree = new_document("page")
    question = nodes.strong("", predicting.ASKING)
    doctree += paragraph(nodes.Text(""), question.deepcopy(), nodes.Text(" Will it fall?"))
    doctree += paragraph(nodes.Text("Before: "), question.deepcopy())
    doctree += paragraph(nodes.strong("", "Question."))
    doctree += paragraph()
    doctree += paragraph(question)
    app = SimpleNamespace(builder=SimpleNamespace(name=builder))
    predicting.offer_fields(app, doctree, "page")  # type: ignore[arg-type]
    found = [place for place, node in enumerate(doctree) if isinstance(node, nodes.raw)]
    assert found == [1, 6][:count]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of this file."""
    with browser.opened() as opened:
        yield opened


@pytest.fixture
def page(built: Book, chromium: Browser) -> Iterator[Page]:
    """The small book's page, whose first output follows a question."""
    with browser.visit(chromium) as opened:
        opened.goto((built.site.resolve() / "chapters" / "page.html").as_uri())
        opened.locator(".prediction").wait_for()
        yield opened


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
def test_the_result_is_covered_until_the_reader_looks(page: Page) -> None:
    result, look = page.locator(".cell_output pre").first, page.get_by_role("button", name="Look")
    assert result.is_visible()
    assert not look.is_visible()
    page.get_by_label("Your prediction").fill("It <falls>. ")
    figure = page.locator("figure img, figure .live").locator("visible=true")
    assert not result.is_visible()
    assert figure.count() == 0
    look.click()
    assert result.is_visible()
    assert figure.count() == 1
    said = page.locator(".predicted")
    assert said.inner_text() == "You predicted: It <falls>."
    assert said.evaluate("(said) => document.activeElement === said")
    assert said.evaluate("(said) => said.nextElementSibling.matches('.cell_output:has(figure)')")


@pytest.mark.browser
@pytest.mark.book
@needs_chromium
def test_who_takes_a_prediction_back_sees_the_result(page: Page) -> None:
    field = page.get_by_label("Your prediction")
    field.fill("x")
    field.fill(" ")
    assert page.locator(".cell_output pre").first.is_visible()
    assert not page.get_by_role("button", name="Look").is_visible()
