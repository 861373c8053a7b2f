"""The Sphinx extension's pure parts. `test_builds.py` tests it in real builds."""

import ast
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import books
import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document
from jupyter_cache import get_cache
from myst_nb.sphinx_ import HideCodeCellNode
from places import ROOT
from sphinx.errors import ExtensionError

from companion import build, changes, execution, folding, recorded, running
from ntklib import _host
from ntklib.book._criterion import VERDICTS, Criterion

VERSIONS = {"python": "3.11.7", "jax": "0.10.2"}


def library(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / "ntklib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


FILES = {"a.py": "x = 1\n", "sub/b.py": "y = 2\n"}


def test_fingerprint_depends_on_content_alone(tmp_path: Path) -> None:
    one = library(tmp_path / "one", FILES)
    two = library(tmp_path / "two", dict(reversed(FILES.items())))
    assert execution.fingerprint(one, VERSIONS) == execution.fingerprint(two, VERSIONS)


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        ({**FILES, "a.py": "x = 2\n"}, VERSIONS),
        ({**FILES, "sub/b.py": "y = 3\n"}, VERSIONS),
        ({**FILES, "c.py": ""}, VERSIONS),
        ({"a.py": FILES["a.py"], "b.py": FILES["sub/b.py"]}, VERSIONS),
        (FILES, {**VERSIONS, "jax": "0.10.3"}),
        (FILES, {**VERSIONS, "python": "3.12.1"}),
    ],
    ids=["line", "line below", "file", "place", "jax", "python"],
)
def test_fingerprint_notices_a_change(
    tmp_path: Path, files: dict[str, str], versions: dict[str, str]
) -> None:
    before = execution.fingerprint(library(tmp_path / "before", FILES), VERSIONS)
    after = execution.fingerprint(library(tmp_path / "after", files), versions)
    assert before != after


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # one\n",
        '"""A module."""\n\n\nx = 1\n"""One."""\n',
        "x = \\\n    1\n",
    ],
    ids=["comment", "docstrings", "lines"],
)
def test_what_computes_nothing_runs_nothing_again(tmp_path: Path, text: str) -> None:
    before = execution.fingerprint(library(tmp_path / "before", FILES), VERSIONS)
    after = library(tmp_path / "after", {**FILES, "a.py": text, "__main__.py": "print()\n"})
    assert execution.fingerprint(after, VERSIONS) == before


def test_fingerprint_ignores_other_files(tmp_path: Path) -> None:
    root = library(tmp_path, FILES)
    before = execution.fingerprint(root, VERSIONS)
    (root / "ntklib" / "a.pyc").write_text("compiled")
    assert execution.fingerprint(root, VERSIONS) == before


def test_environment_knows_packages_and_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    versions = execution.environment()
    assert versions["platforms"] == "cpu"
    assert versions["jax"] != "absent"
    assert versions["python"].startswith("3.")


SOURCES = {
    "_config.yml": "title: A",
    "_ext/companion/tables.py": "x = 1",
    "_ext/companion/live/page.js": "1;",
    "_static/companion.css": "a {}",
    "chapters/a.ipynb": "{}",
    "chapters/b.md": "# B",
    "chapters/references.bib": "@misc{a}",
    "ntklib/sub/b.py": '"""A docstring."""',
    "_build/html/chapters/a.html": "<p>",
    "_build/.doctrees/environment.pickle": "x",
}


@pytest.mark.parametrize("changed", [None, *SOURCES, "chapters/c.md", "_static/new.js"])
def test_only_text_of_pages_is_read_alone(tmp_path: Path, changed: str | None) -> None:
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert changes.saved(tmp_path) == {}
    assert not changes.only_pages({}, changes.state(tmp_path))
    changes.save(tmp_path, changes.state(tmp_path))
    before = changes.saved(tmp_path)
    if changed is not None:
        (tmp_path / changed).write_text("something else")
    now = changes.state(tmp_path)
    assert (now == before) == (changed is None)
    assert changes.only_pages(before, now) == (
        changed in {None, "chapters/a.ipynb", "chapters/b.md"}
    )
    changes.forget(tmp_path)
    assert changes.saved(tmp_path) == {}


def test_a_built_site_says_how_large_it_is(tmp_path: Path) -> None:
    sizes = {"index.html": 3, "chapters/a.html": 2, "_static/a.js": 4, "objects.inv": 1}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size * 500_000))
    expected = "The site has 5.0 MB: pages 2.5, scripts 2.0, other 0.5."
    assert build.sizes(tmp_path) == expected


@pytest.mark.parametrize("name", changes.VARIABLES)
def test_another_environment_is_a_change(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = changes.state(tmp_path)
    monkeypatch.setenv(name, "another")
    assert not changes.only_pages(before, changes.state(tmp_path))


@pytest.mark.parametrize(
    ("source", "metadata", "said"),
    [
        ("import jax\n\njax.config.update('jax_enable_x64', True)\nimport numpy", {}, "Imports"),
        ("x = 1\nimport jax", {}, ""),
        ("print(1)", {}, ""),
        ("%matplotlib inline\nimport jax", {}, ""),
        ('scale = "book"', {"tags": ["parameters"]}, "Parameters of the notebook: scale and seed"),
        ("plt.show()", {"mystnb": {"figure": {"name": "fig-a"}}}, "Code of the figure"),
        ('chapter.record(\n    "a.b", source="S.")', {}, "Code that records the claim a.b"),
        ("chapter.summary()", {}, "Code of the summary"),
    ],
)
def test_plumbing_is_told_from_mathematics(
    source: str, metadata: dict[str, Any], said: str
) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata=metadata)
    assert folding.summary(cell) == said


def test_folding_keeps_everything_else() -> None:
    figure = {"mystnb": {"figure": {"name": "fig-a"}}, "tags": ["a-tag"]}
    cells = [
        nbformat.v4.new_code_cell("plt.show()", metadata=figure),
        nbformat.v4.new_code_cell("x = 1"),
        nbformat.v4.new_markdown_cell("import this"),
    ]
    before = nbformat.v4.new_notebook(cells=cells)
    after = nbformat.reads(folding.folded(nbformat.writes(before)), as_version=4)
    shown, *rest = after.cells
    assert rest == before.cells[1:]
    assert shown.source == "plt.show()"
    assert shown.metadata["tags"] == ["a-tag", "hide-input"]
    assert shown.metadata["mystnb"]["figure"] == {"name": "fig-a"}
    assert shown.metadata["mystnb"]["code_prompt_show"] == "Code of the figure"


@pytest.mark.parametrize(
    ("shown", "checks"),
    [
        ("x = 1\nprint(x)", ""),
        ("print(x)", "# Its sign.\nassert x > 0, (\n    'not positive'\n)"),
        ("x = f()\nassert x > 0  # nothing else is done with x", ""),
        ("", "assert x > 0"),
        ("for x in xs:\n    assert x > 0", ""),
        ("%time x = 1\nassert x", ""),
    ],
)
def test_an_assertion_is_folded_unless_something_serves_it_alone(shown: str, checks: str) -> None:
    assert folding.parted("\n".join(filter(None, [shown, checks]))) == (shown, checks)


def test_an_assertion_in_a_loop_is_folded_with_the_loop() -> None:
    source = (
        "for x, y in (\n    pairs\n):\n    print(x)\n    if x:\n        z = y\n"
        "        assert x > 0\n        print(z)"
    )
    shown, checks = folding.parted(source)
    assert shown == source.replace("        assert x > 0\n", "")
    assert checks == "for x, y in (\n    pairs\n):\n    if x:\n        assert x > 0"


def assertions(source: str) -> list[str]:
    return sorted(ast.unparse(n) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assert))


def test_no_assertion_of_a_chapter_is_lost_and_few_are_in_a_readers_way() -> None:
    every, in_the_way = 0, 0
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type != "code" or not (found := assertions(cell.source)):
                continue
            every += len(found)
            if not folding.summary(cell):
                shown, checks = folding.parted(cell.source)
                assert sorted(assertions(shown) + assertions(checks)) == found
                in_the_way += len(assertions(shown))
    assert in_the_way < every / 5


def shown_cell(source: str, *, whole: bool) -> nodes.container:
    """Returns a cell as it is on a page, folded as a whole or not, with its output."""
    block = nodes.literal_block(source, source, language="ipython3")
    code: nodes.Element = nodes.container("", block, nb_element="cell_code_source")
    if whole:
        code = HideCodeCellNode("", code, prompt_show="Imports", prompt_hide="Imports")
    output = nodes.container("", nodes.paragraph("", "1"), nb_element="cell_code_output")
    return nodes.container("", code, output, nb_element="cell_code", cell_index=0)


@pytest.mark.parametrize(
    ("source", "whole", "blocks"),
    [
        ("print(x)\nassert x > 0", False, [("print(x)", False), ("assert x > 0", True)]),
        ("assert x > 0", False, [("assert x > 0", True)]),
        ("print(x)", False, [("print(x)", False)]),
        ("print(x)\nassert x > 0", True, [("print(x)\nassert x > 0", True)]),
    ],
)
def test_checks_are_folded_between_the_code_and_its_output(
    source: str, whole: bool, blocks: list[tuple[str, bool]]
) -> None:
    page = new_document("page")
    page += shown_cell(source, whole=whole)
    folding.fold_checks(None, page, "page")  # type: ignore[arg-type]
    found = list(page.findall(nodes.literal_block))
    folds = [isinstance(block.parent.parent, HideCodeCellNode) for block in found]
    assert [(b.astext(), fold) for b, fold in zip(found, folds, strict=True)] == blocks
    # Else Sphinx wouldn't colour it.
    assert all(b.rawsource == b.astext() and b["language"] == "ipython3" for b in found)
    assert page[0][-1].astext() == "1"
    said = [fold["prompt_show"] for fold in page.findall(HideCodeCellNode)]
    assert said == (["Imports"] if whole else [folding.CHECKS] * any(folds))


def notebook(*sources: str, tags: tuple[str, ...] = ("parameters",)) -> str:
    cells = [nbformat.v4.new_code_cell(s, metadata={"tags": list(tags)}) for s in sources]
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))


def test_at_scale_replaces_the_parameter_and_keeps_the_rest() -> None:
    changed = execution.at_scale(notebook('scale = "book"  # or quick\nseed = 0'), "full")
    (cell,) = json.loads(changed)["cells"]
    assert "".join(cell["source"]) == 'scale = "full"  # or quick\nseed = 0'


@pytest.mark.parametrize(
    "text",
    [
        notebook("seed = 0"),
        notebook('scale = "book"', tags=()),
        notebook('scale = "book"\nscale = "quick"'),
    ],
    ids=["absent", "untagged", "twice"],
)
def test_at_scale_needs_exactly_one_parameter(text: str) -> None:
    with pytest.raises(ExtensionError, match="expected one line `scale"):
        execution.at_scale(text, "quick")


def claim(name: str, verdict: str = "holds", note: str = "") -> dict[str, Any]:
    return {"id": name, "verdict": verdict, "note": note}


def test_every_verdict_but_refuted_is_sound() -> None:
    assert {*VERDICTS} - {*recorded.SOUND} == {"refuted"}


@pytest.mark.parametrize("verdict", recorded.SOUND)
def test_audit_accepts_what_holds_and_what_was_explored(verdict: str) -> None:
    assert recorded.audit({"one": [claim("a", verdict)], "two": []}, {"one": ["a"]}) == []


def test_audit_lets_a_refuted_claim_stand_when_it_is_explained() -> None:
    explained = claim("a", "refuted", note="The sample was too small for the asymptotics.")
    assert recorded.audit({"one": [explained]}, {"one": ["a"]}) == []


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({}, "one did not record the claim 'a'"),
        ({"one": []}, "one did not record the claim 'a'"),
        ({"one": [claim("a"), claim("b")]}, "one recorded the claim 'b', which"),
        ({"one": [claim("a")], "two": [claim("b")]}, "two recorded the claim 'b', which"),
        ({"one": [claim("a"), claim("a")]}, "the claim 'a' was recorded 2 times"),
        ({"one": [claim("a", "refuted")]}, "'a' of one has the verdict 'refuted'"),
    ],
)
def test_audit_names_the_problem(found: dict[str, list[Any]], problem: str) -> None:
    (message,) = recorded.audit(found, {"one": ["a"]})
    assert problem in message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (-1.5e-12, "-1.5e-12"),
        (8, "8"),
        ([0.25, 1.0], "[0.25, 1]"),
        ({"low": 0.5, "high": 2.0}, "low 0.5, high 2"),
        ("∝ 1/m", "∝ 1/m"),
    ],
)
def test_shown(value: Any, text: str) -> None:
    assert recorded.shown(value) == text


def test_the_tally_counts_nothing_explored_as_holding() -> None:
    verdicts = ("holds", "explored", "holds, conservative", "holds", "refuted", "explored")
    assert recorded.tally([claim("a", each) for each in verdicts]) == (
        "holds: 2; holds, conservative: 1; refuted: 1. Beside them, explored only: 2."
    )
    assert recorded.tally([claim("a")]) == "holds: 1."


def test_a_verdict_has_a_badge_of_its_own() -> None:
    found = [recorded.badge(each) for each in ("holds, conservative", "explored")]
    assert [each["classes"] for each in found] == [
        ["verdict", "conservative"],
        ["verdict", "explored"],
    ]
    assert [each.astext() for each in found] == ["holds, conservative", "explored"]


@pytest.mark.parametrize(
    ("relation", "text"),
    [("≤", "≤ 0.25"), ("=", "= 0.25 ± 0.125"), ("explored", "(0.25 means no effect)")],
)
def test_bound(relation: str, text: str) -> None:
    assert recorded.bound({"relation": relation, "bound": 0.25, "resolution": 0.125}) == text
    criterion = Criterion(relation, 0.25, 0.125)
    assert str(criterion) == text


def test_inline_separates_formulas_from_text() -> None:
    nodes = recorded.inline(r"rate of $\hat\epsilon$ in $m$, at $t \le T$")
    assert [(type(node).__name__, node.astext()) for node in nodes] == [
        ("Text", "rate of "),
        ("math", r"\hat\epsilon"),
        ("Text", " in "),
        ("math", "m"),
        ("Text", ", at "),
        ("math", r"t \le T"),
    ]


def test_a_kernel_that_dies_names_notebook_and_cell(tmp_path: Path) -> None:
    path, other = tmp_path / "page.ipynb", tmp_path / "other.ipynb"
    books.deadly(path)
    fine = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    cache = get_cache(tmp_path / "cache")
    notebooks = {path: nbformat.read(path, as_version=4), other: fine}
    (reason,) = running.run(notebooks, cache, timeout=60)
    begin = "the kernel died while it ran cell 4, which begins\n\n    x = 1\n"
    assert reason.startswith(f"{path}: DeadKernelError: {begin}")
    assert "make book SCALE=quick" in reason
    # What succeeded is kept.
    _, kept = cache.merge_match_into_notebook(fine)
    assert kept.cells[0].outputs[0].data["text/plain"] == "2"
    with pytest.raises(KeyError):
        cache.match_cache_notebook(notebooks[path])


@pytest.mark.parametrize(
    ("count", "room", "plugin", "platforms", "expected"),
    [
        (1, 100, "absent", "", 1),
        (3, 100, "absent", "", 3),
        (16, 100, "absent", "", 4),
        (16, 2, "absent", "", 2),
        (16, 0, "absent", "", 1),
        (16, 100, "0.10.2", "", 1),
        (16, 100, "0.10.2", "cpu", 4),
    ],
    ids=["one", "few", "cores", "memory", "no memory", "GPU", "GPU left alone"],
)
def test_as_many_notebooks_run_at_once_as_there_is_room(
    count: int, room: int, plugin: str, platforms: str, expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    versions = {**dict.fromkeys(running.GPU_PLUGINS, plugin), "platforms": platforms}
    monkeypatch.setattr(execution, "environment", lambda: versions)
    monkeypatch.setattr(running, "_cores", lambda: 4)
    monkeypatch.setattr(_host, "available", lambda: room * running.MEMORY + 1)
    assert running.at_once(count) == expected


@pytest.fixture
def cores() -> Iterator[list[int]]:
    """The cores of this machine, all of which this process may use meanwhile."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system doesn't let a process keep to cores")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, before)


def test_processes_share_the_cores_where_each_has_many_notebooks_to_run(cores: list[int]) -> None:
    many = running.MANY * len(cores)
    assert running._shares(many, len(cores)) == [{core} for core in cores]
    assert running._shares(many, 1) == [set(cores)]
    assert running._shares(many - 1, len(cores)) == []


def test_kernels_keep_to_the_cores_of_the_thread_that_starts_them(cores: list[int]) -> None:
    if len(cores) < 2:
        pytest.skip("this machine has one core")
    both = threading.Barrier(2)

    def of_a_process(_: int) -> list[int]:
        both.wait()
        program = "import json, os; print(json.dumps(sorted(os.sched_getaffinity(0))))"
        return json.loads(subprocess.check_output([sys.executable, "-c", program]))

    shares = [{core} for core in cores[:2]]
    with running._pool(2, shares) as pool:
        assert sorted(pool.map(of_a_process, range(2))) == [[core] for core in cores[:2]]
    with running._pool(2, []) as pool:
        assert list(pool.map(of_a_process, range(2))) == [cores, cores]


def test_the_longest_begin_first_and_what_is_unknown_before_them() -> None:
    assert running.by_length(["a", "new", "b"], ["b", "a", "gone"]) == ["new", "b", "a"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    assert sorted(config["companion_longest"]) == sorted(config["companion_claims"])
