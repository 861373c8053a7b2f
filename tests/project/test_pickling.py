"""What the library makes can be copied and pickled, into another process too."""

import copy
import dataclasses
import functools
import importlib
import inspect
import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import api
from ntklib import (
    datasets,
    dynamics,
    measures,
    networks,
    spectrum,
    statistics,
    studies,
    targets,
    theory,
)
from ntklib.book import Table, _curves, claims, interactive
from ntklib.dynamics import _descent, _movement, linearization
from ntklib.learning import zonal
from ntklib.measures import Measure, arcs, spheres
from ntklib.networks import Network, activations
from ntklib.statistics import _ranks
from ntklib.theory import _least_size, _panels, _parts, _requirements, _start_law

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301
    "cloudpickle": lambda value: pickle.loads(cloudpickle.dumps(value)),  # noqa: S301
    "deepcopy": copy.deepcopy,
}


@functools.cache
def made() -> dict[str, Any]:
    """Networks and measures by the functions that make them."""
    key, pole = jax.random.key(1), jnp.eye(3)[2]
    dense = networks.fully_connected(2, (4,), "tanh", biases=True)
    return {
        "measures.arcs.circle": arcs.circle([1.0, 3.0], 8),
        "measures.circle": measures.circle(8),
        "measures.empirical": measures.empirical(jnp.eye(2), jnp.asarray([0.25, 0.75])),
        "measures.sphere": measures.sphere(3, 4),
        "networks.antisymmetric": networks.antisymmetric(dense),
        "networks.convolutional": networks.convolutional((4, 1), (2,), padding="CIRCULAR"),
        "networks.fully_connected": dense,
        "networks.lenet5": networks.lenet5(dtype=jnp.float32),
        "networks.residual": networks.residual(2, 4, 2, outputs=3),
        "measures.spheres.angular_gaussian": spheres.angular_gaussian(jnp.diag(pole + 1), 8, key),
        "measures.spheres.hemispheres": spheres.hemispheres(pole, 0.75, 8, key),
        "measures.spheres.uniform": spheres.uniform(3, 8, key),
    }


@functools.cache
def results() -> dict[str, Any]:
    """One of every public class that holds data."""
    one, two, three = (jnp.full((1,) * axes, 0.1) for axes in (1, 2, 3))
    x = np.asarray([1.0, 2.0])
    circle, pole = made()["measures.circle"], jnp.eye(3)[:1]
    parts = _parts.Parts(two, two, two)
    chapter = claims.Chapter("a", "quick", seed=0)
    claim = chapter.record(
        "a", statement="", source="", measured=0, spread=(0, 0),
        criterion=claims.at_most(1, resolution=1),
    )  # fmt: skip
    part = _requirements.Requirement(measured=1.0, low=1.0, high=1.0, guaranteed=2.0, pilot=64)
    curve = _curves.Curve("a", x, np.stack([x, x]))
    panel, slider = _curves.Panel([curve], "", ""), _curves.Slider("a", ["0", "1"])
    values: list[Any] = [
        *(activations.ACTIVATIONS[name] for name in ("tanh", "gelu")),
        chapter, chapter.summary(), claim, claims.explored(), Table({"a": ["b"]}),
        datasets.photograph_patches(stride=256),
        _panels.Panels(one, two), parts,
        _parts.Split(one, two, two, two, parts, _parts.Parts(three, three, three)),
        _descent.Descent(np.asarray([1]), two, one, {"weight": two}),
        dynamics.Trajectory(one, two, {"weight": two}, jnp.asarray(3)),
        _ranks.Correlation(0.5, 0.25, 0.75, x), statistics.LocalExponent(-2.0, -2.5, -1.5),
        curve, panel, slider,
        interactive.SliderFigure([slider], [panel], description="a"),
        linearization.FrozenFlow(one, three, three, two, two),
        _movement.Movement(x[None], x[None], x[None]),
        _start_law.StartLaw(1.0, 2.0, 3.0, 0.1, 0.1),
        statistics.Rate(-0.5, -1.0, 0.0, 0.0, 0.9, "rms"),
        spectrum.nystrom(jnp.eye(8), circle, 3), targets.FourierSum((1,), (1.0,)),
        targets.Labels(pole, pole[0, :1]), targets.SinusoidSum((1,), (1.0,)),
        targets.ZonalSum((2,), (1.0,), pole),
        theory.Comparison(one, two, one, two, one[0]), part, theory.requirements,
        _least_size.LeastSize(4.0, 2.0, 8.0, {4.0: (9, 9)}, 0.9, 0.9),
        _requirements.Plan(0.1, 3, 0.25, 0.0, 9.0, part, part, 0.9, 0.9),
        zonal.Harmonics((2,), pole), *studies.STUDIES.values(), *studies.MEASURES.values(),
        studies.Axis({"quick": (1, 2)}), studies.Variable("1", dims=("time",)),
    ]  # fmt: skip
    return {f"{type(value).__name__} {index}": value for index, value in enumerate(values)}


def numbers(value: Any) -> Iterator[Any]:
    """Yields what a value holds, one number, word, function or array after the other."""
    if isinstance(value, Measure):
        yield value.sample(jax.random.key(2), 3)
    if isinstance(value, Network):  # these two have to be the very same objects
        yield value.name
    elif isinstance(value, activations.Activation):
        yield value.smooth
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            held = getattr(value, field.name)
            if not (isinstance(value, Measure) and callable(held)):
                yield from numbers(held)
    elif isinstance(value, Mapping):
        yield from value
        yield from numbers(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from numbers(each)
    else:
        yield value


def assert_same(first: Any, second: Any) -> None:
    for a, b in zip(numbers(first), numbers(second), strict=True):
        if isinstance(a, jax.Array | np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert (type(a), a.dtype) == (type(b), b.dtype)
        else:
            assert a == b


def test_everything_is_here() -> None:
    constructors, classes = set(), set()
    for module in api.modules():
        for name in api.public(module):
            value = getattr(importlib.import_module(f"ntklib.{module}"), name)
            if inspect.isfunction(value) and value.__annotations__["return"] in (Measure, Network):
                constructors.add(f"{module}.{name}")
            if inspect.isclass(value) and dataclasses.is_dataclass(value):
                classes.add(value)
    assert constructors == set(made())
    assert classes <= {type(value) for value in [*results().values(), *made().values()]}


@pytest.mark.parametrize("how", COPIES)
def test_results_and_measures_are_the_same_after(how: str) -> None:
    for name, value in (results() | made()).items():
        other = COPIES[how](value)
        assert type(other) is type(value), name
        assert_same(value, other)


@pytest.mark.parametrize("how", COPIES)
def test_networks_and_activations_are_the_same_objects_after(how: str) -> None:
    for value in [*made().values(), *activations.ACTIVATIONS.values()]:
        if not isinstance(value, Measure):
            assert COPIES[how](value) is value
            assert COPIES[how]({"network": [value]})["network"][0] is value


def test_kernels_of_networks_are_equal_after() -> None:
    """So that what was compiled for one is found for the other."""
    for name in ("fully_connected", "residual", "convolutional", "antisymmetric"):
        kernel = made()[f"networks.{name}"].kernel
        other = COPIES["pickle"](kernel)
        assert other == kernel
        assert hash(other) == hash(kernel)


def zero(theta: Any, x: Any) -> Any:
    return 0 * x[:, 0]


def gram(x: Any, y: Any) -> Any:
    return x @ y.T


def test_a_network_of_ones_own_is_pickled_by_its_functions() -> None:
    own = Network("own", 1, init=jax.random.key_data, apply=zero, kernel=gram)
    for how in ("pickle", "deepcopy"):
        other = COPIES[how](own)
        assert (other.name, other.apply, other.kernel) == ("own", zero, gram)
        twin = COPIES[how](networks.antisymmetric(own))
        assert twin.name == "own, antisymmetric"
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(dataclasses.replace(own, apply=lambda theta, x: x))


def double_precision() -> None:
    jax.config.update("jax_enable_x64", True)


def look_elsewhere(pickled: bytes) -> tuple[list[Any], dict[str, bool], list[Any]]:
    """Returns what it loads, which of it this process has made itself, and what a network gives."""
    loaded = pickle.loads(pickled)  # noqa: S301
    same = {name: loaded[name] is value for name, value in made().items()}
    network = loaded["networks.fully_connected"]
    x = loaded["measures.circle"].nodes
    theta = network.init(jax.random.key(0))
    values = [np.asarray(network.apply(theta, x)), np.asarray(network.kernel(x, x))]
    return list(numbers(list(loaded.values()))), same, values


def test_another_process_has_the_same_objects_and_numbers() -> None:
    pickled = pickle.dumps(results() | made())
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=double_precision
    ) as pool:
        found, same, values = pool.submit(look_elsewhere, pickled).result()
    assert same == {name: isinstance(value, Network) for name, value in made().items()}
    own, _, own_values = look_elsewhere(pickled)
    # The tests compile for fewer instructions than other processes do.
    for a, b in zip([*own, *own_values], [*found, *values], strict=True):
        if isinstance(a, jax.Array | np.ndarray) and np.issubdtype(a.dtype, np.floating):
            np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-15)
        else:
            assert np.array_equal(a, b)
