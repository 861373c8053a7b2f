"""Gram matrices of many points: in tiles, on several machines, and resumed when cut off."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, _fingerprint, _progress
from ntklib.kernels import _gram, _in_tiles
from ntklib.kernels._in_tiles import Corner, Tiles
from ntklib.networks import _door
from ntklib.networks._network import Kernel
from ntklib.studies import _cluster, _gram_file, _reads
from ntklib.studies._cells import Numerics, Task

AHEAD = 2
"""Tiles that a worker's thread is sent, with their points, before it returns one."""


def gram(
    kernel: Kernel,
    x1: Float[Array, "n d"] | Float[np.ndarray, "n d"],
    x2: Float[Array, "k d"] | Float[np.ndarray, "k d"] | None = None,
    *,
    path: str | Path | None = None,
    memory_budget: int = _gram.DEFAULT_BUDGET,
    scheduler: str | None = None,
    progress: bool = True,
) -> Float[np.ndarray, "n k"]:
    r"""The Gram matrix of a kernel at many points, tile by tile, in memory or in a file.

    For what `kernels.analytic` takes too long or has no room for: 10,000 points have 800 MB of
    entries in double precision. Of one set of points half the tiles are computed, the others are
    their mirror images. With a path, a call that was cut off goes on where it stopped when it is
    made again, and one for a file that is finished reads it; every tile's SHA-256 is compared.

    The leading eigenpairs of 10,000 images, of whose matrix only pages of the file are in memory:
    `spectrum.nystrom(studies.gram(network.kernel, x, path="gram.npy"), measures.empirical(x),
    k=20)`. Where there is no disk for it either: `spectrum.matrix_free(kernels.products(
    network.kernel, x, memory_budget=2**27), measures.empirical(x), k=20)` computes all entries
    anew for each product.

    Args:
      kernel: K, such as `network.kernel`; a function of JAX, which is compiled.
      x1: points, shape (n, d), in memory.
      x2: points, shape (k, d); x1 by default.
      path: of a .npy file, which `numpy.load(path, mmap_mode="r")` can read, too. While tiles are
        missing it ends in .partial. One process at a time writes it.
      memory_budget: bytes for all that is held besides the points and the result; on a cluster
        those of a worker's thread, and this process holds the points of a few tiles more.
      scheduler: address of a Dask scheduler, as for `run`; its workers compute the tiles, and
        send them here. A kernel of your own that they can import must be the same there.
      progress: whether a bar appears when it takes long.

    Returns:
      The Gram matrix, shape (n, k); with a path it stays in the file, mapped into memory, to be
      read only. Entries are those of kernel(x1, x2) up to rounding.

    Raises:
      BlockingIOError: another process is at work on the file.
      ConnectionError: the scheduler can't be reached or is lost, or has no workers.
      OSError: the file can't be written; what is done is saved.
      RuntimeError: the workers have other code, packages or devices.
      TypeError: the kernel can't be compiled.
      ValueError: the file has the Gram matrix of another kernel or of other points, or was
        computed by another ntklib or on another kind of device; or the budget is too small.

    Warns:
      DamagedEntryWarning: a tile in the file isn't as it was written, and is computed again.

    Example:
      >>> import tempfile
      >>> from pathlib import Path
      >>> import jax
      >>> from ntklib import measures, networks, spectrum, studies
      >>> network = networks.fully_connected(3, (1, 1), "relu")
      >>> x = jax.random.normal(jax.random.key(0), (50, 3))
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     gram = studies.gram(network.kernel, x, path=Path(folder) / "gram.npy")
      ...     system = spectrum.nystrom(gram, measures.empirical(x), k=3)
      >>> gram.shape, system.values.shape
      ((50, 50), (3,))
    """
    first, second = _gram.points_of(x1, x2)
    budget = _checks.whole_number("memory_budget", memory_budget, least=1)
    shown = _arguments.flag("progress", progress)
    _door.kernel_function(kernel)
    _door.look_at_kernel(kernel, first)
    tiles = _in_tiles.plan(kernel, first, None if x2 is None else second, budget)
    sets = [np.asarray(each) for each in (first, second)]
    with _cluster.pool(scheduler, ahead=AHEAD) as pool:
        if path is None:
            matrix: InMemory | _gram_file.InFile = InMemory(tiles)
        else:
            about = _about(kernel, sets, tiles, pool.device)
            matrix = _gram_file.InFile(Path(path), tiles, about)
        corners = tiles.corners()
        missing = [corner for corner in corners if corner not in matrix.done]
        sizes = {corner: tiles.size(corner) for corner in corners}
        handed = kernel if scheduler is None else _pickled(kernel)
        bar = _progress.display(
            "Gram matrix", sum(sizes.values()), shown=shown,
            initial=sum(sizes[corner] for corner in matrix.done),
        )  # fmt: skip
        tasks = _tasks(handed, sets, tiles, missing, pool.device)
        with matrix.open() if missing else nullcontext(), bar, closing(pool.results(tasks)) as done:
            for index, arrays in done:
                matrix.put(missing[index], arrays["gram"])
                bar.update(sizes[missing[index]])
    return matrix.finished()


class InMemory:
    """A matrix in the making, in memory; as `_gram_file.InFile`."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles, self.done = tiles, set[Corner]()
        self.whole = np.empty((tiles.n, tiles.k), tiles.dtype)

    def open(self) -> AbstractContextManager[None]:
        """Prepares for nothing."""
        return nullcontext()

    def put(self, corner: Corner, entries: np.ndarray) -> None:
        """Adds a tile, and its transpose where the matrix is symmetric."""
        rows, columns = self.tiles.place(corner)
        self.whole[rows, columns] = entries
        if self.tiles.mirrored(corner):
            self.whole[columns, rows] = entries.T

    def finished(self) -> np.ndarray:
        """Returns the matrix."""
        return self.whole


def _tasks(
    kernel: Any, sets: Sequence[np.ndarray], tiles: Tiles, corners: Sequence[Corner], device: str
) -> Iterator[Task]:
    """Yields what is to be computed, each with its points when it is its turn."""
    for corner in corners:
        rows, columns = tiles.place(corner)
        alone = tiles.symmetric and corner[0] == corner[1]
        yield Task(
            cell=tile, point={"row": corner[0], "column": corner[1]}, seeds=(), outer=("gram",),
            settings={
                "kernel": kernel, "x": sets[0][rows], "y": None if alone else sets[1][columns],
                "rows": tiles.rows, "columns": tiles.columns,
            },
            numerics=Numerics.current(), function=_reads.fingerprint(tile)[0],
            library=_fingerprint.library(), device=device,
        )  # fmt: skip


def tile(
    point: Any, seeds: Any, *, kernel: Any, x: np.ndarray, y: np.ndarray | None,
    rows: int, columns: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Computes a tile, here or in a worker."""
    if isinstance(kernel, bytes):
        kernel = _unpickled(kernel)
    return {"gram": _in_tiles.entries(kernel, x, y, rows, columns)}


def _pickled(kernel: Kernel) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]

    return bytes(cloudpickle.dumps(kernel))


@functools.lru_cache(maxsize=8)
def _unpickled(kernel: bytes) -> Kernel:
    """Returns one object for one kernel, or each of its tiles would be compiled anew."""
    import pickle

    found: Kernel = pickle.loads(kernel)  # noqa: S301  (sent by the process that asks)
    return found


def _about(kernel: Kernel, sets: Sequence[np.ndarray], tiles: Tiles, device: str) -> dict[str, Any]:
    """Returns what decides the entries of a matrix, and how it is cut."""
    return {
        "kernel": _reads.of_value("kernel", kernel),
        "x1": _gram_file.hashed(sets[0]),
        "x2": None if tiles.symmetric else _gram_file.hashed(sets[1]),
        "rows": tiles.rows,
        "columns": tiles.columns,
        "numerics": dataclasses.asdict(Numerics.current()),
        "device": device,
        "library": _fingerprint.library(),
    }
