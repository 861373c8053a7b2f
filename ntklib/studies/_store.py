"""Saved cells of studies: one file each, which says itself what it holds.

An entry is a NumPy archive of plain arrays, read without pickle, with its configuration and the
hashes of the arrays beside them, so that other numbers are noticed too. It appears under its name
only when it is whole, so that several processes can share a folder without locks: the worst that
happens is that two of them compute the same cell.
"""

import hashlib
import io
import json
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pooch

from ntklib import _files, _fingerprint

CONTENTS = "contents.json"
"""The member of an archive with its configuration and the arrays' hashes, as UTF-8 text."""

_PREFIX = "variables/"
_ADVICE = (
    "free space or get the right to write there, or name another folder with cache=, or in the "
    "environment variable NTKLIB_CACHE."
)

Arrays = dict[str, np.ndarray]


class DamagedEntryWarning(UserWarning):
    """A saved cell can't be read, and is computed again."""


def default_folder() -> Path:
    """Returns `NTKLIB_CACHE` from the environment, or `studies` in the user's cache folder."""
    chosen = os.environ.get("NTKLIB_CACHE")
    return Path(chosen) if chosen else Path(pooch.os_cache("ntklib")) / "studies"


def plain(name: str, value: Any) -> Any:
    """Returns a value as JSON can hold it, non-finite numbers as text.

    Raises:
      TypeError: it is nothing that a configuration can hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(f"{name}[{key!r}]", item) for key, item in value.items()}
    raise TypeError(
        f"{name} must be a number, a string, True, False, None, or a list or dict of these, "
        f"got {type(value).__name__}: saved cells are told apart by it."
    )


@dataclass(frozen=True)
class Cache:
    """A folder of saved cells.

    Attributes:
      folder: where they are; made when the first is saved.
    """

    folder: Path

    def path(self, configuration: Mapping[str, Any]) -> Path:
        """Returns where the cell with this configuration is saved, if it is."""
        return self.folder / f"{_fingerprint.digest(configuration)}.npz"

    def load(self, configuration: Mapping[str, Any]) -> Arrays | None:
        """Returns a saved cell, or None if there is none that is whole.

        Raises:
          OSError: the folder can't be looked into.

        Warns:
          DamagedEntryWarning: there is one, but it can't be read; the message says which file.
        """
        path = self.path(configuration)
        try:
            return _read(path, configuration)
        except FileNotFoundError:
            return None
        except (PermissionError, NotADirectoryError, IsADirectoryError) as problem:
            raise type(problem)(
                f"the saved cell {path} can't be read ({problem.strerror}): move what is in its "
                "place away, or name another folder with cache=, or in NTKLIB_CACHE."
            ) from problem
        # A garbled archive makes its readers raise nearly anything.
        except Exception as problem:
            self.report(configuration, problem)
            return None

    def report(self, configuration: Mapping[str, Any], problem: Exception) -> None:
        """Warns that a saved cell is of no use."""
        warnings.warn(
            f"the saved cell {self.path(configuration)} is damaged "
            f"({problem or type(problem).__name__}): computing it again.",
            DamagedEntryWarning,
            stacklevel=4,
        )

    def require_writable(self) -> None:
        """Makes the folder, and raises an OSError if no cell could be saved in it."""
        with _files.saying(self.folder, _ADVICE):
            self.folder.mkdir(parents=True, exist_ok=True)
        _files.require_writable(self.path({}), _ADVICE)

    def save(self, configuration: Mapping[str, Any], arrays: Arrays) -> None:
        """Saves a cell: whole, or not at all.

        Raises:
          OSError: it can't be; the message names the folder and says what to do.
        """
        contents = json.dumps(_contents(configuration, arrays))
        members = {f"{_PREFIX}{name}": array for name, array in arrays.items()}
        members[CONTENTS] = np.frombuffer(contents.encode(), np.uint8)
        whole = io.BytesIO()
        np.savez(whole, allow_pickle=False, **members)
        with _files.saying(self.folder, _ADVICE):
            self.folder.mkdir(parents=True, exist_ok=True)
        _files.write(self.path(configuration), whole.getvalue(), _ADVICE)


def _read(path: Path, configuration: Mapping[str, Any]) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        # Each is read to its end, where its checksum is compared.
        members = {name: archive[name] for name in archive.files}
    contents = json.loads(members.pop(CONTENTS).tobytes())
    found = {name.removeprefix(_PREFIX): array for name, array in members.items()}
    # The names too: a wrong byte in an archive's directory can hide a member.
    if contents != json.loads(json.dumps(_contents(configuration, found))):
        raise ValueError("it holds another cell, or not all of it")
    return found


def _contents(configuration: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    hashes = {
        name: hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode() + array.tobytes())
        for name, array in arrays.items()
    }
    return {
        "configuration": configuration,
        "arrays": {name: found.hexdigest() for name, found in hashes.items()},
    }
