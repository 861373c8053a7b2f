"""Notebooks that have to be run are run before Sphinx reads any, as many at once as there is room.

Sphinx itself would run them one after another, each when it is read. A notebook keeps one core busy
most of the time.
"""

import concurrent.futures
import os
import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from companion import execution
from ntklib import _host

MEMORY = 5 * 2**29
"""Bytes that a chapter may need; the largest took 2.2 GB."""
GPU_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

MANY = 4
"""Notebooks a process from which on each process keeps to cores of its own. With fewer, the longest
decides, and it is done sooner with all cores."""

logger = logging.getLogger(__name__)


def at_once(count: int) -> int:
    """Returns how many of `count` notebooks are run side by side here.

    Each process of JAX takes a GPU for itself.
    """
    versions = execution.environment()
    on_gpu = any(versions[name] != "absent" for name in GPU_PLUGINS)
    if on_gpu and versions["platforms"] != "cpu":
        return 1
    return max(1, min(count, _cores(), _host.available() // MEMORY))


def _cores() -> int:
    own = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(own(0)) if own else os.cpu_count() or 1


def by_length(docnames: Sequence[str], longest: Sequence[str]) -> list[str]:
    """Returns documents with the unknown ones first, then in the order of `longest`."""
    ranks = {name: rank for rank, name in enumerate(longest)}
    return sorted(docnames, key=lambda name: (ranks.get(name, -1), name))


def run_stale(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Runs the notebooks among those to be read whose outputs the execution cache doesn't have.

    Raises:
        ExtensionError: some failed; the others are in the cache.
    """
    config = env.mystnb_config  # type: ignore[attr-defined]
    if config.execution_mode != "cache":
        return
    cache = get_cache(config.execution_cache_path)
    stale = {}
    for docname in by_length(docnames, app.config.companion_longest):
        path = Path(env.doc2path(docname))
        if path.suffix == ".ipynb":
            text = execution.as_read(app, path.read_text(encoding="utf-8"))
            notebook = nbformat.reads(text, as_version=4)
            try:
                cache.match_cache_notebook(notebook)
            except KeyError:
                stale[path] = notebook
    if failures := run(stale, cache, config.execution_timeout):
        raise ExtensionError("\n\n".join(["executing notebooks failed", *failures]))


def run(
    notebooks: Mapping[Path, NotebookNode], cache: JupyterCacheAbstract, timeout: int
) -> list[str]:
    """Runs notebooks and keeps in a cache what they have shown.

    Args:
        notebooks: by their paths, in the order in which they begin.
        cache: gets those that succeed.
        timeout: seconds a cell, unless the notebook's metadata has another number.

    Returns:
        What went wrong with each of those that failed.
    """
    failures: list[str] = []
    if not notebooks:
        return failures
    beside = at_once(len(notebooks))
    logger.info(f"running {len(notebooks)} notebook(s), {beside} at a time")
    with _threads_for(beside), _pool(beside, _shares(len(notebooks), beside)) as pool:
        running = {
            pool.submit(_executed, notebook, path.parent, timeout): path
            for path, notebook in notebooks.items()
        }
        for done, future in enumerate(concurrent.futures.as_completed(running), start=1):
            path, result = running[future], future.result()
            how = "failed" if result.err else f"took {result.time:.0f} s"
            logger.info(f"[{done}/{len(notebooks)}] {path.name} {how}")
            if result.err:
                failures.append(f"{path}: {type(result.err).__name__}: {result.err}")
            else:
                data = {"execution_seconds": result.time}
                bundle = CacheBundleIn(result.nb, str(path), data=data)
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return sorted(failures)


def _executed(notebook: NotebookNode, folder: Path, timeout: int) -> ExecutionResult:
    """Executes a notebook; one whose kernel dies fails like any other, and says in which cell."""
    running = [0]

    def note(cell_index: int, **_: Any) -> None:
        running[0] = cell_index

    try:
        return single_nb_execution(
            notebook, str(folder), timeout=timeout, allow_errors=False, on_cell_execute=note
        )
    except DeadKernelError:
        text = execution.death(running[0] + 1, notebook.cells[running[0]].source)
        return ExecutionResult(notebook, str(folder), 0.0, DeadKernelError(text))
    finally:
        ensure_event_loop().close()  # of this thread, which nbclient leaves open


def _shares(count: int, beside: int) -> list[set[int]]:
    """Returns the cores of each of the processes that run `count` notebooks, none where they share.

    Threads of XLA that share cores wait for each other: two chapters on two cores took a twelfth
    more of them.
    """
    if not hasattr(os, "sched_setaffinity") or count < MANY * beside:
        return []
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[place::beside]) for place in range(beside)]


@contextmanager
def _pool(size: int, shares: Sequence[set[int]]) -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """A pool of threads that ends with its kernels when the build is interrupted.

    Args:
        size: threads.
        shares: cores of each thread and of the kernels that it starts; none where any will do.
    """
    left: queue.SimpleQueue[set[int]] = queue.SimpleQueue()
    for share in shares:
        left.put(share)

    def keep_to_a_share() -> None:
        if shares:
            os.sched_setaffinity(0, left.get())

    before = set(psutil.Process().children())
    with concurrent.futures.ThreadPoolExecutor(size, initializer=keep_to_a_share) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for kernel in set(psutil.Process().children()) - before:
                kernel.terminate()
            raise


@contextmanager
def _threads_for(beside: int) -> Iterator[None]:
    """Shares the cores among processes: threads of BLAS wait for each other in busy loops."""
    own = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(own, str(max(1, _cores() // beside))))
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
