"""`python -m ntklib study|spectrum|kernel`: studies, spectra and Gram matrices from a shell."""

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ntklib import _files, studies
from ntklib.studies._described import DESCRIPTIONS

COLUMNS = ("degree", "multiplicity", "eigenvalue", "time 1/σ", "trace's share")
"""Of a spectrum's table."""
INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""
ELSEWHERE = "give --out another folder."
"""What to do where a file can't be written."""
ROUNDING = 1e-15
"""Of eigenvalues relative to the trace: smaller ones are 0."""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands, and of what comes before a study's own options."""
    main_parser = argparse.ArgumentParser(prog="python -m ntklib", description=__doc__)
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
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
    _add_spectrum(commands)
    _add_kernel(commands)
    return main_parser


def _add_spectrum(commands: Any) -> None:
    command = commands.add_parser(
        "spectrum",
        help="print the eigenvalues of a network's analytic kernel on a sphere",
        description="Prints eigenvalues of T_K, K the analytic tangent kernel, on the uniform unit "
        "sphere, by degree: their multiplicity, the time 1/σ in which gradient flow learns the "
        "degree, and the share of the trace up to it.",
    )
    command.add_argument(
        "--dimension",
        type=int,
        default=2,
        metavar="D",
        help="of the space; 2: circle (%(default)s)",
    )
    command.add_argument(
        "--degrees", type=int, default=10, metavar="K", help="highest degree (%(default)s)"
    )
    command.add_argument(
        "--out", type=_array_file, metavar="FILE", help="of the table, .csv or .npy"
    )
    _add_network(command)


def _add_kernel(commands: Any) -> None:
    command = commands.add_parser(
        "kernel",
        help="write the Gram matrix of a network's analytic kernel",
        description="Writes the analytic tangent kernel of points, a row of coordinates each. A "
        ".npy file is filled tile by tile: after an interruption the same command goes on from "
        "there. Besides the points and the result 1 GiB is held at most; the function "
        "ntklib.studies.gram takes other budgets.",
    )
    command.add_argument("points", type=_array_file, help="x, a .npy or .csv file")
    command.add_argument("others", type=_array_file, nargs="?", help="x'; x by default")
    command.add_argument(
        "--out", type=_array_file, required=True, metavar="FILE", help=".npy or .csv"
    )
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler, whose workers compute it"
    )
    _add_network(command)


def _add_network(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("network", "In the limit of infinite width.")
    group.add_argument(
        "--architecture", choices=("fully-connected", "residual"), default="fully-connected",
        help="(%(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--depth", type=int, default=1, metavar="L", help="hidden layers (%(default)s)"
    )
    group.add_argument("--activation", default="erf", metavar="NAME", help="(%(default)s)")
    group.add_argument("--biases", action="store_true", help="of every layer")
    group.add_argument(
        "--weight-std", type=float, default=1.0, metavar="STD", help="σ_w (%(default)g)"
    )
    group.add_argument("--bias-std", type=float, metavar="STD", help="σ_b; 1 with --biases")


def _network(options: argparse.Namespace, d: int) -> Any:
    from ntklib import _checks, networks

    depth = _checks.whole_number("--depth", options.depth, least=1)
    _checks.positive("--weight-std", options.weight_std)
    if options.bias_std is not None:
        _checks.positive("--bias-std", options.bias_std)
    shared = {
        "activation": options.activation,
        "biases": options.biases,
        "weight_std": options.weight_std,
        "bias_std": options.bias_std,
    }
    if options.architecture == "residual":
        return networks.residual(d, 1, depth, **shared)
    return networks.fully_connected(d, (1,) * depth, **shared)


def _spectrum(options: argparse.Namespace) -> str:
    """Returns the table of a spectrum."""
    import jax.numpy as jnp
    import numpy as np

    from ntklib import _checks, spectrum

    d = _checks.whole_number("--dimension", options.dimension, least=2)
    most = _checks.whole_number("--degrees", options.degrees, least=0)
    network, pole = _network(options, d), jnp.eye(1, d)
    degrees = np.arange(most + 1)
    counts = np.asarray([spectrum.multiplicity(d, k) for k in range(most + 1)])
    trace = float(network.kernel(pole, pole)[0, 0])
    values = np.asarray(spectrum.funk_hecke(network.kernel, d, most))
    values = np.where(values > ROUNDING * trace, values, 0)
    times = np.divide(1, values, out=np.full(values.shape, np.inf), where=values > 0)
    shares = np.cumsum(counts * values) / trace
    rows = np.stack([degrees, counts, values, times, shares], axis=1)
    if options.out:
        _write(options.out, rows, header=",".join(COLUMNS))
    table = [
        f"{k:8.0f}{n:14.0f}{sigma:14.6g}{t:14.6g}{share:14.6f}" for k, n, sigma, t, share in rows
    ]
    heading = "".join(f"{name:>{14 if place else 8}}" for place, name in enumerate(COLUMNS))
    about = f"{options.architecture.replace('-', ' ')}, depth {options.depth}, {options.activation}"
    return "\n".join([f"{about}, on the unit sphere of dimension {d - 1}", heading, *table])


def _kernel(options: argparse.Namespace) -> str:
    """Writes a Gram matrix and returns what was written."""
    x = _points(options.points)
    others = None if options.others is None else _points(options.others)
    kernel = _network(options, x.shape[1]).kernel
    whole = options.out if options.out.suffix == ".npy" else None
    gram = studies.gram(kernel, x, others, path=whole, scheduler=options.scheduler)
    if whole is None:
        _write(options.out, gram)
    n, k = gram.shape
    return f"{options.out}: {n} × {k}, entries from {gram.min():.6g} to {gram.max():.6g}"


def _points(path: Path) -> Any:
    """Returns the rows of a file."""
    import numpy as np

    from ntklib import _checks

    if path.suffix == ".csv":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file, refused below
            try:
                rows = np.loadtxt(path, delimiter=",", ndmin=2)
            except ValueError as problem:
                found = str(problem).partition(";")[0].rstrip(".")  # then options of loadtxt
                raise ValueError(
                    f"{path} must have a row of numbers for each point, separated by commas, as "
                    f"many in each and without a heading: {found}."
                ) from None
    else:
        rows = np.asarray(np.load(path, allow_pickle=False), dtype=float)
    return _checks.real_array(str(path), rows, "n d")


def _array_file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".npy", ".csv"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .npy or .csv.")
    return path


def _write(path: Path, matrix: Any, header: str = "") -> None:
    import numpy as np

    content = io.BytesIO()
    if path.suffix == ".npy":
        np.save(content, matrix)
    else:
        np.savetxt(
            content, matrix, fmt="%.17g", delimiter=",",
            header=header, comments="", encoding="utf-8",
        )  # fmt: skip
    _files.write(path, content.getvalue(), ELSEWHERE)


COMMANDS: dict[str, Callable[[argparse.Namespace], str]] = {
    "spectrum": _spectrum,
    "kernel": _kernel,
}


def main(given: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    named, options = parser().parse_known_args(given)
    if named.command == "study":
        from ntklib.studies import _command  # brings JAX, which neither help nor a wrong name needs

        return _command.main(studies.STUDIES[named.name], options)
    named = parser().parse_args(given)  # which knows no other options
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        if named.out:  # before what may take long
            _files.require_writable(named.out, ELSEWHERE)
        answer = COMMANDS[named.command](named)
    except KeyboardInterrupt:
        tiled = named.command == "kernel" and named.out.suffix == ".npy"
        saved = " What was done is saved: the same command goes on." if tiled else ""
        sys.stderr.write(f"Interrupted.{saved}\n")
        return INTERRUPTED
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    sys.stdout.write(answer + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
