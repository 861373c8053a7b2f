"""Strict JAX, and annotations checked at every call into ntklib."""

from pathlib import Path

import jax
import jaxtyping
import matplotlib
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# The tests compile far more than they compute. Programs of any size are kept where
# JAX_COMPILATION_CACHE_DIR says, not only those that take long.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
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
