"""`_setup/run COMMAND`: what the Makefile has done before anything else."""

import argparse
import os
import signal
import sys

from . import packages, tools, torch
from .installers import Installers


def main(given: list[str]) -> None:
    """Runs one command of the command line."""
    parser = argparse.ArgumentParser(prog="_setup/run", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = commands.add_parser("sync", help="bring .venv to what uv.lock has")
    sync.add_argument("groups", nargs="*", metavar="GROUP", help="in addition to the default ones")
    commands.add_parser("torch", help="install PyTorch, for the benchmarks")
    commands.add_parser("uv", help="run uv as the project does").add_argument(
        "arguments", nargs=argparse.REMAINDER
    )
    chosen = parser.parse_args(given)
    if chosen.command == "sync":
        packages.sync(chosen.groups)
    elif chosen.command == "torch":
        torch.install()
    else:
        with tools.alone():
            installers = Installers()
        installers.uv("uv", *chosen.arguments, UV_PYTHON=sys.executable)


try:
    main(sys.argv[1:])
except KeyboardInterrupt:
    # What an interrupted program is expected to end by, so that make and shells stop too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
