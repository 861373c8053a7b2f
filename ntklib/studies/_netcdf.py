"""Datasets of studies in netCDF files that tell when a byte of them is wrong.

HDF5 writes to memory: on a full disk it would end the process, or leave half a file. Its own
checksums (fletcher32) are on every array, for all readers; they know nothing of what has no axis,
of attributes and of HDF5's own tables. So a line with the SHA-256 of the whole file follows it,
which HDF5 ignores and `load` compares.
"""

import hashlib
import io
from pathlib import Path

import xarray as xr

from ntklib import _files
from ntklib.studies import _dataset

_MARK = b"\nntklib SHA-256 "
_ADVICE = "free space, or give another file."


def save(dataset: xr.Dataset, path: str | Path) -> None:
    """Writes a study's dataset to a netCDF file, which is there whole or not at all.

    Any reader of netCDF-4 can read it; `load` notices every wrong byte.

    Args:
      dataset: such as `run` and `along` return, and what is made of them.
      path: of the file, which is replaced if it is there.

    Raises:
      OSError: it can't be written; the message names the folder and says why.

    Example:
      >>> import tempfile
      >>> from pathlib import Path
      >>> import xarray as xr
      >>> from ntklib import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     studies.save(xr.Dataset({"error": ("n", [0.5, 0.1])}), Path(folder) / "found.nc")
      ...     studies.load(Path(folder) / "found.nc").error.values.tolist()
      [0.5, 0.1]
    """
    encoding = {
        name: {"fletcher32": True} | ({"dtype": "S1"} if variable.dtype.kind in "UO" else {})
        for name, variable in dataset.variables.items()
        if variable.size and variable.ndim
    }
    content = bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))
    told = hashlib.sha256(content).hexdigest().encode()
    _files.write(Path(path), content + _MARK + told + b"\n", _ADVICE)


def require_writable(path: Path) -> None:
    """Raises an OSError if a dataset could not be saved here."""
    _files.require_writable(path, _ADVICE)


def load(path: str | Path) -> xr.Dataset:
    """Reads a dataset that `save` or `python -m ntklib study` wrote, if no byte of it is wrong.

    Args:
      path: of the netCDF file.

    Returns:
      The dataset, where sizes such as ∞ can be selected as in the one that was saved.

    Raises:
      OSError: there is no such file, or it can't be read.
      ValueError: it is not as it was written; the message says what to do.

    Example:
      >>> import tempfile
      >>> from pathlib import Path
      >>> import xarray as xr
      >>> from ntklib import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = Path(folder) / "found.nc"
      ...     studies.save(xr.Dataset({"error": ("n", [0.5, 0.1])}), file)
      ...     _ = file.write_bytes(file.read_bytes().replace(b"error", b"erroR"))
      ...     try:
      ...         studies.load(file)
      ...     except ValueError as problem:
      ...         print(str(problem).removeprefix(folder))
      /found.nc is not as it was written: copy it anew, or run its study again.
    """
    whole = Path(path).read_bytes()
    content, mark, told = whole.rpartition(_MARK)
    if not mark:
        raise ValueError(
            f"{path} has no checksum at its end, so it is cut off, or studies.save didn't write "
            "it: copy it anew, or read what it has with xarray.load_dataset."
        )
    if told != hashlib.sha256(content).hexdigest().encode() + b"\n":
        raise ValueError(f"{path} is not as it was written: copy it anew, or run its study again.")
    found = xr.load_dataset(io.BytesIO(content), engine="h5netcdf")
    text = {name: each.astype(str) for name, each in found.items() if each.dtype.kind == "O"}
    return _dataset.selectable(found.assign(text))
