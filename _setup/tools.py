"""uv and pip: where they are, how they are installed, and how they are run."""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools"
TEMPORARY = TOOLS / "tmp"
UV_VERSION = "0.13.9"
OWN = TOOLS / f"uv-{UV_VERSION}"

# What is active in the caller's shell has no say in what is set up here. With another index uv
# would refuse uv.lock, in which the public one stands.
FOREIGN = {
    "CONDA_PREFIX", "PIP_PREFIX", "PIP_PYTHON", "PIP_TARGET", "UV_DEFAULT_INDEX", "UV_INDEX_URL",
    "VIRTUAL_ENV",
}  # fmt: skip


def environment() -> dict[str, str]:
    """The variables of every tool, with which all that it writes stays below this folder."""
    return {
        "UV_CACHE_DIR": str(TOOLS / "cache" / "uv"),
        "PIP_CACHE_DIR": str(TOOLS / "cache" / "pip"),
        **{name: value for name, value in os.environ.items() if name not in FOREIGN},
        "TMPDIR": str(TEMPORARY),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_USER": "0",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def run(
    what: str,
    *command: str | Path,
    variables: dict[str, str] | None = None,
    log: IO[str] | None = None,
    quiet: bool = False,
) -> None:
    """Runs a tool, which says on the terminal why it fails.

    Args:
        what: The step, for the sentence that ends a failure.
        command: The program and its arguments.
        variables: Environment variables, in addition to those of `environment`.
        log: A file for all that it says, instead of the terminal.
        quiet: Whether only its errors are shown.

    Raises:
        SystemExit: If it fails.
    """
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env=environment() | (variables or {}),
        stdout=subprocess.DEVNULL if quiet else log,
        stderr=log,
        close_fds=False,  # it holds the lock as long as it runs
        check=False,
    )
    if answer.returncode < 0:
        sys.exit(f"{what} was ended by {signal.Signals(-answer.returncode).name}.")
    if answer.returncode:
        sys.exit(f"{what} failed, for the reason above.")


def answer(*command: str | Path, variables: dict[str, str] | None = None) -> str | None:
    """What a tool says on its standard output, or None where it fails or isn't there."""
    try:
        found = subprocess.run(
            command,
            cwd=ROOT,
            env=environment() | (variables or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout


@contextmanager
def alone() -> Iterator[None]:
    """Waits until nobody else sets up this folder, and keeps others waiting.

    Tools inherit the lock: if this process is killed and they go on, others still wait for them.
    """
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another process that sets up this folder.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(TEMPORARY, ignore_errors=True)
        TEMPORARY.mkdir()
        yield


def virtual_environment(folder: Path, log: IO[str] | None = None) -> Path:
    """Makes an environment that has pip, and returns its Python.

    Pip comes in a step of its own: `python -m venv` keeps to itself why that fails.
    """
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            f"{sys.executable} can't make a virtual environment with pip: install its venv module "
            "(on Debian and Ubuntu: apt install python3-venv), or give UV=/path/to/uv."
        )
    what = f"Making the virtual environment {folder}"
    run(what, sys.executable, "-m", "venv", "--clear", "--without-pip", folder, log=log)
    python = folder / "bin" / "python"
    run(what, python, "-m", "ensurepip", "--default-pip", log=log, quiet=log is None)
    return python


def own_uv() -> Path:
    """The project's own uv, installed where it isn't there, or doesn't run."""
    new = TOOLS / "new"
    if not whole(OWN):
        python = virtual_environment(new)
        run("Installing uv", python, "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}")
        if not whole(new):
            sys.exit(f"pip installed uv {UV_VERSION} in {new}, but it doesn't run there.")
        shutil.rmtree(OWN, ignore_errors=True)
        new.rename(OWN)
    return OWN / "bin" / "uv"


def whole(folder: Path) -> bool:
    """Whether uv and the pip that installed it run in an environment."""
    version = answer(folder / "bin" / "uv", "--version") or ""
    pip = answer(folder / "bin" / "python", "-c", "import pip")
    return version.split()[1:2] == [UV_VERSION] and pip is not None
