"""Every chapter, executed at scale `quick` on each platform, and the strict book made of them."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import books
import browser
import markup
import nbformat
import papermill
import pytest
import xla
import yaml
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from places import ROOT

from companion import execution, figuredata, outcomes, pdf, recorded

NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
PARAMETERS = {"scale": "quick", "seed": 0}
# Seconds. A chapter takes 30 to 60 on two idle cores, and took 290 on two slow ones that other
# processes shared; what doesn't end by then hangs.
LIMIT = 550
WAIT = 400
# What JAX_PLATFORMS calls them.
PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}
CLAIMS = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["companion_claims"]

pytestmark = pytest.mark.chapter


@functools.cache
def obstacle(platform: str) -> str:
    """Returns why JAX can't use a platform here, nothing if it can.

    It asks in another process, since JAX settles on its platforms once and for all.
    """
    answer = subprocess.run(
        [sys.executable, "-c", f"import jax; jax.devices({platform!r})"],
        env={name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stderr.strip().splitlines()[-1] if answer.returncode else ""


@functools.cache
def quick_flags() -> str:
    """`XLA_FLAGS` with which programs compile in half the time. At level 0 they run too long."""
    wanted = (
        xla.OLD_LOOPS, xla.ONE_PIECE, "--xla_backend_optimization_level=1",
        "--xla_llvm_disable_expensive_passes=true",
    )  # fmt: skip
    return xla.flags(wanted, os.environ.get("XLA_FLAGS", ""))


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The folder of the notebooks that this module's tests, in any process, execute on a CPU."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "executed"
    folder.mkdir(exist_ok=True)
    return folder


def ended(executed: Path, stem: str) -> Path:
    """The file that says that the test of a chapter has ended."""
    return executed / f"{stem}.ended"


class SavingOnce(NBClientEngine):
    """papermill's own engine without its saving around each cell, which takes 6 s a chapter."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Executes the cells; papermill saves once more when they have ended, in any way."""
        path, nb_man.output_path = nb_man.output_path, None
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            nb_man.output_path = path


papermill_engines.register("saving once", SavingOnce)


def execute(source: Path, target: Path) -> float:
    """Executes a notebook within the limit and returns how many seconds that took."""
    start = time.monotonic()
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters=PARAMETERS,
            engine_name="saving once",
            kernel_name="python3",
            cwd=source.parent,
            progress_bar=False,
            start_timeout=LIMIT,
            execution_timeout=LIMIT,
            # JAX would first clear its caches, for seconds.
            shutdown_kernel="immediate",
        )
    except DeadKernelError as problem:
        cells = nbformat.read(target, as_version=4).cells
        # papermill says "completed" of the cells after it, too, but not when they began.
        begun = [cell.metadata.papermill.start_time is not None for cell in cells]
        last = max(index for index, each in enumerate(begun) if each)
        problem.add_note(f"In {source.name} {execution.death(last + 1, cells[last].source)}")
        raise
    return time.monotonic() - start


def warnings_in(path: Path) -> list[str]:
    """Returns the warnings that an executed notebook printed: the book would hide them."""
    streams = [
        output.text
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    return [text for text in streams if re.search(r"\bwarn|\berror", text, re.IGNORECASE)]


def pictures_alone(path: Path) -> list[int]:
    """Returns the cells of an executed notebook that show a picture without its data."""
    cells = nbformat.read(path, as_version=4).cells
    return [index for index, cell in enumerate(cells) if None in figuredata.shown(cell)]


def test_a_kernel_that_dies_names_notebook_and_cell(tmp_path: Path) -> None:
    books.deadly(tmp_path / "deadly.ipynb")
    with pytest.raises(DeadKernelError) as found:
        execute(tmp_path / "deadly.ipynb", tmp_path / "executed.ipynb")
    (note,) = found.value.__notes__
    # papermill puts its parameters into a cell behind those of the notebook.
    begin = "In deadly.ipynb the kernel died while it ran cell 5, which begins\n\n    x = 1\n"
    assert note.startswith(begin)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter(
    source: Path,
    platform: str,
    executed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if reason := obstacle(platform):
        pytest.skip(reason)
    monkeypatch.setenv("JAX_PLATFORMS", PLATFORMS[platform])
    # Another chapter may have written half of a program so far, which JAX then compiles.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:Error reading persistent compilation cache entry")
    # `make book` compiles them as users' processes do, which takes longer.
    monkeypatch.setenv("XLA_FLAGS", quick_flags())
    assert set(PARAMETERS) <= set(papermill.inspect_notebook(source))
    target = (executed if platform == "cpu" else tmp_path) / source.name
    try:
        seconds = execute(source, target)
    finally:
        ended(executed, source.stem).touch()
    assert seconds < LIMIT
    assert not warnings_in(target)
    assert pictures_alone(target) == []
    docname = f"chapters/{source.stem}"
    claims = outcomes.collect([target])
    assert recorded.audit({docname: claims}, {docname: CLAIMS[docname]}) == []
    assert {claim["scale"] for claim in claims} == {"quick"}
    assert {claim["device"] for claim in claims}


@pytest.fixture(scope="module")
def site(
    executed: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    """The strict book of the notebooks that the tests above executed; its folder of pages."""
    names = {item.name for item in request.session.items}
    missing = [p.stem for p in NOTEBOOKS if f"test_chapter[{p.stem}-cpu]" not in names]
    if missing:
        pytest.skip(f"not executed in this run: {', '.join(missing)}")
    # Other processes may still be at them: all began before this test did, which is the last.
    end = time.monotonic() + WAIT
    while missing := [p.stem for p in NOTEBOOKS if not ended(executed, p.stem).exists()]:
        assert time.monotonic() < end, f"not executed within {WAIT} s: {', '.join(missing)}"
        time.sleep(1)
    root = tmp_path_factory.mktemp("book")
    for name in ("_ext", "_static", "chapters"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copytree(executed, root / "chapters", dirs_exist_ok=True)
    for name in ("_toc.yml", "CITATION.cff"):
        shutil.copy(ROOT / name, root)
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["execute"]["execute_notebooks"] = "off"
    (root / "_config.yml").write_text(yaml.safe_dump(config))
    program = Path(sys.executable).with_name("jupyter-book")
    answer = subprocess.run(
        [program, "build", "--all", "-W", "--keep-going", "."],
        cwd=root,
        env={**os.environ, "NTKLIB_SCALE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return root / "_build" / "html"


def test_book_of_the_executed_chapters(site: Path) -> None:
    """Text, links, citations, figures and claims of all chapters, as strict as `make book`."""
    claims = json.loads((site.parent / "claims.json").read_text())
    assert {claim["id"] for claim in claims} == {i for ids in CLAIMS.values() for i in ids}
    for page in (site / "chapters").glob("*.html"):
        # A fence that the parser didn't recognise is shown as text, without a warning.
        assert not re.search(r"\{(prf:|exercise|solution|cite|numref|doc)", page.read_text()), page
    pages = {path.stem for path in (site / "chapters").glob("*.html")}
    assert pages >= {path.stem for path in NOTEBOOKS} | {"index", "notation", "bibliography"}
    assert markup.links(site) == []
    # The first page is light: browsers draw its formulas.
    first = (site / "chapters" / "index.html").read_text()
    assert "tex-mml-chtml.js" not in first
    assert r"\(" not in first
    assert "<msub><mi>σ</mi><mi>i</mi></msub>" in first


@pytest.mark.browser
@pytest.mark.skipif(pdf.chromium() is None, reason="no Chromium here (see test_browser.py)")
def test_pages_with_sliders_have_no_problem(site: Path) -> None:
    """Two of them, and the claims; `make browser-test` inspects every page."""
    slides = [path.stem for path in NOTEBOOKS if "SliderFigure" in path.read_text(encoding="utf-8")]
    assert len(slides) >= 6
    pages = [f"chapters/{name}" for name in ("index", "claims", slides[-1])]
    assert browser.problems(site, pages=pages, inspected=("chapters/index",)) == []
