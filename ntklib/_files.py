"""Files that are there whole or not at all, and what to do where none can be."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

_LEAVES = 40
"""Bytes of a file's name that a passing one keeps of it, so that it is short enough itself."""


def write(path: Path, content: bytes, advice: str) -> None:
    """Writes a file: whole under its name, or nothing.

    Args:
      path: replaced if it is there; its folder must be.
      content: all of it.
      advice: what to do where it can't be written, the end of the message.

    Raises:
      OSError: it can't be, for the reason that the message gives.
    """
    with saying(path.parent, advice), passing(path) as own:
        with own.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave a name without content
        own.replace(path)


def require_writable(path: Path, advice: str) -> None:
    """Raises an OSError if a file can't be made here; it leaves none."""
    with saying(path.parent, advice), passing(path) as own:
        own.write_bytes(bytes(1))
        with contextlib.suppress(FileNotFoundError):
            path.stat()  # or the name is too long
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: {advice}")


@contextlib.contextmanager
def saying(folder: Path, advice: str) -> Iterator[None]:
    """Names the folder and what to do in the errors of the operating system."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise type(problem)(
            f"the folder {folder} can't be written to ({reason}): {advice}"
        ) from problem


@contextlib.contextmanager
def passing(path: Path) -> Iterator[Path]:
    """Yields a name beside a file's for one that is gone afterwards, if it doesn't replace it."""
    own = path.with_name(f".{path.stem[:_LEAVES]}-{uuid.uuid4().hex}.partial")
    try:
        yield own
    finally:
        with contextlib.suppress(OSError):
            own.unlink()
