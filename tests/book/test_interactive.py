"""Figures with sliders: what they hold, how they are labelled, and what they refuse."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import matplotlib.image
import numpy as np
import plotly.graph_objects as go
import pytest
from places import ROOT
from refusals import refused

from ntklib.book import _marks
from ntklib.book._curves import Curve, Panel, Slider
from ntklib.book.interactive import SliderFigure

DESCRIPTION = 'A wave grows to "its" target </script> & stops.'
X = np.arange(8) / 8
TARGET = np.sin(2 * np.pi * X)
GROWTH = np.array([[0.1, 0.5, 0.98765], [0.2, 0.6, 0.9]])
WAVES = GROWTH[:, :, None] * TARGET
WIDTH, STEP = Slider("width m", ["16", "64"]), Slider("step <k>", ["0", "10", "2,500"], 2)


def figure(*curves: Curve, sliders: tuple[Slider, ...] = (WIDTH, STEP), **panel: Any) -> Any:
    drawn = curves or (
        Curve("target", X, TARGET, "#777777", "dashed"),
        Curve("network", X, WAVES, band=(WAVES - 0.05, WAVES + 0.05)),
    )
    below = Panel([Curve("growth", np.arange(3.0), GROWTH[:, None], line="points")], "k", "size")
    panels = [Panel(drawn, **{"xlabel": "input x", "ylabel": "f(x)", **panel})]
    return SliderFigure(sliders, panels if curves else [*panels, below], description=DESCRIPTION)


class Page(HTMLParser):
    """Collects the tags of a page and the text of each of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        """Notes what a script holds."""
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data

    def every(self, tag: str) -> list[dict[str, Any]]:
        """Returns the attributes of the page's tags of this kind."""
        return [found for name, found in self.tags if name == tag]

    def data(self) -> dict[str, Any]:
        """Returns what the figure's script will read."""
        (text,) = self.scripts
        content: dict[str, Any] = json.loads(text)
        return content


@pytest.fixture
def page() -> Page:
    return Page(figure()._repr_mimebundle_()["text/html"])


def row(trace: dict[str, Any], *position: int) -> Any:
    """Returns a trace's heights at a position of the sliders, as `_static/figures.js` does."""
    return trace["rows"][sum(p * s for p, s in zip(position, trace["strides"], strict=True))]


def test_every_position_has_its_curves(page: Page) -> None:
    traces = {t["trace"]["name"]: t for t in page.data()["traces"]}
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(row(traces["target"], i, j), TARGET, rtol=5.1e-4)
            np.testing.assert_allclose(row(traces["network"], i, j), WAVES[i, j], rtol=5.1e-4)
            np.testing.assert_allclose(row(traces["growth"], i, j), GROWTH[i], rtol=5.1e-4)
    assert len(traces["target"]["rows"]) == 1
    assert len(traces["growth"]["rows"]) == 2
    assert row(traces["growth"], 0, 0)[2] == 0.9877
    assert traces["network"]["trace"]["xaxis"] == "x1"
    assert traces["growth"]["trace"]["yaxis"] == "y2"


def test_band_is_drawn_below_its_curve(page: Page) -> None:
    low, high, middle = (t for t in page.data()["traces"] if t["trace"]["name"] == "network")
    assert "fill" not in low["trace"]
    assert high["trace"]["fill"] == "tonexty"
    assert (np.array(row(low, 1, 1)) <= row(middle, 1, 1)).all()
    assert (np.array(row(middle, 1, 1)) <= row(high, 1, 1)).all()
    assert [t["trace"]["showlegend"] for t in (low, high, middle)] == [False, False, True]


def test_sliders_have_labels_and_say_where_they_are(page: Page) -> None:
    sliders, labels = page.every("input"), page.every("label")
    assert [(s["type"], s["min"], s["max"], s["value"]) for s in sliders] == [
        ("range", "0", "1", "0"), ("range", "0", "2", "2"),
    ]  # fmt: skip
    assert [s["aria-valuetext"] for s in sliders] == ["16", "2,500"]
    assert json.loads(sliders[1]["data-values"]) == list(STEP.values)
    assert [label["for"] for label in labels] == [s["id"] for s in sliders]
    assert [o["id"] for o in page.every("output")] == [s["id"] + "-value" for s in sliders]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_figure_is_there_in_words_and_as_a_picture(page: Page) -> None:
    (image,) = page.every("img")
    assert image["alt"] == DESCRIPTION
    assert [a["aria-label"] for _, a in page.tags if a.get("role") == "img"] == [DESCRIPTION]
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64"
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)))
    assert pixels.shape[1] > 600
    assert pixels[..., :3].std() > 0.05  # it is no empty sheet


def test_page_loads_nothing_and_its_text_ends_no_script(page: Page) -> None:
    text = figure(title=DESCRIPTION)._repr_mimebundle_()["text/html"]
    assert not re.search(r"https?://|require\(", text)
    annotation = Page(text).data()["layout"]["annotations"][0]
    assert annotation["text"] == DESCRIPTION
    assert _marks.PLOTLY_MARKER in text
    assert page.data()["layout"]["annotations"] == []


def test_script_reads_what_the_page_has() -> None:
    """The names that Python and JavaScript share; the browser tests move the sliders."""
    script = (ROOT / "_static" / "figures.js").read_text()
    text = figure()._repr_mimebundle_()["text/html"]
    assert _marks.PLOTLY_MARKER in script
    for name in ("live", "controls"):
        assert f".{name}" in script
        assert f'class="{name}"' in text


def test_lab_gets_a_valid_plotly_figure_with_its_own_slider() -> None:
    shown = figure()._repr_mimebundle_()["application/vnd.plotly.v1+json"]
    drawn = go.Figure(
        data=shown["data"], layout=shown["layout"], frames=[go.Frame(**f) for f in shown["frames"]]
    )
    (slider,) = drawn.layout.sliders
    assert [step.label for step in slider.steps][:3] == ["16, 0", "16, 10", "16, 2,500"]
    assert slider.active == 2
    np.testing.assert_allclose(drawn.frames[5].data[3].y, WAVES[1, 2], rtol=5.1e-4)
    np.testing.assert_allclose(drawn.data[3].y, WAVES[0, 2], rtol=5.1e-4)


def test_axes_hold_every_position() -> None:
    layout = Page(figure(Curve("w", X, WAVES * 3))._repr_mimebundle_()["text/html"]).data()[
        "layout"
    ]
    low, high = layout["yaxis1"]["range"]
    assert high > 3 * 0.98765 > high / 1.2
    assert low < -3 * 0.98765
    positive = Curve("w", X, np.exp(WAVES), band=(0 * WAVES, np.exp(WAVES) * 100))
    logs = Page(figure(positive, log="y")._repr_mimebundle_()["text/html"]).data()["layout"]
    low, high = logs["yaxis1"]["range"]
    assert logs["yaxis1"]["type"] == "log"
    assert -0.6 < low < np.log10(np.exp(WAVES).min())
    assert np.log10(np.exp(WAVES).max() * 100) < high < 2.6


def test_gaps_stay_gaps() -> None:
    holed = np.where(np.arange(8) == 3, np.nan, WAVES)
    (trace,) = Page(figure(Curve("w", X, holed))._repr_mimebundle_()["text/html"]).data()["traces"]
    assert row(trace, 1, 1)[3] is None
    assert row(trace, 1, 1)[2] is not None


def test_same_figure_is_the_same_page() -> None:
    assert figure()._repr_mimebundle_() == figure()._repr_mimebundle_()


def test_bad_arguments_are_refused() -> None:
    with refused("y of 'w' has shape (3, 8): give it the axes (2, 3) of the sliders"):
        figure(Curve("w", X, WAVES[0]))
    with refused("low of 'w' has shape (2, 2, 8)"):
        figure(Curve("w", X, WAVES, band=(WAVES[:, :2], WAVES)))
    with refused("y of 'w' has 8 entries and x of 'w' has 7: they must agree."):
        figure(Curve("w", X[:7], WAVES))
    with refused("the number of values of 'm' must be at least 2, got 1."):
        figure(sliders=(Slider("m", ["1"]),))
    with refused("start of 'm' must be between 0 and 1, got 2."):
        figure(sliders=(Slider("m", ["1", "2"], 2),))
    with refused("the number of sliders must be between 1 and 3, got 0."):
        figure(sliders=())
    many = Slider("m", [str(i) for i in range(120)])
    with refused("over all sliders together must be between 2 and 240, got 360."):
        figure(Curve("w", X, TARGET), sliders=(many, STEP))
    heavy = Curve("w", np.arange(15e3), np.random.default_rng(0).normal(size=(2, 3, 15_000)))
    with refused("kB of data: give it fewer points or positions, 500 kB is the most."):
        figure(heavy)
