"""`_setup`: a whole environment whatever stopped the last command, from wherever packages come."""

import os
import platform
import shutil
import signal
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from trees import Tree

from _setup import usable

MANY = {f"many{i % 20}/m{i}.py": f"x = {i}\n".encode() for i in range(3000)}
FEW = {"few/__init__.py": b"", "few/big.bin": bytes(3_000_000)}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Where nothing has been set up."""
    made = Tree(tmp_path / "tree", {"few": FEW})
    made.lend_uv()
    return made


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Where everything has been set up, and each test leaves it so."""
    made = Tree(tmp_path_factory.mktemp("ready") / "tree", {"few": FEW})
    made.lend_uv()
    made.sync()
    return made


# ---- which Python ------------------------------------------------------------------------------


def answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **found: object
) -> tuple[int, str]:
    """What `usable` says on a Linux for x86-64, but for what was found."""
    linux: dict[str, object] = {
        "system": "linux",
        "machine": "x86_64",
        "version": (3, 14, 1),
        "implementation": "CPython",
        "gil": 0,
        "size": 2**63 - 1,
        "apple": False,
        "libc": "glibc 2.28",
    }
    now = linux | found
    monkeypatch.setattr(usable, "SYSTEM", now["system"])
    monkeypatch.setattr(usable, "ON_APPLE_SILICON", now["apple"])
    monkeypatch.setattr(platform, "machine", lambda: now["machine"])
    monkeypatch.setattr(platform, "python_implementation", lambda: now["implementation"])
    monkeypatch.setattr(platform, "python_version", lambda: ".".join(map(str, now["version"])))  # type: ignore[call-overload]
    monkeypatch.setattr(sys, "version_info", now["version"])
    monkeypatch.setattr(sys, "maxsize", now["size"])
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: now["gil"])
    monkeypatch.setattr(sysconfig, "get_platform", lambda: f"{now['system']}-{now['machine']}")

    def confstr(name: str) -> object:
        if now["libc"] is None:
            raise ValueError("unrecognized configuration name")
        return now["libc"]

    monkeypatch.setattr(os, "confstr", confstr)
    status = usable.main()
    monkeypatch.undo()
    return status, capsys.readouterr().out


MAC = {"system": "darwin", "machine": "arm64", "libc": None}


@pytest.mark.parametrize(
    "found",
    [*({"version": (3, minor, 0)} for minor in (11, 12, 13, 14)), {"machine": "aarch64"}, MAC],
    ids=str,
)
def test_pythons_and_machines_that_can_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: dict[str, object]
) -> None:
    interpreter = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    assert answer(monkeypatch, capsys, **found) == (0, f"{interpreter}\n")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"version": (3, 10, 13)}, "is Python 3.10.13, and the project needs 3.11 to 3.14."),
        (
            {"version": (3, 15, 0)},
            "needs 3.11 to 3.14: jaxlib, NumPy, SciPy and h5py have no wheels",
        ),
        ({"implementation": "PyPy"}, "is PyPy, and the project needs CPython."),
        ({"gil": 1}, "is a free-threaded build, in which the project isn't tested."),
        ({"size": 2**31 - 1}, "is a build for 32 bits, for which jaxlib has no wheels."),
        ({**MAC, "machine": "x86_64", "apple": True}, "is for Intel, on a Mac with Apple silicon:"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
def test_pythons_for_which_there_is_another(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: dict[str, object],
    reason: str,
) -> None:
    status, said = answer(monkeypatch, capsys, **found)
    assert status == usable.OTHER_PYTHON
    assert said.startswith(f"{sys.executable} is ")
    assert reason in said


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({**MAC, "machine": "x86_64"}, "jaxlib has no wheels for Intel Macs any more: use Linux,"),
        ({"libc": None}, "jaxlib has no wheels for musl: use a Linux with glibc,"),
        ({"libc": "glibc 2.17"}, "The packages need glibc 2.28 or newer: use a newer Linux."),
        ({"machine": "riscv64"}, "jaxlib has no wheels for linux-riscv64."),
        ({"system": "win32"}, "The project runs on Linux and macOS, not on win32: on Windows, use"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
def test_machines_for_which_there_is_no_python(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: dict[str, object],
    reason: str,
) -> None:
    status, said = answer(monkeypatch, capsys, **found)
    assert status == usable.NO_PYTHON
    assert said.startswith(reason)


def stand_ins(folder: Path, **scripts: str) -> str:
    """A PATH on which these shell scripts are the only Pythons."""
    folder.mkdir()
    for name, script in scripts.items():
        path = folder / name.replace("_", ".")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    (folder / "dirname").symlink_to(shutil.which("dirname") or "")
    (folder / "cat").symlink_to(shutil.which("cat") or "")
    return str(folder)


def test_the_first_python_that_can_do_runs(tmp_path: Path, tree: Tree) -> None:
    path = stand_ins(
        tmp_path / "bin",
        python3='[ "$1" = _setup/usable.py ] && echo "old is too old." && exit 3',
        python3_14="exit 127",
        python3_13='[ "$1" = _setup/usable.py ] && echo "$0" || echo ran "$@"',
    )
    assert tree.run("sync", "lab", PYTHON="", PATH=path) == (0, "ran -m _setup sync lab\n")


def test_where_no_python_can_do_there_are_ways_to_get_one(tmp_path: Path, tree: Tree) -> None:
    path = stand_ins(tmp_path / "bin", python3='echo "/bin/old is Python 3.6."; exit 3')
    status, said = tree.run("sync", PYTHON="", PATH=path)
    assert status == 1
    assert said.startswith("No Python that this project can use was found (3.11 to 3.14).\n")
    assert "\n  /bin/old is Python 3.6.\n" in said
    for way in ("apt install python3", "dnf install", "brew install", "conda create", "uv python"):
        assert way in said


def test_a_python_that_was_given_is_the_only_one_to_try(tmp_path: Path, tree: Tree) -> None:
    status, said = tree.run("sync", PYTHON=str(tmp_path / "none"))
    assert status == 1
    assert str(tmp_path / "none") in said
    path = stand_ins(tmp_path / "bin", hopeless='echo "No wheels for this machine."; exit 4')
    assert tree.run("sync", PYTHON=f"{path}/hopeless") == (1, "No wheels for this machine.\n")


# ---- interruptions -----------------------------------------------------------------------------


def test_a_set_up_that_was_stopped_is_made_whole(tmp_path: Path) -> None:
    """Ctrl-C and SIGKILL while a package's files land, and the next command."""
    tree = Tree(tmp_path / "tree", {"many": MANY, "few": FEW})
    tree.lend_uv()
    tree.sync()
    record = "lib/python*/site-packages/many-1.dist-info/RECORD"
    stops = (signal.SIGKILL, signal.SIGINT) * 2
    for stop, moment in zip(stops, (0, 0, 0.005, 0.01), strict=True):
        shutil.rmtree(tree.venv)
        process = tree.start("sync")
        while process.poll() is None and not list(tree.venv.glob(record)):
            time.sleep(0.001)
        time.sleep(moment)
        os.killpg(process.pid, stop)
        process.communicate()
        assert process.returncode == -stop
        tree.sync()
        assert tree.wrong() == []


def test_a_full_disk_ends_a_set_up_and_the_next_one_makes_whole(tree: Tree) -> None:
    status, said = tree.run("sync", limit=1_000_000)
    assert status == 1
    assert said.endswith("Installing with uv was ended by SIGXFSZ.\n")
    tree.sync()
    assert tree.wrong() == []


def test_two_at_once_wait_for_each_other(tree: Tree) -> None:
    both = [tree.start("sync") for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Installed 2 packages" in each for each in said) == 1
    assert tree.wrong() == []


def test_nothing_is_done_twice(ready: Tree) -> None:
    assert ready.sync() == ""


def test_a_package_without_its_files_is_not_taken_for_installed(ready: Tree) -> None:
    """The worst that a stopped uv leaves: of a package only the record has landed."""
    (package,) = ready.venv.glob("lib/python*/site-packages/few")
    shutil.rmtree(package)
    (ready.venv / ".synced").unlink()
    ready.sync()
    assert ready.wrong() == []


def test_a_damaged_cache_is_not_believed(ready: Tree) -> None:
    (cached,) = (ready.root / ".tools" / "cache" / "uv").glob("archive-v0/*/few/big.bin")
    cached.unlink()
    cached.write_bytes(b"short")
    shutil.rmtree(ready.venv)
    assert "Not whole, so installed again: few.\n" in ready.sync()
    assert ready.wrong() == []


def test_a_pull_that_changes_the_project_needs_no_network(ready: Tree) -> None:
    """Nor does it need the packages or a cache, while the lock has those that are installed."""
    away = ready.index.rename(ready.index.with_name("away"))
    shutil.rmtree(ready.root / ".tools" / "cache")
    pyproject = ready.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("[project]", '[project]\ndescription = "A"'))
    ready.sync()
    away.rename(ready.index)
    (metadata,) = ready.venv.glob("lib/python*/site-packages/tiny-1.dist-info/METADATA")
    assert "Summary: A\n" in metadata.read_text()
    assert ready.wrong() == []


def test_a_folder_that_moved_gets_an_environment_of_its_own(ready: Tree) -> None:
    ready.root = ready.root.rename(ready.root.with_name("moved"))
    ready.venv = ready.root / ".venv"
    ready.sync()
    assert str(ready.venv) in (ready.venv / "bin" / "activate").read_text()


# ---- faults that name their cause --------------------------------------------------------------


def test_a_step_that_fails_shows_the_error_of_its_tool(tmp_path: Path) -> None:
    """As with a folder for temporary files that is too small: no word of a missing venv."""
    tree = Tree(tmp_path / "tree", {"few": FEW})
    status, said = tree.run("sync", limit=500_000)
    assert status == 1
    assert "File too large" in said
    assert "python3-venv" not in said
    assert not list((tree.root / ".tools").glob("uv-*"))


def test_a_home_that_cannot_be_written_is_not_asked_for(tmp_path: Path, tree: Tree) -> None:
    home = tmp_path / "home"
    home.write_text("a file can't have folders in it, whoever asks")
    caches = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(home))
    tree.sync(**caches, TMPDIR=str(home))
    assert {path.name for path in (tree.root / ".tools" / "cache").iterdir()} == {"uv"}
    own = tmp_path / "own"
    shutil.rmtree(tree.venv)
    tree.sync(UV_CACHE_DIR=str(own))
    assert own.is_dir()
