"""A Gram matrix in the making, in a file to which tiles are added.

It is NumPy's (.npy), with a record behind the matrix, which NumPy's readers leave alone: a
line that says of which kernel and points it is, and one with the SHA-256 of each tile that is
done. A tile is on the disk before its line is, so that what a killed process or a power cut leaves
is what the record says. Until all tiles are done the file has the ending .partial.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ntklib import _files
from ntklib.kernels._in_tiles import Corner, Tiles
from ntklib.studies._store import DamagedEntryWarning

ADVICE = "free space or get the right to write there, or give another path."

WORDS = {
    "kernel": "another kernel",
    "x1": "other points x1",
    "x2": "other points x2",
    "rows": "tiles of another size (memory_budget)",
    "columns": "tiles of another size (memory_budget)",
    "numerics": "another precision or other settings of JAX",
    "device": "another kind of device",
    "library": "another ntklib or other packages",
}
"""What differs where an entry of two matrices' descriptions does."""


class InFile:
    """A matrix in a file; see this module.

    Args:
      path: under which it is when it is finished.
      tiles: how it is cut.
      about: of which kernel and points it is, and what computes it; keys of WORDS.

    Raises:
      OSError: it can't be read or written.
      ValueError: what is there is something else.

    Warns:
      DamagedEntryWarning: a tile isn't as it was written, and counts as missing.

    Attributes:
      done: the tiles that are there already.
    """

    def __init__(self, path: Path, tiles: Tiles, about: Mapping[str, Any]) -> None:
        self.path, self.tiles = path, tiles
        self.partial = path.with_name(f"{path.name}.partial")
        self.header = _header(tiles)
        self.end = len(self.header) + tiles.n * tiles.k * tiles.dtype.itemsize
        found = path if path.exists() else self.partial
        if not found.exists():
            self._begin(about)
        recorded, hashes = self._record(found)
        _require_same(recorded, about, found)
        self.done = {
            corner for corner, told in hashes.items() if self._is_intact(found, corner, told)
        }

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Opens the file for what is missing, while no other process has it open.

        Raises:
          BlockingIOError: another process has.
        """
        with _files.saying(self.path.parent, ADVICE):
            if self.path.exists():  # with damaged tiles
                self.path.replace(self.partial)
            file = self.partial.open("r+b")
        with file:
            _lock(file, self.partial)
            _cut_off(file)
            self.file = file
            yield

    def put(self, corner: Corner, tile: np.ndarray) -> None:
        """Adds a tile, and its transpose where the matrix is symmetric."""
        with _files.saying(self.path.parent, ADVICE):
            self._write(corner, tile)
            if self.tiles.mirrored(corner):
                self._write(corner[::-1], tile.T)
            self._to_disk()
            self.file.seek(0, os.SEEK_END)
            self.file.write(_line({"tile": corner, "sha256": hashed(tile)}))
            self._to_disk()

    def finished(self) -> np.ndarray:
        """Returns the matrix when all tiles are there: mapped into memory, to be read only."""
        if not self.path.exists():
            self.partial.replace(self.path)
        return np.load(self.path, mmap_mode="r")

    def _begin(self, about: Mapping[str, Any]) -> None:
        with _files.saying(self.path.parent, ADVICE), _files.passing(self.partial) as own:
            with own.open("w+b") as self.file:
                self.file.write(self.header)
                self.file.truncate(self.end)
                self.file.flush()
                _reserve(self.file, self.end)
                self.file.seek(self.end)
                self.file.write(b"\n" + _line(about))
                self._to_disk()
            own.replace(self.partial)

    def _record(self, found: Path) -> tuple[dict[str, Any], dict[Corner, str]]:
        """Returns what a file is said to be, and the last hash of each tile."""
        with found.open("rb") as file:
            same = file.read(len(self.header)) == self.header
            file.seek(self.end)
            lines = file.read().split(b"\n")[1:-1]  # without one that was cut off
        try:
            about = json.loads(lines[0])
        except (IndexError, ValueError):
            same = False
        if not same:
            raise ValueError(
                f"{found} is no Gram matrix of shape {(self.tiles.n, self.tiles.k)} and type "
                f"{self.tiles.dtype} that studies.gram wrote, or it is cut off: give another path, "
                "or remove it."
            )
        hashes = {}
        for line in lines[1:]:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # damaged: as if not there
                entry = json.loads(line)
                i, j = entry["tile"]
                hashes[i, j] = entry["sha256"]
        return about, {
            corner: hashes[corner] for corner in self.tiles.corners() if corner in hashes
        }

    def _is_intact(self, found: Path, corner: Corner, told: str) -> bool:
        """Returns whether a tile and its transpose are as they were written."""
        # Mapped anew for each: what a process has read of a map counts as its own memory.
        matrix = np.load(found, mmap_mode="r").view(f"u{self.tiles.dtype.itemsize}")
        rows, columns = self.tiles.place(corner)
        tile = matrix[rows, columns]
        intact = hashed(tile) == told
        if self.tiles.mirrored(corner):
            intact = intact and np.array_equal(matrix[columns, rows], tile.T)
        if not intact:
            warnings.warn(
                f"the tile of row {corner[0]} and column {corner[1]} in {found} is damaged: "
                "computing it again.",
                DamagedEntryWarning,
                stacklevel=5,
            )
        return intact

    def _write(self, corner: Corner, part: np.ndarray) -> None:
        for row, entries in enumerate(np.ascontiguousarray(part), start=corner[0]):
            place = row * self.tiles.k + corner[1]
            self.file.seek(len(self.header) + place * part.itemsize)
            self.file.write(entries)

    def _to_disk(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())


def _header(tiles: Tiles) -> bytes:
    header = io.BytesIO()
    about = {"descr": tiles.dtype.str, "fortran_order": False, "shape": (tiles.n, tiles.k)}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue()


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def hashed(entries: np.ndarray) -> str:
    """Returns the SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(entries).view(np.uint8).data).hexdigest()


def _require_same(found: Mapping[str, Any], about: Mapping[str, Any], path: Path) -> None:
    """Raises a ValueError that says in what a matrix is another one."""
    words = [word for key, word in WORDS.items() if found.get(key) != about[key]]
    if words:
        raise ValueError(
            f"{path} has the Gram matrix of {', and of '.join(dict.fromkeys(words))}: give another "
            f"path, or remove it; numpy.load reads it as it is."
        )


def _reserve(file: BinaryIO, size: int) -> None:
    """Takes a file's space on the disk, which could else be full after days."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise


def _lock(file: BinaryIO, path: Path) -> None:
    """Keeps other processes from a file until it is closed, however that happens."""
    with contextlib.suppress(ImportError):  # Unix alone has it
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"another process is at work on {path}: wait for it, or have one process with a "
                "scheduler."
            ) from None


def _cut_off(file: BinaryIO) -> None:
    """Removes what a killed process has written of a line."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1000))
    last = file.read().rpartition(b"\n")[2]
    file.truncate(size - len(last))
