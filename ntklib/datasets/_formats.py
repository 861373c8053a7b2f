"""Readers of the official file formats of MNIST (IDX) and CIFAR-10 (binary).

They read what a SHA-256 has verified, so they don't ask whether it has the right form. They write
nothing to disk and run no code from the file (the reason to leave CIFAR-10's pickles alone).
"""

import gzip
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

RECORD = 1 + 3 * 32 * 32
"""Bytes of a record of CIFAR-10: the label, then the red, green and blue levels row by row."""


def idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Reads a compressed IDX file of bytes (yann.lecun.com/exdb/mnist, "File formats").

    Two zero bytes, the type (8 for bytes), the number of axes, the length of each as a big-endian
    32-bit number, then the values with the last axis fastest.
    """
    with gzip.open(path) as stream:
        content = stream.read()
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def cifar(
    path: Path, members: Sequence[str]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int[np.ndarray, " n"]]:
    """Reads batches of CIFAR-10's binary version (cs.toronto.edu/~kriz/cifar.html).

    Args:
      path: the compressed tar archive, which is read once from its beginning to its end.
      members: the wanted batches, in order.

    Returns:
      Images (n, height, width, channels), and their labels.
    """
    batches = {}
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.name in members and (stream := archive.extractfile(member)):
                batches[member.name] = np.frombuffer(stream.read(), np.uint8).reshape(-1, RECORD)
    records = [batches[name] for name in members]
    planes = [each[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for each in records]
    labels = np.concatenate([each[:, 0] for each in records]).astype(np.int64)
    images = np.empty((len(labels), 32, 32, 3), np.uint8)
    return np.concatenate(planes, out=images), labels
