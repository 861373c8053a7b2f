"""`python -m ntklib study NAME`: runs a study and writes its dataset."""

import argparse
import importlib.util
import json
import shutil
import sys
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from ntklib._scale import SCALES
from ntklib.studies import _engine, _memory, _netcdf, _store
from ntklib.studies._study import Axis, Study

ENGINES = {".nc": ("netCDF", "h5py"), ".zarr": ("Zarr", "zarr")}
"""By ending of a file: the format, and the package that writes it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def parser(chosen: Study) -> argparse.ArgumentParser:
    """Returns the parser of a study's own command line."""
    options = argparse.ArgumentParser(
        prog=f"python -m ntklib study {chosen.name}", description=chosen.description
    )
    _add_options(options, chosen)
    return options


def _add_options(options: argparse.ArgumentParser, chosen: Study) -> None:
    options.add_argument(
        "--out", type=_output, required=True, metavar="FILE", help="dataset: FILE.nc or FILE.zarr"
    )
    options.add_argument("--scale", choices=SCALES, default="book", help="sizes (%(default)s)")
    options.add_argument("--seeds", type=_positive, metavar="N", help="how many, from 0")
    options.add_argument("--batch", type=_positive, metavar="N", help=f"in a call ({chosen.batch})")
    options.add_argument("--cache", type=Path, metavar="DIR", help="folder of the saved cells")
    options.add_argument("--scheduler", metavar="ADDRESS", help="of Dask: tcp://host:8786")
    options.add_argument("--memory", type=_size, metavar="SIZE", help="for a cell, such as 6GiB")
    own = options.add_argument_group("axes of the grid")
    for name, axis in chosen.axes.items():
        own.add_argument(
            f"--{name}", nargs="+", type=_kind(axis), metavar="VALUE",
            help=f"{axis.long_name}; at scale book: {_listed(axis.values['book'])}",
        )  # fmt: skip
    settings = options.add_argument_group("settings")
    for name, value in chosen.settings.get("book", {}).items():
        settings.add_argument(
            f"--{name}", type=type(value), metavar="VALUE", help=f"at scale book: {value}"
        )


def _listed(values: Sequence[Any]) -> str:
    return " ".join(f'"{value}"' if isinstance(value, str) else f"{value:g}" for value in values)


def _kind(axis: Axis) -> type:
    return type(axis.values["book"][0])


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on.")
    return int(text)


def _size(text: str) -> float:
    try:
        return _memory.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _output(text: str) -> Path:
    """Returns the path of the dataset, if it could be written there."""
    path = Path(text)
    if path.suffix not in ENGINES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {' or '.join(ENGINES)}.")
    name, package = ENGINES[path.suffix]
    if importlib.util.find_spec(package) is None:
        raise argparse.ArgumentTypeError(f"{name} needs a package: pip install {package}.")
    try:
        if path.suffix == ".zarr" and path.exists():
            raise argparse.ArgumentTypeError(f"{text} is there already: give another name.")
        _netcdf.require_writable(path)
    except OSError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return path


def write(dataset: xr.Dataset, path: Path) -> None:
    """Writes a dataset under its name when it is whole."""
    if path.suffix == ".nc":
        _netcdf.save(dataset, path)
        return
    own = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex}{path.suffix}")
    try:
        dataset.to_zarr(own)
        own.replace(path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"warning: {message}\n")


def main(chosen: Study, given: Sequence[str]) -> int:
    """Runs a study as its options say; returns the exit status."""
    options = parser(chosen).parse_args(given)
    settings = {name: getattr(options, name) for name in chosen.settings.get(options.scale, {})}
    jax.config.update("jax_enable_x64", True)
    with warnings.catch_warnings():
        warnings.simplefilter("always", _store.DamagedEntryWarning)
        warnings.showwarning = _warn
        try:
            dataset = _engine.run(
                chosen,
                {name: values for name in chosen.axes if (values := getattr(options, name))},
                seeds=options.seeds,
                scale=options.scale,
                settings={name: value for name, value in settings.items() if value is not None},
                batch=options.batch,
                cache=options.cache,
                scheduler=options.scheduler,
                memory=options.memory,
            )
            write(dataset, options.out)
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted. What was done is saved: the same command goes on.\n")
            return INTERRUPTED
        except (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as problem:
            notes = getattr(problem, "__notes__", [])
            sys.stderr.write("\n".join([f"error: {problem}", *notes]) + "\n")
            return 1
    about = json.loads(dataset.attrs["run"])
    sys.stdout.write(
        f"{options.out}: {about['cells_computed']} cells computed, {about['cells_reused']} reused, "
        f"{about['seconds']:.1f} s\n"
    )
    return 0
