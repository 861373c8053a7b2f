"""Long tests are those that are named, and no name outlives its test."""

from types import SimpleNamespace
from typing import Any

import pytest
import tiers


def items(*names: str) -> list[Any]:
    """What pytest collects under these names, and the marks that each is given."""

    def item(name: str) -> Any:
        marks: list[str] = []
        return SimpleNamespace(
            nodeid=f"tests/{name}", marks=marks, add_marker=lambda mark: marks.append(mark.name)
        )

    return [item(name) for name in names]


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "FURTHER_CASES", (r"a/test_a.py::test_one\[(x|y).*",))
    monkeypatch.setattr(tiers, "TOOLS", (r"b/test_b.py::test_two",))


def test_those_that_are_named_are_long() -> None:
    found = items(
        "a/test_a.py::test_one[x-1]", "a/test_a.py::test_one[z]", "b/test_b.py::test_two",
        "b/test_b.py::test_two_more", "c/a/test_a.py::test_one[x-1]",
    )  # fmt: skip
    tiers.mark(found, whole=True)
    assert [each.marks for each in found] == [["long"], [], ["long"], [], []]


def test_a_name_that_fits_no_test_of_its_file_ends_the_run() -> None:
    found = items("a/test_a.py::test_one[z]")
    with pytest.raises(pytest.UsageError, match=r"test_one.* fits no test"):
        tiers.mark(found, whole=True)
    tiers.mark(found, whole=False)  # as where a test is given by its id
    assert found[0].marks == []
