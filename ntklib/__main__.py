"""`python -m ntklib study`: runs a study by name and writes its dataset."""

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

from ntklib import _memory, _netcdf, studies, study
from ntklib.claims import SCALES
from ntklib.study import Axis, Study

ENGINES = {".nc": ("netCDF", "h5py"), ".zarr": ("Zarr", "zarr")}
"""By ending of a file: the format, and the package that writes it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    main_parser = argparse.ArgumentParser(prog="python -m ntklib", description=__doc__)
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="study")
    listed = "\n".join(f"  {name:<14}{s.description}" for name, s in studies.STUDIES.items())
    command = commands.add_parser(
        "study",
        help="run a study over a grid and write its dataset",
        description="Runs a study over a grid of sizes and seeds. Cells are saved as they are "
        "done: after an interruption the same command goes on from there.",
        epilog=f"studies:\n{listed}\n\n`python -m ntklib study NAME --help` lists a study's axes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = command.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, chosen in studies.STUDIES.items():
        _add_options(names.add_parser(name, description=chosen.description), chosen)
    return main_parser


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
        study.save(dataset, path)
        return
    own = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex}{path.suffix}")
    try:
        dataset.to_zarr(own)
        own.replace(path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"warning: {message}\n")


def main(given: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    options = parser().parse_args(given)
    chosen = studies.STUDIES[options.name]
    settings = {name: getattr(options, name) for name in chosen.settings.get(options.scale, {})}
    jax.config.update("jax_enable_x64", True)
    with warnings.catch_warnings():
        warnings.simplefilter("always", study.DamagedEntryWarning)
        warnings.showwarning = _warn
        try:
            dataset = study.run(
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


if __name__ == "__main__":
    sys.exit(main())
