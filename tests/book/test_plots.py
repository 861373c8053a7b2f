"""Every figure has labelled axes, in a style that holds in both themes, and shows its data."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from places import ROOT

from ntklib.book import plots
from ntklib.statistics import Rate

TIMES = np.geomspace(0.1, 10, 5)


@pytest.fixture
def ax() -> Iterator[Axes]:
    figure, axes = plots.panels(1)
    yield axes[0, 0]
    figure.canvas.draw()  # what is wrong with a label or a colour shows up here
    plt.close(figure)


def heights(line: Any) -> np.ndarray:
    return np.asarray(line.get_ydata())


def entries(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_panels() -> None:
    figure, axes = plots.panels(3, rows=2, height=2.0)
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (9.0, 4.0)
    plt.close(figure)
    assert not plt.get_fignums()


def test_style_is_one_that_matplotlib_knows() -> None:
    with plt.style.context(plots.STYLE):
        assert plt.rcParams["figure.facecolor"] == "white"
    assert len(set(plots.COLOURS)) == 7


def test_mode_decay(ax: Axes) -> None:
    draws, modes = 11, 3
    measured = np.random.default_rng(0).uniform(0.5, 1.5, (draws, len(TIMES), modes))
    predicted = np.exp(-TIMES[:, None] * np.asarray([1.0, 0.5, 0.1]))
    plots.mode_decay(ax, TIMES, measured, predicted, ["one", "two", "three"])
    assert ax.get_xlabel() == plots.TIME
    assert "phi_i" in ax.get_ylabel()
    assert ax.get_yscale() == "log"
    assert ax.get_legend_handles_labels()[1] == ["one", "two", "three"]
    for mode in range(modes):
        solid, dashed = ax.lines[2 * mode : 2 * mode + 2]
        np.testing.assert_allclose(heights(solid), np.median(measured, axis=0)[:, mode], rtol=1e-12)
        np.testing.assert_allclose(heights(dashed), predicted[:, mode], rtol=1e-12)
        assert dashed.get_linestyle() == "--"
        assert solid.get_color() == dashed.get_color() == plots.COLOURS[mode]
        outline = np.asarray(ax.collections[mode].get_paths()[0].vertices)
        for s, t in enumerate(TIMES):
            at = outline[np.isclose(outline[:, 0], t), 1]
            expected = np.quantile(measured[:, s, mode], [0.1, 0.9])
            np.testing.assert_allclose([at.min(), at.max()], expected, rtol=1e-12)


def test_power_law(ax: Axes) -> None:
    sizes = np.asarray([16, 32, 64, 128, 256])
    values = 2 * sizes[:, None] ** -1.0 * np.linspace(0.5, 1.5, 17)[None, :]
    rate = Rate(-1.0, -1.1, -0.9, float(np.log(2)), 0.95, 0.5)
    plots.power_law(
        ax, sizes, values, rate, xlabel="width m", ylabel="ε̂", guaranteed=-0.5, label="median:"
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width m", "ε̂")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert entries(ax) == [
        "median: exponent -1.00 [-1.10, -0.90]",
        "guaranteed exponent -0.5",
    ]
    *_, medians, fit, guaranteed = ax.lines
    np.testing.assert_allclose(heights(medians), 2 / sizes, rtol=1e-12)
    np.testing.assert_allclose(heights(fit), 2 / sizes, rtol=1e-12)
    np.testing.assert_allclose(heights(guaranteed), 2 / 16 * (sizes / 16) ** -0.5, rtol=1e-12)


def test_power_law_without_a_guarantee(ax: Axes) -> None:
    sizes = np.asarray([1.0, 2.0, 4.0, 8.0, 16.0])
    rate = Rate(0.0, -0.1, 0.1, 0.0, 0.95, 0.5)
    plots.power_law(ax, sizes, np.ones((5, 16)), rate, xlabel="n", ylabel="y")
    assert entries(ax) == ["exponent 0.00 [-0.10, 0.10]"]


@pytest.mark.parametrize("worst", [0.5, 30.0])
def test_share_map(ax: Axes, worst: float) -> None:
    share = np.full((len(TIMES), 4), 0.01)
    share[1, 2], share[0, 0] = worst, 0.0  # an exact zero, as for a residual that is ideal
    mesh = plots.share_map(ax, TIMES, share, title="K = K^∞")
    assert ax.get_title() == "K = K^∞"
    assert ax.get_xlabel() == plots.TIME
    assert "k" in ax.get_ylabel()
    assert ax.get_xscale() == "log"
    drawn = np.asarray(mesh.get_array()).reshape(4, len(TIMES))
    assert drawn[2, 1] == pytest.approx(np.log10(worst))
    # White is equality, and one colour means the same in every map.
    assert mesh.norm(0.0) == pytest.approx(0.5)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-4, 1)
    red, _, blue, _ = mesh.cmap(mesh.norm(-1.0))
    assert blue > red


DIVERGING = re.compile(
    r"'(PiYG|PRGn|BrBG|PuOr|RdGy|RdBu|RdYlBu|RdYlGn|Spectral|coolwarm|bwr|seismic)(_r)?'"
)


def diverging(source: str) -> list[ast.Call]:
    """Returns the calls that draw a map of values with a sign."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [{k.arg: ast.unparse(k.value) for k in call.keywords} for call in calls]
    return [
        call
        for call, keywords in zip(calls, named, strict=True)
        if DIVERGING.fullmatch(keywords.get("cmap", ""))
    ]


def centred(call: ast.Call) -> bool:
    """Whether the middle of the colours is 0: limits or levels are each other's negative."""
    limits = {k.arg: ast.unparse(k.value) for k in call.keywords}
    if "vmax" in limits:
        return limits.get("vmin") == f"-{limits['vmax']}"
    levels = re.search(r"np\.linspace\(-(\w+), (\w+), \d+\)", ast.unparse(call))
    return levels is not None and levels[1] == levels[2]


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [
        ("imshow(x, cmap='RdBu_r', vmin=-reach, vmax=reach)", [True]),
        ("imshow(x, cmap='RdBu_r', vmin=-3, vmax=4)", [False]),
        ("imshow(x, cmap='RdBu_r', vmax=4)", [False]),
        ("imshow(x, cmap='bwr')", [False]),
        ("contourf(x, np.linspace(-3, 3, 25), cmap='RdBu')", [True]),
        ("contourf(x, np.linspace(-3, 4, 25), cmap='RdBu')", [False]),
        ("imshow(x, cmap='gray', vmin=0, vmax=1)", []),
    ],
)
def test_maps_of_values_with_a_sign_are_told_apart(drawing: str, expected: list[bool]) -> None:
    assert list(map(centred, diverging(drawing))) == expected


def test_chapters_centre_colours_of_values_with_a_sign_and_say_where() -> None:
    found = []
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type != "code" or not re.search(r"cmap|share_map", cell.source):
                continue
            maps = diverging(cell.source)
            assert all(map(centred, maps)), (path.name, cell.source)
            if maps or "plots.share_map(" in cell.source:
                found.append(path.name[:2])
                # What white means, or a tick in the middle.
                assert re.search(r"white: |ticks=\[-(\d), 0, \1\]", cell.source), path.name
    assert len(found) >= 4


def test_scree_draws_each_spectrum_relative_to_its_first_eigenvalue(ax: Axes) -> None:
    spectra = np.asarray([[8.0, 4.0, 2.0, 1.0], [30.0, 3.0, 0.3, 0.03]])
    plots.scree(ax, spectra, label="both", most=3)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "k"
    assert "lambda" in ax.get_ylabel()
    assert ax.get_legend_handles_labels()[1] == ["both"]
    for line, expected in zip(ax.lines, [[1, 0.5, 0.25], [1, 0.1, 0.01]], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_allclose(heights(line), expected, rtol=1e-12)
    plots.scree(ax, spectra, label="all of them")
    assert len(heights(ax.lines[-1])) == 4


def test_level_map_has_one_scale_of_colours_for_prediction_and_measurement(ax: Axes) -> None:
    widths, samples = np.asarray([4.0, 16.0, 64.0]), np.asarray([512.0, 64.0, 16.0])
    measured = np.asarray([0.5, 0.1, 3.0])

    def predicted(m: np.ndarray, n: np.ndarray) -> np.ndarray:
        return 1 / m + 2 / n

    mesh = plots.level_map(
        ax, widths, samples, measured, predicted, xlabel="width m", ylabel="samples n"
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width m", "samples n")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    contours, discs = ax.collections[1:]
    assert mesh.norm is discs.norm
    np.testing.assert_array_equal(discs.get_array(), measured)
    np.testing.assert_array_equal(discs.get_offsets(), np.stack([widths, samples], axis=1))
    # The ground at the middle of the map, which is not symmetric in m and n.
    corners = mesh.get_coordinates()
    ground = np.asarray(mesh.get_array())
    assert ground[10, 100] == pytest.approx(1 / corners[0, 100, 0] + 2 / corners[10, 0, 1], rel=0.1)
    assert mesh.get_clim() == pytest.approx((ground.min(), 3.0))
    assert isinstance(contours, QuadContourSet)
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        m, n = np.asarray(path.vertices).T
        np.testing.assert_allclose(predicted(m, n), level, rtol=0.01)
