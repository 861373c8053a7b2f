"""The project's own files: they agree with each other, and do what the README says."""

import email
import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from docutils import nodes
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from places import ROOT
from pybtex.database import parse_string
from pybtex.plugin import find_plugin

from _setup import usable
from _setup.tools import UV_VERSION
from companion import api, citations

NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CITED: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PAPERS = citations.papers([ROOT / "chapters" / "references.bib"])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def make(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *args], cwd=ROOT, capture_output=True, text=True, check=False)


LAYOUT = {
    *("_config.yml", "_toc.yml", "README.md", "chapters", "ntklib", "tests", "environment.yml"),
    # what a tool or a convention asks for
    *(".ci", ".github", ".gitignore", "_ext", "_setup", "_static", "benchmarks", "findings"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-text"),
    *("Makefile", "postBuild", "pyproject.toml", "uv.lock"),
}


def test_nothing_else_is_kept_at_the_top() -> None:
    """No download that a command left there, above all."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.split("/")[0] for name in kept.stdout.splitlines()} == LAYOUT


# ---- environment -------------------------------------------------------------------------------


def test_conda_environment_is_in_step() -> None:
    conda = yaml.safe_load(read("environment.yml"))
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"] == [
        f"python {PROJECT['project']['requires-python']}",
        f"uv {PROJECT['tool']['uv']['required-version']}",
        "make",
    ]


def test_make_installs_a_uv_that_the_project_accepts() -> None:
    assert Version(UV_VERSION) in SpecifierSet(PROJECT["tool"]["uv"]["required-version"])


def test_the_uv_that_make_installs_builds_the_project_without_a_network() -> None:
    """Uv has the build backend of these versions in itself; others it would have to fetch."""
    (backend,) = map(Requirement, PROJECT["build-system"]["requires"])
    assert backend.name == "uv_build"
    assert Version(UV_VERSION) in backend.specifier


def test_the_pythons_of_the_project_are_the_same_everywhere() -> None:
    minors = range(usable.OLDEST[1], usable.NEWEST[1] + 1)
    names = [f"3.{minor}" for minor in minors]
    assert PROJECT["project"]["requires-python"] == f">={names[0]},<3.{minors[-1] + 1}"
    classifiers = PROJECT["project"]["classifiers"]
    assert re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers)) == names
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == names
    sentence = f"{', '.join(names[:-1])} or {names[-1]}"
    for page in ("README.md", "chapters/reproduce.md"):
        assert f"Python {sentence} " in read(page)
    for file in ("Makefile", "_setup/run", "_setup/usable.py"):
        assert f"{names[0]} to {names[-1]}" in read(file)
        assert not re.search(r"3\.\d+ to (?!" + re.escape(names[-1]) + r")", read(file))
    assert re.findall(r"python(3\.\d+)", read("_setup/run").partition("cat >&2")[0]) == names[::-1]


@pytest.mark.parametrize("name", ["python", "python3"])
def test_post_build_makes_the_locked_environment_the_kernel(name: str, tmp_path: Path) -> None:
    """Runs `postBuild` with a stand-in for the set-up that notes what it is asked for."""
    script = tmp_path / "postBuild"
    script.write_text(read("postBuild"))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    stand_in = tmp_path / "_setup" / "run"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\necho "$UV" "$@" > asked\n[ -x "$PYTHON" ]\n')
    stand_in.chmod(0o755)
    names = tmp_path / "bin"  # Debian has no `python`, conda has one
    names.mkdir()
    (names / name).symlink_to(sys.executable)
    path = os.pathsep.join([str(names), "/usr/bin", "/bin"])
    environment = {**os.environ, "PATH": path, "NB_PYTHON_PREFIX": str(tmp_path / "prefix")}
    subprocess.run(["bash", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "asked").read_text() == "uv sync\n"
    kernel = tmp_path / "prefix" / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    assert Path(json.loads(kernel.read_text())["argv"][0]).parents[1].name == ".venv"
    assert os.access(ROOT / "postBuild", os.X_OK)


def test_no_tensorflow() -> None:
    installed = {distribution.name.lower() for distribution in metadata.distributions()}
    assert not {name for name in installed if name.startswith(("tensorflow", "tf2jax"))}
    assert not re.search(r'^name = "(tensorflow|tf2jax)', read("uv.lock"), re.MULTILINE)


def test_pip_can_install_the_library_without_neural_tangents() -> None:
    """Its metadata requires TensorFlow, which pip would install."""
    required = metadata.requires("ntklib") or []
    assert required
    assert not [requirement for requirement in required if "neural" in requirement]


def test_the_wheel_asks_for_nothing_that_pip_can_not_install(tmp_path: Path) -> None:
    command = ["_setup/run", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path)]
    bare = os.environ | {"PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull}
    subprocess.run(command, cwd=ROOT, env=bare, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        described = email.message_from_bytes(archive.read(name))
    required = [Requirement(each) for each in described.get_all("Requires-Dist", [])]
    needed = {each.name for each in required if each.marker is None}
    assert needed == {Requirement(each).name for each in PROJECT["project"]["dependencies"]}
    assert not {"neural-tangents", "tensorflow", "tf2jax"} & {each.name for each in required}
    assert not [each.name for each in required if each.url]
    assert "://" not in "\n".join(map(str, described.values()))


# ---- notebooks ---------------------------------------------------------------------------------


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    # As JupyterLab writes it, line by line, so that a change shows as one.
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_declares_its_parameters(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    (parameters,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert re.search(r'^scale = "book"', parameters.source, re.MULTILINE)
    assert re.search(r"^seed = 0\b", parameters.source, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_cells_are_short(path: Path) -> None:
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert max(len(cell.source.splitlines()) for cell in cells) <= 25


def test_every_notebook_is_in_the_book_and_has_claims() -> None:
    toc = yaml.safe_load(read("_toc.yml"))
    listed = {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    notebooks = {f"chapters/{path.stem}" for path in NOTEBOOKS}
    assert notebooks <= listed
    config = yaml.safe_load(read("_config.yml"))["sphinx"]["config"]
    assert set(config["companion_claims"]) == notebooks


# ---- documents ---------------------------------------------------------------------------------


def test_versions_are_in_step() -> None:
    version = PROJECT["project"]["version"]
    assert CITED["version"] == version
    released = re.findall(r"^## \[([\d.]+)\] - ([\d-]+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert released[0] == (version, CITED["date-released"].isoformat())
    assert metadata.version("ntklib") == version


def test_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", read("README.md"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_landing_page_maps_every_claim() -> None:
    config = yaml.safe_load(read("_config.yml"))["sphinx"]["config"]
    page = read("chapters/index.md")
    for chapter, claims in config["companion_claims"].items():
        assert f"]({Path(chapter).name}.ipynb)" in page
        for claim in claims:
            assert f"`{claim}`" in page


SCRIPTS = sorted((ROOT / "chapters" / "images").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_that_draw_pictures_import_what_there_is(script: Path) -> None:
    assert callable(runpy.run_path(str(script))["main"])


def test_pages_name_what_the_library_has() -> None:
    """Every `module.name` and `Class.attribute` that a page mentions exists, or is a claim's id."""
    config = yaml.safe_load(read("_config.yml"))["sphinx"]["config"]
    claims = {claim for ids in config["companion_claims"].values() for claim in ids}
    modules = {
        full.split(".")[-1]: importlib.import_module(f"ntklib.{full}") for full in api.modules()
    }
    classes = {
        name: value
        for full in api.modules()
        for name, value in api.public(full).items()
        if isinstance(value, type)
    }
    mentioned = 0
    for page in sorted((ROOT / "chapters").glob("*.md")):
        for owner, name in re.findall(r"`(\w+)\.([\w-]+)", page.read_text(encoding="utf-8")):
            mentioned += 1
            if owner in modules:
                assert hasattr(modules[owner], name), (page.name, owner, name)
            elif owner in classes:
                attributes = {*vars(classes[owner]), *classes[owner].__annotations__}
                assert name in attributes, (page.name, owner, name)
            elif f"{owner}.{name}" not in {*claims, "jax.numpy"}:
                assert (ROOT / f"{owner}.{name}").is_file(), (page.name, owner, name)
    assert mentioned > 20


# ---- citations ---------------------------------------------------------------------------------


def test_citation_file_has_the_fields_of_its_format() -> None:
    """Those of the Citation File Format 1.2.0 that are in use here, and those it requires."""
    assert CITED["cff-version"] == "1.2.0"
    assert CITED["type"] in {"software", "dataset"}
    required = {"authors", "cff-version", "message", "title"}
    allowed = {"date-released", "keywords", "license", "preferred-citation", "type", "version"}
    assert required <= set(CITED) <= required | allowed
    paper = CITED["preferred-citation"]
    assert {"authors", "title", "type"} <= set(paper)
    optional = {"collection-title", "end", "publisher", "start", "url", "volume", "year"}
    assert set(paper) <= {"authors", "title", "type"} | optional
    assert paper["type"] == "conference-paper"
    for author in [*CITED["authors"], *paper["authors"]]:
        assert set(author) in ({"name"}, {"family-names", "given-names"})


def test_citation_file_cites_the_paper_as_the_bibliography_does() -> None:
    cited, entry = CITED["preferred-citation"], PAPERS.entries["bowman2022spectral"]
    names = [(a["given-names"], a["family-names"]) for a in cited["authors"]]
    plain = [p.rich_first_names[0].render_as("text") for p in entry.persons["author"]]
    last = [p.rich_last_names[0].render_as("text") for p in entry.persons["author"]]
    assert names == list(zip(plain, last, strict=True))
    fields = {
        "title": cited["title"],
        "booktitle": cited["collection-title"],
        "publisher": cited["publisher"]["name"],
        "volume": str(cited["volume"]),
        "pages": f"{cited['start']}--{cited['end']}",
        "year": str(cited["year"]),
        "url": cited["url"],
    }
    assert fields == dict(entry.fields)


def test_readme_cites_as_the_book_does() -> None:
    blocks = re.findall(r"^    @.*?^    }$", read("README.md"), re.MULTILINE | re.DOTALL)
    paper, book = (re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks)
    assert book == citations.written(citations.book_key(CITED), citations.book_entry(CITED, ""))
    ((key, entry),) = parse_string(paper, "bibtex").entries.items()
    known = PAPERS.entries[key]
    assert entry.persons == known.persons
    assert {"title", "booktitle", "year"} <= set(entry.fields)
    assert entry.fields.items() <= known.fields.items()


def test_figures_have_the_license_that_the_page_names() -> None:
    assert citations.TEXT_LICENSE in " ".join(read("LICENSE-text").split())


def test_chapter_is_cited_by_number_title_and_book() -> None:
    title = nodes.title("", "", nodes.Text("Width & "), nodes.math("", r"\hat\epsilon_1"))
    name = "chapters/08-linear-width"
    entry = citations.chapter_entry(CITED, "https://a/b", name, citations.latex(title))
    assert entry.fields["title"] == r"{Width \& $\hat\epsilon_1$}"
    assert entry.fields["chapter"] == "8"
    assert entry.fields["booktitle"] == citations.book_entry(CITED, "").fields["title"]
    assert entry.fields["note"] == f"Version {CITED['version']}"
    assert entry.fields["url"] == "https://a/b"
    key = citations.chapter_key(CITED, name)
    assert key == f"ntklib{CITED['date-released'].year}-linear-width"
    with pytest.raises(ValueError, match="begin with two digits"):
        citations.chapter_key(CITED, "chapters/notation")


def test_entries_are_read_and_formatted_by_bibtex() -> None:
    """Pybtex reads back what was written, and its plain style misses no field of any entry."""
    book, number = citations.book_entry(CITED, "https://a/b_c"), "chapters/01-a"
    chapter = citations.chapter_entry(CITED, "", number, "Frequencies")
    entries = {"book": book, "chapter": chapter, **PAPERS.entries}
    for key, entry in entries.items():
        read_back = parse_string(citations.written(key, entry), "bibtex").entries[key]
        assert read_back == entry
        entry.key = key
    style = find_plugin("pybtex.style.formatting", "plain")()
    assert len(list(style.format_entries(entries.values()))) == len(entries)


# ---- commands ----------------------------------------------------------------------------------


def test_help_lists_every_target() -> None:
    targets = set(re.findall(r"^\.PHONY: ([a-z-]+)$", read("Makefile"), re.MULTILINE))
    assert targets >= {"help", "book", "test", "quick", "lint", "lab", "clean"}
    answer = make()
    assert answer.returncode == 0
    assert answer.stdout == make("help").stdout
    listed = {line.split()[0] for line in answer.stdout.splitlines() if line.startswith("  ")}
    assert listed == targets


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "| `make test` |" in read("README.md")
    assert read(".ci/run").splitlines()[-1] == "make test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_workflows_only_call_make() -> None:
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        (job,) = yaml.safe_load(path.read_text())["jobs"].values()
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert commands
        assert all(re.fullmatch(r"make \w+ PYTHON=.*", command) for command in commands)


@pytest.mark.parametrize("target", ["newest", "thorough"])
def test_the_newest_packages_and_every_test_are_tried_every_week(target: str) -> None:
    workflow = yaml.safe_load(read(f".github/workflows/{target}.yml"))
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads "on" as true
    (schedule,) = workflow[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    _, python, command = workflow["jobs"][target]["steps"]
    assert command["run"].startswith(f"make {target} ")
    tested = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["test"]["strategy"]
    versions = tested["matrix"]["python"]
    assert python["with"]["python-version"] in (versions[-1:] if target == "newest" else versions)


def test_make_newest_uses_an_environment_of_its_own(tmp_path: Path) -> None:
    """Runs the recipe with a stand-in for uv and Python that takes notes."""
    (tmp_path / "Makefile").write_text(read("Makefile"))
    shutil.copytree(ROOT / "_setup", tmp_path / "_setup")
    stand_in = tmp_path / "uv"
    stand_in.write_text("""#!/bin/sh
        echo "$JAX_COMPILATION_CACHE_DIR: $0 $*" >> notes
        case "$*" in venv*) mkdir -p .tools/newest/bin && cp "$0" .tools/newest/bin/python ;; esac
    """)
    stand_in.chmod(0o755)
    bare = os.environ | {"PIP_CONFIG_FILE": os.devnull}
    command = ["make", "newest", f"PYTHON={sys.executable}", f"UV={stand_in}"]
    subprocess.run(command, cwd=tmp_path, env=bare, check=True, capture_output=True)
    notes = (tmp_path / "notes").read_text().splitlines()
    for step, note in zip(("venv", "pip install", "pip list", "-m pytest"), notes, strict=True):
        assert step in note
        assert ".tools/newest" in note
    assert not {".venv", "uv.lock"} & {path.name for path in tmp_path.iterdir()}
    assert re.findall(r"--group (\w+)", notes[1]) == PROJECT["tool"]["uv"]["default-groups"]
    assert notes[3].startswith(f"{tmp_path}/.cache/newest: ")
    chapters = re.findall(r"\d\d-[a-z\d-]+", notes[3])
    assert len(chapters) == 2
    assert {ROOT / "chapters" / f"{name}.ipynb" for name in chapters} <= set(NOTEBOOKS)
