"""Strict JAX, and annotations checked at every call into ntklib."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import jax
import jaxtyping
import matplotlib
import pytest
import tiers
import xla
import yaml
from places import ROOT
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from books import Book

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER and hasattr(os, "sched_setaffinity"):
    # A core each, with all that they start: threads of XLA that share cores wait for each other.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(WORKER.removeprefix("gw")) % len(cores)]})

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# The tests compile far more than they compute. Programs of any size are kept where
# JAX_COMPILATION_CACHE_DIR says, not only those that take long.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
# XLA reads its flags once, here: the chapters' kernels, and whatever else the tests start, have its
# defaults.
with mock.patch.dict(os.environ, XLA_FLAGS=xla.FLAGS):
    jax.devices()
matplotlib.use("Agg")
# Nothing above or in pytest's plugins imports ntklib, so the hook sees every module of it.
jaxtyping.install_import_hook("ntklib", "beartype.beartype")


CHAPTERS = "test_chapters.py"
CHAPTER = f"{CHAPTERS}::test_chapter["


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks long tests, and lets the chapters come first, the longest of them before."""
    tiers.mark(items, whole=not any("::" in given for given in config.args))
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    longest = [Path(name).name for name in book["sphinx"]["config"]["companion_longest"]]

    def rank(item: pytest.Item) -> int:
        if CHAPTER not in item.nodeid:
            return 0
        found = [place for place, name in enumerate(longest) if f"[{name}-" in item.nodeid]
        return min(found, default=0) - len(longest)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Keeps the garbage collector from walking through all modules again and again.

    What has been imported stays until the end. One walk through it takes 0.4 s.
    """
    gc.collect()
    gc.freeze()


class Scheduling(LoadFileScheduling):
    """Gives a process one file's tests after another, but each chapter by itself.

    Those on a GPU stay together, for each of their kernels takes it for itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        if CHAPTER not in nodeid:
            return str(super()._split_scope(nodeid))
        return nodeid if nodeid.endswith("-cpu]") else "the chapters on a GPU"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Distributes tests so."""
    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _studies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Cells that a test saves are its own, and none are there before."""
    monkeypatch.setenv("NTKLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A folder where study functions leave a file for each evaluation."""
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> "Book":
    """A small book that has been built, for tests that only look at it."""
    from books import Book  # it imports ntklib, which the hook above must see

    book = Book(tmp_path_factory.mktemp("built"))
    answer = book.build()
    assert answer.returncode == 0, answer.stderr
    return book
