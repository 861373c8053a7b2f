"""Words, flags, numbers and lists: what is refused, by name and with a remedy, and what works."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest
from places import ROOT
from refusals import refused, unannotated
from smallest import CIRCLE, KEY, NETWORK, TARGET, TIMES

from ntklib import (
    _checks,
    datasets,
    dynamics,
    kernels,
    measures,
    networks,
    spectrum,
    statistics,
    studies,
    targets,
    theory,
)
from ntklib.book import _curves, claims
from ntklib.measures import arcs, spheres
from ntklib.networks import _architectures, activations

NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))


def flow(**options: Any) -> Any:
    return dynamics.gradient_flow(NETWORK, NETWORK.init(KEY), TARGET, CIRCLE, TIMES, **options)


def rate(**options: Any) -> Any:
    return statistics.fit_rate([1.0, 2.0, 3.0, 4.0, 5.0], np.ones((5, 16)), **options)


TABLE = np.arange(64.0).reshape(4, 16)
X = np.asarray([0.0, 1.0])
WORDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "activation of a dense network": (
        lambda word: networks.fully_connected(2, (4,), word),
        "activation must be one of erf, gelu, relu, softplus, tanh",
    ),
    "activation of a convolution": (
        lambda word: networks.convolutional((8, 1), (2,), word),
        "activation must be one of erf, gelu, relu, softplus, tanh",
    ),
    "activation of a residual network": (
        lambda word: networks.residual(2, 4, 2, word),
        "activation must be one of erf, gelu, relu, softplus, tanh",
    ),
    "networks.activations.named": (activations.named, "activation must be one of erf, gelu"),
    "padding": (
        lambda word: networks.convolutional((8, 1), (2,), padding=word),
        "padding must be one of SAME, CIRCULAR, VALID",
    ),
    "method of a flow": (
        lambda word: flow(method=word),
        "method must be one of explicit, exponential",
    ),
    "method of a kernel": (
        lambda word: kernels.empirical(NETWORK, NETWORK.init(KEY), CIRCLE.nodes, method=word),
        "method must be one of auto, layers, jacobian, products",
    ),
    "method of a spectrum": (
        lambda word: spectrum.nystrom(jnp.eye(8), CIRCLE, method=word),
        "method must be one of auto, full, krylov",
    ),
    "form": (
        lambda word: spectrum.effective_rank(np.ones(2), word),
        "form must be one of trace, entropy",
    ),
    "within": (
        lambda word: statistics.rank_correlation(TABLE, TABLE, within=word),
        "within must be one of draw, setting",
    ),
    "statistic": (lambda word: rate(statistic=word), "statistic must be a quantile"),
    "split": (lambda word: datasets.cifar10(split=word), "split must be one of train, test"),
    "scale of a chapter": (
        lambda word: claims.Chapter("a", word, 0),
        "scale must be one of quick, book, full",
    ),
    "scale of a study": (
        lambda word: studies.run(studies.STUDIES["linear-width"], scale=word),
        "scale must be one of quick, book, full",
    ),
    "line": (
        lambda word: _curves.Curve("a", X, X, line=word),
        "line must be one of solid, dashed, dotted, points",
    ),
    "log": (
        lambda word: _curves.Panel([], "", "", log=word),
        "log must be one of x, y, xy, '', got",
    ),
    "architecture": (
        lambda word: _architectures.build(word, 4),
        "architecture must be one of fully connected, depth 1; ",
    ),
    "variable": (
        lambda word: next(iter(theory.requirements)).width.exponent(word),
        "variable must be one of M, k, p, T, sigma, gap, n, lambda_0, epsilon",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    call, sentence = WORDS[name]
    for bad in ("another", ["relu"], {"relu"}, None, 7, jnp.tanh, np.asarray(["relu", "erf"])):
        with refused(f"{sentence}"):
            call(bad)


NUMBER = "must be a whole number, got "
FLAG = "must be True or False, got "
SEQUENCE = "must be a sequence such as "
ARRAY = "must be an array of numbers, got "
TYPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "d": (lambda bad: networks.fully_connected(bad, (4,)), f"d {NUMBER}"),
    "outputs": (lambda bad: networks.fully_connected(2, (4,), outputs=bad), f"outputs {NUMBER}"),
    "depth": (lambda bad: networks.residual(2, 4, bad), f"depth {NUMBER}"),
    "width": (lambda bad: networks.residual(2, bad, 2), f"width {NUMBER}"),
    "filter_size": (
        lambda bad: networks.convolutional((8, 1), (2,), filter_size=bad),
        f"filter_size {NUMBER}",
    ),
    "output": (networks.lenet5, f"output {NUMBER}"),
    "nodes of a circle": (measures.circle, f"nodes {NUMBER}"),
    "degree": (lambda bad: measures.sphere(3, bad), f"degree {NUMBER}"),
    "nodes of arcs": (lambda bad: arcs.circle([1.0, 2.0], bad), f"nodes {NUMBER}"),
    "nodes that are drawn": (lambda bad: spheres.uniform(3, bad, KEY), f"nodes {NUMBER}"),
    "n": (lambda bad: CIRCLE.sample(KEY, bad), f"n {NUMBER}"),
    "seed of a chapter": (lambda bad: claims.Chapter("a", "quick", bad), f"seed {NUMBER}"),
    "seed of a rate": (lambda bad: rate(seed=bad), f"seed {NUMBER}"),
    "resamples": (lambda bad: rate(resamples=bad), f"resamples {NUMBER}"),
    "max_steps": (lambda bad: flow(max_steps=bad), f"max_steps {NUMBER}"),
    "a frequency": (lambda bad: targets.FourierSum((bad,), (1.0,)), f"frequencies[0] {NUMBER}"),
    "a width": (lambda bad: networks.fully_connected(2, (bad,)), f"widths[0] {NUMBER}"),
}
NO_NUMBERS = (1.5, 2.0, True, np.True_, "3", float("nan"), np.float64(3), jnp.asarray([3]), [3])


@pytest.mark.parametrize("name", TYPES)
def test_whole_numbers_have_one_rule(name: str) -> None:
    call, sentence = TYPES[name]
    for bad in NO_NUMBERS:
        with refused(sentence, TypeError):
            call(bad)


def test_whole_numbers_of_numpy_and_jax_are_some() -> None:
    for three in (3, np.int32(3), np.uint8(3), jnp.asarray(3), np.asarray(3)):
        found = _checks.whole_number("n", three, least=1)
        assert (found, type(found)) == (3, int)
    ours = networks.fully_connected(2, (4, 4))
    same: list[Any] = [[4, 4], np.asarray([4, 4]), jnp.asarray([4, 4]), (np.int64(4), 4)]
    with unannotated():
        for widths in same:
            assert networks.fully_connected(2, widths) is ours


SEQUENCES: dict[str, Callable[[Any], Any]] = {
    "widths": lambda bad: networks.fully_connected(2, bad),
    "shape": lambda bad: networks.convolutional(bad, (2,)),
    "channels": lambda bad: networks.convolutional((8, 1), bad),
    "frequencies": lambda bad: targets.SinusoidSum(bad, (1.0,)),
    "amplitudes": lambda bad: targets.FourierSum((1,), bad),
    "phases": lambda bad: targets.FourierSum((1,), (1.0,), bad),
    "degrees": lambda bad: targets.ZonalSum(bad, (1.0,), jnp.eye(3)[:1]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str) -> None:
    for bad in (512, 512.0, "512", b"512", {512}, {512: 1}, np.asarray(512), np.eye(2)):
        with refused(f"{name} {SEQUENCE}", TypeError):
            SEQUENCES[name](bad)


def test_an_int_for_the_widths() -> None:
    with refused("widths must be a sequence such as (512,), got 512.", TypeError):
        networks.fully_connected(2, 512)  # type: ignore[arg-type]
    with refused("d must be a whole number, got (512,).", TypeError):
        networks.fully_connected((512,), 2)  # type: ignore[arg-type]


def dense(**options: Any) -> networks.Network:
    return networks.fully_connected(2, (4,), **options)


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    **{
        f"biases={bad!r}": (
            functools.partial(dense, biases=bad),
            f"biases {FLAG}",
        )
        for bad in (1, "no", None, [True])
    },
    "biases of a convolution": (
        lambda: networks.convolutional((8, 1), (2,), biases=1),  # type: ignore[arg-type]
        f"biases {FLAG}1.",
    ),
    "biases of a residual network": (
        lambda: networks.residual(2, 4, 2, biases=1),  # type: ignore[arg-type]
        f"biases {FLAG}1.",
    ),
    "draws of a flow": (lambda: flow(draws=5), f"draws {FLAG}5."),
    "keep_params": (lambda: flow(keep_params=[]), f"keep_params {FLAG}[]."),
    "linearized": (lambda: flow(linearized="no"), f"linearized {FLAG}'no'."),
    "paired": (lambda: rate(paired="no"), f"paired {FLAG}'no'."),
    **{
        f"dtype={bad!r}": (
            functools.partial(dense, dtype=bad),
            f"dtype must be a floating-point type such as jnp.float32, got {bad!r}.",
        )
        for bad in (int, "nonsense", 7, jnp.int32, complex)
    },
    "rtol": (lambda: flow(rtol="1e-6"), "rtol must be a number, got '1e-6'."),
    "share": (
        lambda: spheres.hemispheres(jnp.eye(3)[0], "half", 4, KEY),  # type: ignore[arg-type]
        "share must be a number, got 'half'.",
    ),
    "an amplitude": (
        lambda: targets.FourierSum((1,), (1j,)),  # type: ignore[arg-type]
        "amplitudes[0] must be a number, got 1j.",
    ),
    "a phase": (
        lambda: targets.FourierSum((1,), (1.0,), ("a",)),  # type: ignore[arg-type]
        "phases[0] must be a number, got 'a'.",
    ),
    "sizes": (
        lambda: statistics.fit_rate("abc", np.ones((5, 16))),  # type: ignore[arg-type]
        "sizes must list numbers, got 'abc'.",
    ),
    "points": (lambda: measures.empirical(None), f"points {ARRAY}None."),  # type: ignore[arg-type]
    "densities": (lambda: arcs.circle("3", 8), f"densities {ARRAY}'3'."),  # type: ignore[arg-type]
    "directions": (lambda: targets.ZonalSum((1,), (1.0,), None), f"directions {ARRAY}None."),
    "axis": (
        lambda: spheres.hemispheres(None, 0.5, 4, KEY),  # type: ignore[arg-type]
        f"axis {ARRAY}None.",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_types(name: str) -> None:
    call, sentence = OTHERS[name]
    with refused(sentence, TypeError):
        call()


def test_types_of_parameters_by_any_of_their_names() -> None:
    for dtype in ("float32", jnp.float32, np.dtype("float32")):
        single = networks.fully_connected(2, (4,), dtype=dtype)
        assert single is networks.fully_connected(2, (4,), dtype=jnp.float32)


def test_phases_and_amplitudes_may_be_arrays() -> None:
    x = CIRCLE.nodes
    given: Any = ((1, 2), (1.0, 0.5), (0.0, 1.0))
    expected = targets.FourierSum(*given)(x)
    makers: tuple[Any, ...] = (np.asarray, jnp.asarray)
    for make in makers:
        with unannotated():
            of_arrays = targets.FourierSum(*(make(each) for each in given))
        np.testing.assert_array_equal(of_arrays(x), expected)
    with refused("phases holds 1 NaN or infinite value(s) among 1"):
        targets.FourierSum((1,), (1.0,), (float("nan"),))


def test_seeds_of_a_chapter() -> None:
    for seed in (0, 2**63 - 1):
        jax.random.key(claims.Chapter("a", "quick", seed).seed)
    for seed in (-1, 2**63):
        with refused(f"seed must be between 0 and 9223372036854775807, got {seed}."):
            claims.Chapter("a", "quick", seed)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_looks_at_scale_and_seed_before_it_uses_them(path: Path) -> None:
    """So that `papermill -p seed 1.5` is told so by the chapter's first cells."""
    statements = [
        statement
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
        for statement in ast.parse(cell.source).body
    ]
    uses = [
        ast.unparse(statement)
        for statement in statements
        if any(isinstance(n, ast.Name) and n.id in ("scale", "seed") for n in ast.walk(statement))
    ]
    assert uses[0] == f"chapter = claims.Chapter('{path.stem}', scale, seed)"
