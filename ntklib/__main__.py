"""`python -m ntklib study`: runs a study by name and writes its dataset."""

import argparse
import sys
from collections.abc import Sequence

from ntklib import studies
from ntklib.studies._described import DESCRIPTIONS


def parser() -> argparse.ArgumentParser:
    """Returns the parser of what comes before a study's own options."""
    main_parser = argparse.ArgumentParser(prog="python -m ntklib", description=__doc__)
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="study")
    listed = "\n".join(f"  {name:<14}{text}" for name, text in DESCRIPTIONS.items())
    command = commands.add_parser(
        "study",
        help="run a study over a grid and write its dataset",
        description="Runs a study over a grid of sizes and seeds. Cells are saved as they are "
        "done: after an interruption the same command goes on from there.",
        epilog=f"studies:\n{listed}\n\n`python -m ntklib study NAME --help` lists a study's axes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = command.add_subparsers(dest="name", required=True, metavar="NAME")
    for name in DESCRIPTIONS:
        names.add_parser(name, add_help=False)
    return main_parser


def main(given: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    named, options = parser().parse_known_args(given)
    from ntklib.studies import _command  # brings JAX, which neither help nor a wrong name needs

    return _command.main(studies.STUDIES[named.name], options)


if __name__ == "__main__":
    sys.exit(main())
