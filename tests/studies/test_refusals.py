"""Arguments, functions and results that no study takes are refused."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused
from small_studies import CURVES, WIDE, N, entries, run_logged
from study_cells import evaluations, failing, logged

from ntklib import studies
from ntklib.studies import Axis, Study, Variable


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axes": {"n": []}}, "the axis n is empty"),
        ({"axes": {"n": [1, 1]}}, "the axis n has a value twice"),
        ({"axes": {"n": [1, "a"]}}, "the axis n mixes names and numbers"),
        ({"axes": {"n": [[1, 2]]}}, "the axis n must list numbers or names"),
        ({"axes": {"n": [None]}}, "the axis n must list numbers or names"),
        ({"axes": {"n": [1], "seed": [1]}}, "give it as seeds="),
        ({"seeds": None}, "seeds is missing: say how many, such as seeds=16."),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": [1, 1]}, "seeds has one twice"),
        ({"seeds": []}, "seeds is empty: give at least one."),
        ({"seeds": [-1]}, "a seed must be at least 0, got -1."),
        ({"seeds": [2**32]}, "seeds must lie between 0 and 2**32 - 1"),
        ({"batch": 0}, "batch must be at least 1, got 0."),
        ({"scale": "huge"}, "scale must be one of quick, book, full, got 'huge'."),
        ({"memory": 0.0}, "memory must be a positive finite number"),
    ],
)
def test_senseless_arguments_are_refused(options: dict[str, Any], sentence: str, log: Path) -> None:
    with refused(sentence):
        run_logged(log, **options)
    assert not evaluations(log)


@pytest.mark.parametrize(("seeds", "name"), [(16.0, "seeds"), ([0, 1.0], "a seed")])
def test_seeds_that_are_no_whole_numbers_are_refused(seeds: Any, name: str, log: Path) -> None:
    with refused(f"{name} must be a whole number, got ", TypeError):
        run_logged(log, seeds=seeds)


def test_axes_and_settings_that_a_study_has_not_are_refused() -> None:
    with refused("the study has no axis width: choose from n, activation."):
        studies.run(CURVES, {"width": [1]}, scale="quick")
    with refused("the axis n takes values such as 1.0, got ['many']."):
        studies.run(CURVES, {"n": ["many"]}, scale="quick")
    with refused("the axis m takes values such as 10, got [0.5]."):
        studies.run(WIDE, {"m": [0.5]}, seeds=1)
    with refused("the axis m takes values such as 10, got [inf]."):
        studies.run(WIDE, {"m": [np.inf]}, seeds=1)
    with refused("curves has no setting colour: choose from count, name."):
        studies.run(CURVES, scale="quick", settings={"colour": 1})
    with refused("the setting log of logged is missing."):
        studies.run(logged, N, seeds=1)
    with refused("settings['log'] must be a number, a string", TypeError):
        studies.run(logged, N, seeds=1, settings={"log": Path()})


def test_names_that_clash_are_refused() -> None:
    axes = {"n": Axis({"book": (1, 2)})}
    for variables, name in (
        ({"n": Variable()}, "n"),
        ({"seed": Variable()}, "seed"),
        ({"x": Variable(dims=("n", "t"))}, "n"),
    ):
        with refused(f"the study returns {name}, which is an axis of it: give it another name."):
            studies.run(Study("clash", "", failing, axes, variables), seeds=1)
    with refused("the study returns value, which is an axis of it"):
        studies.run(failing, {"n": [1], "value": [2]}, seeds=1)


def test_functions_whose_source_does_not_tell_all_are_refused() -> None:
    hidden = 3

    def inner(point: Mapping[str, Any], seeds: np.ndarray) -> dict[str, Any]:
        return {"value": seeds + hidden}

    with refused("uses hidden of the function around it"):
        studies.run(inner, seeds=1)

    @functools.wraps(failing)
    def wrapping(*given: Any) -> dict[str, Any]:
        return inner(*given)

    with refused("uses inner of the function around it"):
        studies.run(wrapping, seeds=1)
    with refused("uses inner of the function around it"):
        studies.run(functools.wraps(studies.linear_width)(lambda *given: inner(*given)), seeds=1)
    for function in (max, lambda point, seeds: {"value": seeds}, functools.partial(failing)):
        with refused("the study function must be defined with def", TypeError):
            studies.run(function, seeds=1)
    space: dict[str, Any] = {}
    exec("def nowhere(point, seeds): return {'x': seeds}", space)  # noqa: S102
    with refused("the source of nowhere can't be found"):
        studies.run(space["nowhere"], seeds=1)


def test_a_failing_cell_is_named_and_the_others_stay(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        studies.run(failing, {"n": [1, 2, 3]}, seeds=[9], batch=4)
    assert failure.value.__notes__ == ["In the cell n=2, seeds 8 to 11."]
    assert len(entries(tmp_path)) == 1


def returns(value: Any, **variables: Variable) -> Study:
    """A study whose function returns what `RETURNED` holds."""
    RETURNED.append(value)
    return Study("returns", "", returning, {"n": Axis({"book": (1, 2)})}, variables, batch=3)


RETURNED: list[Any] = []


def returning(point: Mapping[str, Any], seeds: np.ndarray) -> Any:
    value = RETURNED[-1]
    return value(point["n"]) if callable(value) else value


@pytest.mark.parametrize(
    ("value", "variables", "sentence"),
    [
        (np.ones(3), {}, "must return a dict of arrays by name, got ndarray."),
        ({}, {}, "must return a dict of arrays by name, got an empty one."),
        ({"x": [None] * 3}, {}, "returned 'x' of type object"),
        (
            {"x": np.ones(2)},
            {},
            "returned 'x' of shape (2,): its first axis must count the 3",
        ),
        ({"x": np.ones(())}, {}, "returned 'x' of shape (): its first axis must count"),
        ({"x": np.ones((3, 2))}, {}, "returned 'x' with 1 axes after that of the seeds, and the"),
        ({"x": np.ones(3)}, {"y": Variable()}, "returned x and should return y."),
        (
            lambda n: {"x": np.ones((3, n))},
            {"x": Variable(dims=("t",))},
            "the cell n=2, seeds 0 to 2, returned 'x' of shape (3, 2), another one of shape (3, 1)",
        ),
        (
            lambda n: {"x": np.ones((3, 1)), "t": np.array([n])},
            {"x": Variable(dims=("t",)), "t": Variable(dims=("t",))},
            "the cell n=2, seeds 0 to 2, returned other coordinates 't' than another one.",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    value: Any, variables: dict[str, Variable], sentence: str
) -> None:
    kind = TypeError if "must return" in sentence or "type" in sentence else ValueError
    with refused(sentence, kind):
        studies.run(returns(value, **variables), seeds=1)
