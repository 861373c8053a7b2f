"""Plants every falsehood of the registry, one after another, and says which verdict noticed.

`make falsify ARGS="--chapter 07"` runs those of one chapter.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from falsehoods import FALSEHOODS
from planting import Falsehood, Outcome, run

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if each was noticed by a claim that has to."""
    parser = argparse.ArgumentParser(prog="make falsify ARGS=…", description=__doc__)
    parser.add_argument("--chapter", default="", help="only chapters that begin so, such as 07")
    parser.add_argument("--name", default="", help="only falsehoods whose name holds this")
    parser.add_argument("--seed", type=int, default=0, help="of the chapters (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at once (default: 2)")
    parser.add_argument("--list", action="store_true", help="list them and run none")
    options = parser.parse_args(arguments)
    chosen = [
        each
        for each in FALSEHOODS
        if each.chapter.startswith(options.chapter) and options.name in each.name
    ]
    if not chosen:
        parser.error("no falsehood is named so: --list shows them all.")
    if options.list:
        for each in chosen:
            print(f"{each.chapter:22s} {each.name} ({', '.join(each.claims)})")
        return 0
    outcomes = []
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(_run, each, options.seed) for each in chosen]
        for done in as_completed(runs):
            outcomes.append(done.result())
            print(f"{len(outcomes):2d}/{len(chosen)} {outcomes[-1]}", flush=True)
    red = sum(outcome.noticed for outcome in outcomes)
    print(f"{red} of {len(outcomes)} red")
    return 0 if red == len(outcomes) else 1


def _run(falsehood: Falsehood, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return run(falsehood, ROOT, Path(folder), seed=seed)


if __name__ == "__main__":
    sys.exit(main())
