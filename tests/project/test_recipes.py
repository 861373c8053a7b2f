"""The Makefile's recipes, in a shell that goes on after errors as that of macOS's make does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from places import ROOT

TARGETS = re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
PROGRAMS = (
    ".venv/bin/python", ".venv/bin/jupyter-book", ".venv/bin/codespell", ".tools/newest/bin/python",
    ".tools/frameworks/bin/python", "_setup/run",
)  # fmt: skip
# Those without a program that could fail.
HARMLESS = {"help", "clean"}
# make's 3.81, before this variable, starts every line of a recipe so.
SHELL = ".SHELLFLAGS=-c"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The Makefile with programs that note their names, and fail where a file says which."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in PROGRAMS:
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            f'#!/bin/sh\necho "{program.name}" "$*" >> calls\n'
            '[ "$(wc -l < calls)" -ne "$(cat failing)" ] || exit 2\n'
        )
        program.chmod(0o755)
    (tmp_path / "_build" / "singlehtml" / "chapters").mkdir(parents=True)
    (tmp_path / "_build" / "singlehtml" / "chapters" / "index.html").touch()
    return tmp_path


def calls(tree: Path, target: str, failing: int) -> tuple[int, list[str]]:
    """Makes a target of which one program fails, counted from 1; 0 is none."""
    (tree / "calls").write_text("")
    (tree / "failing").write_text(str(failing))
    answer = subprocess.run(
        ["make", SHELL, target], cwd=tree, capture_output=True, text=True, check=False
    )
    return answer.returncode, (tree / "calls").read_text().splitlines()


@pytest.mark.parametrize("target", sorted({*TARGETS} - HARMLESS))
def test_a_program_that_fails_ends_its_recipe(tree: Path, target: str) -> None:
    """Each in turn: make fails and nothing after it is run."""
    status, all_calls = calls(tree, target, 0)
    assert status == 0
    assert all_calls
    for i in range(1, len(all_calls) + 1):
        # What asks for links fails where one doesn't answer: companion.links says which.
        expected = all_calls if "linkcheck" in all_calls[i - 1] else all_calls[:i]
        status, called = calls(tree, target, i)
        assert called == expected
        assert (status != 0) == (expected == all_calls[:i])


def test_pythons_share_no_compiled_programs(tree: Path) -> None:
    """JAX can't read what it wrote in a Python that compresses in another way."""
    python = tree / ".venv" / "bin" / "python"
    python.unlink()
    other = tree / "python3.99"
    other.write_text('#!/bin/sh\necho "$JAX_COMPILATION_CACHE_DIR" > where\n')
    other.chmod(0o755)
    # The Python may come with the recipe before.
    (tree / "_setup" / "run").write_text(f"#!/bin/sh\nln -s {other} {python}\n")
    environment = {name: value for name, value in os.environ.items() if "JAX" not in name}
    subprocess.run(["make", "overview"], cwd=tree, env=environment, check=True, capture_output=True)
    assert (tree / "where").read_text() == f"{tree}/.cache/jax/python3.99\n"


def test_the_makefile_has_nothing_that_make_3_81_does_not_know() -> None:
    text = (ROOT / "Makefile").read_text()
    newer = (r"\.ONESHELL", r"\.SHELLFLAGS :?=", r"\$\(file ", r"!=", r"^undefine ", r"^define .*=")
    assert [each for each in newer if re.search(each, text, re.MULTILINE)] == []
    assert re.findall(r"^[\w .-]+: (?:export|private|override) ", text, re.MULTILINE) == []
