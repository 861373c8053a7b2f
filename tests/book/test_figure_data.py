"""The data of figures as CSV: each number that is drawn, as it was given, and where it is from."""

import base64
import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from books import POINT, Book
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from matplotlib.figure import Figure

from companion import figuredata
from ntklib import __version__
from ntklib.book import _drawn, plots
from ntklib.book._marks import FIGURE_MIME_TYPE, RUN_MIME_TYPE

RNG = np.random.default_rng(0)
X = np.geomspace(0.1, 3.0, 5)
Y, LOW, HIGH = np.sort(RNG.lognormal(size=(3, 5)), axis=0)[[1, 0, 2]]
EDGES, ROWS = np.append(X, 7.0), np.arange(4.0)
MAP = RNG.normal(size=(4, 5))
MAP[1, 2] = np.nan
FLAT = {"value": MAP.ravel()}
CELLS = {"x": np.tile(X, 4), "y": np.repeat(ROWS, 5), **FLAT}
PIXELS = {"x": np.tile(np.arange(5.0), 4), "y": np.repeat(ROWS, 5), **FLAT}
LARGE = np.tile(X[0], 2 * _drawn.MOST_ROWS)


@pytest.fixture
def figure() -> Iterator[Figure]:
    with plt.style.context(plots.STYLE):
        figure, _ = plots.panels(1)
    yield figure
    plt.close(figure)


def rows(text: str) -> list[dict[str, str]]:
    """Returns the rows of a CSV file with comments."""
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def comments(text: str) -> list[str]:
    return [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]


def columns(found: list[dict[str, str]], *names: str) -> dict[str, np.ndarray]:
    """Returns numbers of a CSV file."""
    return {name: np.array([float(row[name] or "nan") for row in found]) for name in names}


def written(figure: Figure) -> str:
    return figuredata.table(_drawn.data(figure), [])


@pytest.mark.parametrize(
    ("draw", "part", "colour", "expected"),
    [
        (lambda ax: ax.plot(X, Y, label="a"), "line", "#0072b2", {"x": X, "y": Y}),
        (lambda ax: ax.plot(X, [1, 2, np.nan, 4, 5], "--", label="a"), "dashed line", "#0072b2",
         {"x": X, "y": np.array([1, 2, np.nan, 4, 5])}),
        (lambda ax: ax.plot(X, Y, "s:k", label="a"), "dotted line and points s", "#000000",
         {"x": X, "y": Y}),
        (lambda ax: ax.plot(X, Y, ".", label="a"), "points .", "#0072b2", {"x": X, "y": Y}),
        (lambda ax: ax.step(X, Y, label="a"), "line in steps", "#0072b2", {"x": X, "y": Y}),
        (lambda ax: ax.axhline(0.1, color="k", label="a"), "line", "#000000",
         {"y": np.array([0.1])}),
        (lambda ax: ax.axvline(0.1, color="k", label="a"), "line", "#000000",
         {"x": np.array([0.1])}),
        (lambda ax: ax.axvspan(0.1, 0.7, color="k", label="a"), "shade", "#000000",
         {"x low": np.array([0.1]), "x high": np.array([0.7])}),
        (lambda ax: ax.fill_between(X, HIGH, LOW, label="a"), "band", "#0072b2",
         {"x": X, "y low": LOW, "y high": HIGH}),
        (lambda ax: ax.fill_between(X, LOW, HIGH, X > 1, label="a"), "band", "#0072b2",
         {"x": X[X > 1], "y low": LOW[X > 1], "y high": HIGH[X > 1]}),
        (lambda ax: ax.errorbar(X, Y, [Y - LOW, HIGH - Y], fmt="o", capsize=2, label="a"),
         "points o with error bars", "#0072b2",
         {"x": X, "y": Y, "y low": Y - (Y - LOW), "y high": Y + (HIGH - Y)}),
        (lambda ax: ax.errorbar(X, Y, xerr=X / 3, fmt="o-", label="a"),
         "line and points o with error bars", "#0072b2",
         {"x": X, "y": Y, "x low": X - X / 3, "x high": X + X / 3}),
        (lambda ax: ax.scatter(X, Y, color="r", label="a"), "points", "#ff0000", {"x": X, "y": Y}),
        (lambda ax: ax.scatter(X, Y, c=LOW, label="a"), "points", "",
         {"x": X, "y": Y, "value": LOW}),
        (lambda ax: ax.pcolormesh(X, ROWS, MAP, label="a"), "map", "", CELLS),
        (lambda ax: ax.pcolormesh(EDGES, np.arange(5), MAP, label="a"), "map", "",
         {"x low": np.tile(X, 4), "x high": np.tile(EDGES[1:], 4),
          "y low": np.repeat(ROWS, 5), "y high": np.repeat(ROWS + 1, 5), **FLAT}),
        (lambda ax: ax.imshow(MAP, label="a"), "map", "", PIXELS),
        (lambda ax: ax.imshow(MAP, origin="lower", label="a"), "map", "", PIXELS),
        (lambda ax: ax.imshow(MAP, extent=(0, 10, 8, 0), label="a"), "map", "",
         {"x": 2 * PIXELS["x"] + 1, "y": 2 * PIXELS["y"] + 1, **FLAT}),
    ],
    ids=[
        "line", "gap", "line and points", "points", "steps", "axhline", "axvline", "axvspan",
        "band", "part of a band", "error bars", "error bars across", "scatter", "values",
        "map", "map of cells", "image", "image from below", "image of an extent",
    ],
)  # fmt: skip
def test_what_is_drawn_is_there_to_the_last_digit(
    draw: Callable[[Any], Any], part: str, colour: str, expected: dict[str, Any], figure: Figure
) -> None:
    draw(figure.axes[0])
    found = rows(written(figure))
    assert {(r["panel"], r["series"], r["part"], r["colour"]) for r in found} == {
        ("1", "1", part, colour)
    }
    if part != "map":  # maps have no labels in Matplotlib
        assert {row["curve"] for row in found} == {"a"}
    assert set(found[0]) - set(figuredata.FIRST) == set(expected)
    for name, values in columns(found, *expected).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("levels", ["contour", "contourf"])
def test_levels_are_the_map_that_they_are_of(levels: str, figure: Figure) -> None:
    getattr(figure.axes[0], levels)(X, ROWS, MAP, [0.0, 1.0])
    for name, values in columns(rows(written(figure)), *CELLS).items():
        np.testing.assert_array_equal(values, CELLS[name])


def test_a_map_with_its_levels_is_there_once(figure: Figure) -> None:
    ax = figure.axes[0]
    ax.pcolormesh(X, ROWS, MAP)
    ax.contour(X, ROWS, MAP, [0.0])
    assert len(rows(written(figure))) == MAP.size
    ax.contour(X, ROWS, 2 * MAP, [0.0])
    assert len(rows(written(figure))) == 2 * MAP.size


def test_a_picture_has_its_channels_and_points_their_colours(figure: Figure) -> None:
    ax = figure.axes[0]
    ax.imshow(np.stack([MAP, 2 * MAP, 3 * MAP], axis=-1).clip(0, 1))
    ax.scatter(X, Y, c=["r", "b", "r", "r", "b"])
    found = rows(written(figure))
    parts = {row["part"] for row in found if row["value"]}
    assert parts == {"picture, red", "picture, green", "picture, blue"}
    red = columns([row for row in found if row["colour"] == "#ff0000"], "x", "y")
    np.testing.assert_array_equal(red["x"], X[[0, 2, 3]])
    np.testing.assert_array_equal(red["y"], Y[[0, 2, 3]])


def test_the_book_s_own_plots_drop_nothing(figure: Figure) -> None:
    measured = RNG.uniform(0.5, 1.5, (11, 5, 3))
    plots.mode_decay(figure.axes[0], X, measured, measured[0], ["one", "two", "three"])
    found = rows(written(figure))
    parts = [(row["curve"], row["part"]) for row in found[::5]]
    each = [("band", ""), ("line", "{}"), ("dashed line", "")]
    names = ("one", "two", "three")
    assert parts == [(name.format(mode), part) for mode in names for part, name in each]
    low, _, high = np.quantile(measured, [0.1, 0.5, 0.9], axis=0)
    band = columns([row for row in found if row["series"] == "4"], "y low", "y high")
    np.testing.assert_array_equal(band["y low"], low[:, 1])
    np.testing.assert_array_equal(band["y high"], high[:, 1])


def test_what_is_not_known_is_not_passed_over(figure: Figure) -> None:
    figure.axes[0].hlines([1.0], 0, 1)
    with pytest.raises(TypeError, match="a LineCollection, whose numbers are not known: say in"):
        _drawn.data(figure)


def test_many_points_are_thinned_where_they_are_most_and_it_is_said(figure: Figure) -> None:
    ax = figure.axes[0]
    ax.plot(X, Y)
    ax.plot(LARGE, np.arange(len(LARGE)))
    text = written(figure)
    assert "series 2: one of every 4 points" in comments(text)
    found = rows(text)
    assert len(found) == len(X) + len(LARGE) // 4 <= _drawn.MOST_ROWS
    np.testing.assert_array_equal(columns(found[5:], "y")["y"], np.arange(0, len(LARGE), 4))


def test_the_head_says_what_the_columns_are() -> None:
    figure, axes = plots.panels(3, rows=2)
    for ax in axes[:, [0, 2]].ravel():
        ax.plot(X, Y)
    axes[0, 0].set(title="m = 4\n1 %", ylabel="$\\sigma$")
    axes[0, 2].set(ylabel="rate")
    axes[1, 0].set(xlabel="time t (1/σ)")
    axes[1, 0].set_xticks([1.0, 2.0, 1024.0], ["one", "2", "1.02e+03"])
    mesh = axes[0, 1].pcolormesh(X, ROWS, MAP)
    figure.colorbar(mesh, label="share")
    axes[1, 2].plot([], [], "k:", label="on the sample")
    axes[1, 2].legend(title="dotted: a bound")
    assert comments(written(figure)) == [
        "panel 1 (row 1, column 1, m = 4, 1 %): x is time t (1/σ); y is $\\sigma$",
        "panel 2 (row 1, column 2): y is $\\sigma$; value is share",
        "panel 3 (row 1, column 3): y is rate",
        "panel 4 (row 2, column 1): x is time t (1/σ)",
        "panel 4, on x: 1 is one",
        "panel 5 (row 2, column 3)",
        "legend: dotted: a bound",
        "legend: dotted line, #000000: on the sample",
        "CC BY 4.0",
    ]
    plt.close(figure)


# ---- in a book ---------------------------------------------------------------------------------


# What drew it isn't imported by the notebook, whose code has none of the numbers.
SHOW = """import json
from IPython.display import display
display(json.load(open("bundle.json")), raw=True)"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book, of a git repository, with two figures of two series each."""
    book = Book(tmp_path_factory.mktemp("figures") / "book")
    subprocess.run(["git", "init", "--quiet", book.folder], check=True)
    own = ["git", "-C", str(book.folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*own, "commit", "--quiet", "--allow-empty", "--message=One"], check=True)
    with plt.style.context(plots.STYLE):
        figure, axes = plots.panels(1)
    axes[0, 0].plot(X, Y, label='the "first", of two')
    axes[0, 0].fill_between(X, LOW, HIGH, label="range")
    axes[0, 0].set(xlabel="time t (1/σ)", ylabel="size")
    picture = base64.b64encode(POINT).decode()
    bundle = {**figure._repr_mimebundle_(), "image/png": picture, "text/plain": "<Drawing>"}  # type: ignore[attr-defined]
    (book.folder / "chapters" / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")
    caption = {"figure": {"caption": "What is drawn.", "name": "fig-drawn"}}
    drawn = {"mystnb": {**caption, "image": {"alt": "A line that rises."}}}
    run = {"scale": "book", "seed": 7, "device": "cpu", "peak": 0}
    summary = f"display({{{RUN_MIME_TYPE!r}: {run!r}, 'text/html': 'Done.'}}, raw=True)"
    path = book.folder / "chapters" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [
        nbformat.v4.new_code_cell(SHOW, metadata=drawn),
        nbformat.v4.new_code_cell(f"{SHOW}\n{SHOW}\n{summary}"),
    ]
    nbformat.write(notebook, path)
    plt.close(figure)
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book


@pytest.mark.book
def test_each_figure_has_a_link_to_its_data(book: Book) -> None:
    page = BeautifulSoup(book.html("chapters/page"), "html.parser")
    links = page.select(".figure-data a[download]")
    assert [str(link["aria-label"]) for link in links] == [
        "Data as CSV: Fig. 2", "Data as CSV: cell-5", "Data as CSV: cell-5-2",
    ]  # fmt: skip
    (figure,) = page.select("#fig-drawn")
    assert figure.find_next("a", download=True) is links[0]
    for link in links:
        text = (book.site / "chapters" / str(link["href"])).read_text(encoding="utf-8")
        found = rows(text)
        assert list(found[0]) == [*figuredata.FIRST, "x", "y", "y low", "y high"]
        line = columns([r for r in found if r["curve"] == 'the "first", of two'], "x", "y")
        band = columns([r for r in found if r["curve"] == "range"], "x", "y low", "y high")
        for given, name in ((X, "x"), (Y, "y")):
            np.testing.assert_array_equal(line[name], given)
        for given, name in ((X, "x"), (LOW, "y low"), (HIGH, "y high")):
            np.testing.assert_array_equal(band[name], given)


@pytest.mark.book
def test_a_file_says_where_it_is_from(book: Book) -> None:
    command = ["git", "-C", str(book.folder), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    source = f"ntklib {__version__}, commit {commit}, scale book, seed 7, computed on cpu"
    text = (book.site / "_data" / "page" / "fig-drawn.csv").read_text(encoding="utf-8")
    assert comments(text) == [
        "A page of m — Spectral Bias in the Kernel Regime",
        "A line that rises.",
        "chapters/page.html#fig-drawn",
        source,
        "panel 1 (row 1, column 1): x is time t (1/σ); y is size",
        "CC BY 4.0",
    ]
    # Figures with sliders read it there.
    assert f'<meta name="ntklib-source" content="{source}">' in book.html("chapters/page")


@pytest.mark.book
def test_page_and_markdown_show_the_picture_alone(book: Book) -> None:
    for name in ("page.md", "page.html"):
        text = (book.site / "chapters" / name).read_text(encoding="utf-8")
        assert FIGURE_MIME_TYPE not in text
        assert repr(float(Y[0])) not in text
        assert ("Data as CSV" in text) == (name == "page.html")
        assert text.count("Drawing") == 0


def test_the_pdf_has_no_links_to_data() -> None:
    doctree = new_document("page")
    app = SimpleNamespace(builder=SimpleNamespace(name="singlehtml"))
    figuredata.offer_data(app, doctree, "page")  # type: ignore[arg-type]
    assert not list(doctree.findall(nodes.raw))
