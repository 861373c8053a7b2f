"""The command behind `make bench`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.jobs import JOBS
from benchmarks.machine import describe
from benchmarks.measure import measure
from benchmarks.processes import ROOT, TorchEnvironment
from benchmarks.rows import Row


def arguments(given: list[str]) -> argparse.Namespace:
    """Returns the options; ends the program with a message if they make no sense."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...",
        description="Measures ntklib against what people would use instead: prints a table and "
        "writes it as results.md and results.json. Fails if a job fails, not if it is slow.",
    )
    parser.add_argument(
        "--jobs",
        type=lambda text: text.split(","),
        default=list(JOBS),
        metavar="NAME,NAME",
        help=f"measure these only: {', '.join(JOBS)}",
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
    unknown = [name for name in options.jobs if name not in JOBS]
    if unknown:
        parser.error(f"no job is named {', '.join(unknown)}: choose from {', '.join(JOBS)}.")
    if options.output is None:
        whole = set(options.jobs) == set(JOBS) and not options.quick
        options.output = ROOT / "benchmarks" if whole else ROOT / "_build" / "benchmarks"
    return options


def main(given: list[str]) -> int:
    """Runs the jobs; returns the exit status."""
    options = arguments(given)
    torch = TorchEnvironment(options.torch)
    machine = describe(torch) | {"measured": time.strftime("%Y-%m-%d")}
    rows: list[Row] = []
    start = time.monotonic()
    for number, name in enumerate(options.jobs, start=1):

        def say(text: str, at: str = f"[{number}/{len(options.jobs)}]") -> None:
            print(f"{at} {time.monotonic() - start:5.0f} s  {text}", file=sys.stderr, flush=True)

        with tempfile.TemporaryDirectory(prefix="ntklib-bench-") as folder:
            rows += measure(JOBS[name], Path(folder), torch, quick=options.quick, say=say)
        # After every job, so that an interruption loses no row.
        report.write(rows, machine, options.output)
    print(report.page(rows, machine))
    print(f"Written to {options.output / 'results.md'} and results.json.")
    errors = [row["job"] for row in rows if row["status"] == "error"]
    if errors:
        print(f"Failed: {', '.join(errors)} (see the last column).", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
