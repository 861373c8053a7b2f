"""The command behind `make bench`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report, scaling
from benchmarks.jobs import JOBS
from benchmarks.machine import describe
from benchmarks.measure import measure
from benchmarks.processes import ROOT, TorchEnvironment
from benchmarks.rows import Row
from benchmarks.scaling import CURVES


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def arguments(given: list[str]) -> argparse.Namespace:
    """Returns the options; ends the program with a message if they make no sense."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...",
        description="Measures ntklib against what people would use instead: prints a table and "
        "writes it as results.md and results.json. Fails if a job fails, not if it is slow.",
    )
    parser.add_argument(
        "--jobs",
        type=_names,
        metavar="NAME,NAME",
        help=f"measure these only: {', '.join(JOBS)}; none with --curves",
    )
    parser.add_argument(
        "--curves",
        type=_names,
        metavar="NAME,NAME",
        help=f"measure how these grow: {', '.join(CURVES)}; by default all, and none with --jobs",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: does everything run?")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of the results; by default benchmarks for a whole measurement, else "
        "_build/benchmarks",
    )
    parser.add_argument(
        "--torch",
        type=Path,
        default=ROOT / ".tools" / "torch",
        help="environment of PyTorch (%(default)s)",
    )
    options = parser.parse_args(given)
    whole = options.jobs is options.curves is None
    for given_names, known in ((options.jobs, JOBS), (options.curves, CURVES)):
        unknown = [name for name in given_names or () if name not in known]
        if unknown:
            parser.error(f"nothing is named {', '.join(unknown)}: choose from {', '.join(known)}.")
    options.jobs = list(JOBS) if whole else options.jobs or []
    options.curves = list(CURVES) if whole else options.curves or []
    if options.output is None:
        kept = whole and not options.quick
        options.output = ROOT / "benchmarks" if kept else ROOT / "_build" / "benchmarks"
    return options


def main(given: list[str]) -> int:
    """Runs the jobs; returns the exit status."""
    options = arguments(given)
    torch = TorchEnvironment(options.torch)
    machine = describe(torch) | {"measured": time.strftime("%Y-%m-%d")}
    rows: list[Row] = []
    curves: list[Row] = []
    start, count = time.monotonic(), len(options.jobs) + len(options.curves)
    for number, name in enumerate([*options.jobs, *options.curves], start=1):

        def say(text: str, at: str = f"[{number}/{count}]") -> None:
            print(f"{at} {time.monotonic() - start:5.0f} s  {text}", file=sys.stderr, flush=True)

        with tempfile.TemporaryDirectory(prefix="ntklib-bench-") as folder:
            if number <= len(options.jobs):
                rows += measure(JOBS[name], Path(folder), torch, quick=options.quick, say=say)
            else:
                say(f"{name}: sizes one after another")
                curves.append(scaling.measure(name, Path(folder), quick=options.quick))
        # After every one, so that an interruption loses none.
        report.write(rows, curves, machine, options.output)
    print(report.page(rows, curves, machine))
    print(f"Written to {options.output / 'results.md'}, results.json and scaling.json.")
    errors = [row["job"] for row in rows if row["status"] == "error"]
    if errors:
        print(f"Failed: {', '.join(errors)} (see the last column).", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
