"""Falsehoods can be planted, and who notices them is told as it is."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from falsehoods import FALSEHOODS
from places import ROOT
from planting import Change, Falsehood, judged, planted, run

CLAIMS = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["companion_claims"]


@pytest.mark.parametrize("falsehood", FALSEHOODS, ids=lambda each: each.name)
def test_every_falsehood_can_be_planted(falsehood: Falsehood, tmp_path: Path) -> None:
    planted(falsehood, ROOT, tmp_path)
    assert falsehood.changes
    assert falsehood.claims
    assert set(falsehood.claims) <= set(CLAIMS[f"chapters/{falsehood.chapter}"])


def test_names_are_given_once() -> None:
    names = [(each.chapter, each.name) for each in FALSEHOODS]
    assert len(set(names)) == len(names)


def toy(folder: Path, *cells: str) -> Path:
    """Makes a project of one library module and one chapter with these cells."""
    (folder / "ntklib").mkdir(parents=True)
    (folder / "ntklib" / "__init__.py").write_text("VALUE = 1.0\n")
    (folder / "chapters").mkdir()
    parameters = nbformat.v4.new_code_cell('scale = "book"\nseed = 0')
    parameters.metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(
        cells=[parameters, *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    )
    nbformat.write(notebook, folder / "chapters" / "toy.ipynb")
    return folder


HOLD = """\
import ntklib
assert scale == "quick"
if ntklib.VALUE != 1.0:
    raise AssertionError(f"claim toy.value is refuted: measured {ntklib.VALUE}")
"""


@pytest.mark.parametrize(
    ("new", "noticed", "words"),
    [
        ("VALUE = 2.0", True, "red    toy"),
        ("VALUE = 1.0  # as before", False, "GREEN  toy"),
        ("raise OSError('gone')", False, "no verdict; OSError: gone"),
    ],
)
def test_who_notices_is_told(tmp_path: Path, new: str, noticed: bool, words: str) -> None:
    root = toy(tmp_path / "root", HOLD)
    change = Change("ntklib/__init__.py", "VALUE = 1.0", new)
    outcome = run(Falsehood("another", "toy", ("toy.value",), (change,)), root, tmp_path / "own")
    assert outcome.noticed is noticed
    assert words in str(outcome)
    assert (root / "ntklib" / "__init__.py").read_text() == "VALUE = 1.0\n"  # the original


def test_an_assertion_hides_no_verdict(tmp_path: Path) -> None:
    root = toy(tmp_path / "root", "assert 1 == 1", HOLD)
    changes = (
        Change("chapters/toy.ipynb", "assert 1 == 1", "assert 1 == 2"),
        Change("ntklib/__init__.py", "1.0", "2.0"),
    )
    outcome = run(Falsehood("two", "toy", ("toy.value",), changes), root, tmp_path / "own")
    assert outcome.red == ("toy.value",)
    assert outcome.errors == ("AssertionError: ",)


def test_a_verdict_of_another_claim_does_not_count() -> None:
    falsehood = Falsehood("x", "toy", ("wanted",), ())
    outcome = judged(falsehood, ["RefutedClaimError: claim other is refuted: measured 1"])
    assert outcome.red == ("other",)
    assert not outcome.noticed
    long = judged(falsehood, ["ValueError: claim wanted: half the spread [0, 9] is 4.5, longer"])
    assert long.noticed


@pytest.mark.parametrize(("old", "count"), [("absent", 0), ("x", 2)])
def test_a_text_has_to_be_there_once(old: str, count: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{old!r} occurs {count} times in a.py")):
        Change("a.py", old, "y").of("x x")


def test_the_command_lists_them() -> None:
    command = [sys.executable, str(ROOT / "tests" / "falsehoods"), "--list", "--chapter", "02"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ideal-dynamics" in answer.stdout
    assert "07-" not in answer.stdout
