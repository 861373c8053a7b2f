"""A figure with a slider: what it holds, how it is labelled, and what it refuses."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from cases import refused

from ntklib import interactive
from ntklib.interactive import SliderFigure

STEPS = [0, 10, 2500]
X = np.arange(8) / 8
VALUES = np.stack([part * np.sin(2 * np.pi * X) for part in (0.0, 0.5, 0.98765)])
TARGET = np.sin(2 * np.pi * X)
FREQUENCIES = np.arange(4)
AMPLITUDES = np.stack([part * (FREQUENCIES == 1) for part in (0.0, 0.5, 0.98765)])
DESCRIPTION = 'A wave grows to "its" target </script> & stops.'


def figure(**changes: Any) -> SliderFigure:
    arguments = {
        "steps": STEPS, "x": X, "values": VALUES, "target": TARGET,
        "frequencies": FREQUENCIES.astype(float), "amplitudes": AMPLITUDES,
        "target_amplitudes": 1.0 * (FREQUENCIES == 1), **changes,
    }  # fmt: skip
    return interactive.training(**arguments, description=DESCRIPTION)


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

    def only(self, tag: str) -> dict[str, Any]:
        """Returns the attributes of the page's one tag of this kind."""
        (attributes,) = [found for name, found in self.tags if name == tag]
        return attributes


@pytest.fixture
def bundle() -> dict[str, Any]:
    return figure()._repr_mimebundle_()


def test_frames_hold_the_values_to_three_decimals(bundle: dict[str, Any]) -> None:
    page = Page(bundle["text/html"])
    drawn = json.loads(page.scripts[0])
    assert [frame["name"] for frame in drawn["frames"]] == ["0", "10", "2,500"]
    for i, frame in enumerate(drawn["frames"]):
        function, spectrum = (trace["y"] for trace in frame["data"])
        np.testing.assert_allclose(function, VALUES[i], atol=5.1e-4)
        np.testing.assert_allclose(spectrum, AMPLITUDES[i], atol=5.1e-4)
    assert drawn["frames"][2]["data"][1]["y"][1] == 0.988
    names = [trace["name"] for trace in drawn["data"]]
    assert [names[i] for i in drawn["frames"][0]["traces"]] == ["network", "network"]
    np.testing.assert_allclose(drawn["data"][0]["y"], TARGET, atol=5.1e-4)
    np.testing.assert_allclose(drawn["data"][1]["y"], VALUES[-1], atol=5.1e-4)
    assert "-0.0" not in bundle["text/html"]


def test_page_has_a_slider_with_a_label_and_a_figure_in_words(bundle: dict[str, Any]) -> None:
    page = Page(bundle["text/html"])
    slider, label = page.only("input"), page.only("label")
    assert slider["type"] == "range"
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "2", "2")
    assert slider["aria-valuetext"] == "2,500"
    assert label["for"] == slider["id"]
    images = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert [image["aria-label"] for image in images] == [DESCRIPTION]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert interactive.MARKER in bundle["text/html"]


def test_text_in_a_figure_ends_no_script() -> None:
    shown = figure()
    shown.figure.update_layout(title=DESCRIPTION)
    page = Page(shown._repr_mimebundle_()["text/html"])
    assert len(page.scripts) == 2
    assert json.loads(page.scripts[0])["layout"]["title"]["text"] == DESCRIPTION


def test_page_loads_nothing_and_brings_no_second_slider(bundle: dict[str, Any]) -> None:
    assert not re.search(r"https?://|src=|require\(", bundle["text/html"])
    page = Page(bundle["text/html"])
    assert len(page.scripts) == 2  # the sentence's own </script> has not ended one
    assert "sliders" not in json.loads(page.scripts[0])["layout"]
    assert "</script>" not in page.scripts[1]


def test_lab_gets_the_figure_with_plotlys_slider(bundle: dict[str, Any]) -> None:
    shown = bundle["application/vnd.plotly.v1+json"]
    assert json.loads(json.dumps(shown)) == shown
    (slider,) = shown["layout"]["sliders"]
    assert [step["args"][0][0] for step in slider["steps"]] == ["0", "10", "2,500"]
    assert DESCRIPTION in bundle["text/plain"]


def test_axes_hold_every_frame(bundle: dict[str, Any]) -> None:
    """They stay as they are while the slider moves, so the largest frame must fit in."""
    layout = figure(values=VALUES[::-1] * 3, amplitudes=AMPLITUDES[::-1] * 2).figure.layout
    assert layout.yaxis.range[1] > 3 * 0.98 > layout.yaxis.range[1] / 1.1
    assert layout.yaxis.range[0] == -layout.yaxis.range[1]
    assert layout.yaxis2.range[1] > 2 * 0.98 > layout.yaxis2.range[1] / 1.1
    small = bundle["application/vnd.plotly.v1+json"]["layout"]
    assert small["yaxis"]["range"][1] > 1.0 > small["yaxis"]["range"][1] / 1.1


def test_same_figure_is_the_same_page_and_a_real_one_is_small() -> None:
    assert figure()._repr_mimebundle_() == figure()._repr_mimebundle_()
    rng = np.random.default_rng(0)
    large = figure(
        steps=list(range(40)), x=np.arange(200) / 200, values=rng.normal(size=(40, 200)),
        target=rng.normal(size=200), frequencies=np.arange(61.0),
        amplitudes=rng.random(size=(40, 61)), target_amplitudes=rng.random(size=61),
    )  # fmt: skip
    assert len(large._repr_mimebundle_()["text/html"]) < 300_000


def test_bad_arguments_are_refused() -> None:
    with refused("values has 2 entries and steps has 3: they must agree."):
        figure(values=VALUES[:2])
    with refused("amplitudes has 2 entries and steps has 3: they must agree."):
        figure(amplitudes=AMPLITUDES[:2])
    with refused("x has 7 entries and values' last axis has 8: they must agree."):
        figure(x=X[:7])
    with refused("x has 8 entries and target has 7: they must agree."):
        figure(target=TARGET[:7])
    with refused("frequencies has 4 entries and target_amplitudes has 3: they must agree."):
        figure(target_amplitudes=np.zeros(3))
    with refused("frequencies has 4 entries and amplitudes' last axis has 3: they must agree."):
        figure(amplitudes=AMPLITUDES[:, :3])
    with refused("the number of steps must be between 1 and 60, got 61."):
        figure(steps=list(range(61)))
