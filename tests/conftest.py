"""Strict JAX, and annotations checked at every call into ntklib."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import jax
import jaxtyping
import matplotlib
import pytest
import xla

if TYPE_CHECKING:
    from books import Book

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets the chapters come first: one process runs them all while others run the rest."""
    items.sort(key=lambda item: item.path.stem != "test_chapters")


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
