"""Measures a job: its sides take turns, and what was measured becomes its rows."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import rows
from benchmarks.floors import Size
from benchmarks.model import Arrays, Job, Reach, Side
from benchmarks.processes import (
    SideError,
    SideUnavailableError,
    TorchEnvironment,
    Worker,
    dev_python,
)
from benchmarks.rows import Measurement, Row

REST = 0.2
"""Seconds between two turns, in which the threads of the last side go to sleep."""

RATES = {"n": 3072, "stream": 2**26}
QUICK_RATES = {"n": 512, "stream": 2**22}

Say = Callable[[str], None]


class Player:
    """A side in its process, and what has been measured of it so far.

    Args:
      key: of the side within its job.
      side: which.
      torch: PyTorch's environment.
    """

    def __init__(self, key: str, side: Side, torch: TorchEnvironment) -> None:
        self.label = side.label
        self._key = key
        self._target = side.target
        self._failure: tuple[str, str] | None = None
        self._seconds: list[float] = []
        self._imported = self._peak = 0.0
        self._walls: list[float] = []
        self._worker: Worker | None = None
        missing = torch.missing() if side.torch else None
        if missing:
            self._failure = ("skipped", missing)
        else:
            self._worker = Worker(torch.python if side.torch else dev_python())

    def _attempt(self, work: Callable[[Worker], None]) -> None:
        """Does some work with the process, unless it failed before; a failure ends the process."""
        if self._worker is None:
            return
        try:
            work(self._worker)
        except (SideError, SideUnavailableError) as reason:
            status = "error" if isinstance(reason, SideError) else "skipped"
            self._failure = (status, f"{self.label}: {reason}")
            self.close()

    def prepare(self, folder: Path, size: Size) -> None:
        """Starts to prepare, while other sides may as well."""
        request = {"target": self._target, "folder": str(folder), "size": size}
        self._attempt(lambda worker: worker.send("prepare", **request))

    def finish_preparing(self) -> None:
        """Waits until the side is prepared."""

        def work(worker: Worker) -> None:
            self._imported = worker.receive()["imported"]

        self._attempt(work)

    def repeat(self) -> None:
        """Takes a turn."""

        def work(worker: Worker) -> None:
            answer = worker.ask("run")
            self._walls.append(answer["wall"])
            self._peak = answer["peak"]
            if len(self._walls) > 1:  # the first call compiles, and warms up
                self._seconds.append(answer["seconds"])

        self._attempt(work)

    def wanting(self, quick: bool) -> bool:
        """Whether more repetitions are needed: the longer one takes, the fewer."""
        if self._worker is None:
            return False
        if len(self._walls) < 2:
            return True
        longest = self._walls[1]
        wanted = 3 if quick or longest > 20 else 5 if longest > 2 else 9
        return len(self._seconds) < wanted

    def measurement(self, folder: Path) -> Measurement:
        """Returns what was measured, with the result of the last repetition."""
        arrays: Arrays = {}

        def work(worker: Worker) -> None:
            stem = str(folder / f"result-{self._key}")
            names = worker.ask("save", stem=stem)["names"]
            arrays.update({name: np.load(f"{stem}-{name}.npy") for name in names})

        self._attempt(work)
        if self._failure:
            return Measurement(self.label, failure=self._failure)
        compilation = max(self._walls[0] - statistics.median(self._walls[1:]), 0.0)
        return Measurement(
            self.label, tuple(self._seconds), compilation, self._peak, self._imported, arrays
        )

    def close(self) -> None:
        """Ends the process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def measure(job: Job, folder: Path, torch: TorchEnvironment, *, quick: bool, say: Say) -> list[Row]:
    """Measures a job.

    Args:
      job: which.
      folder: an empty folder for inputs and results.
      torch: PyTorch's environment.
      quick: whether to take the small sizes.
      say: reports progress.

    Returns:
      One row a pair; a pair whose sides failed has the status "skipped" or "error" and a reason.
    """
    size = job.size
    if quick:
        size = size | job.quick
        # Nothing is to be reached at sizes where calls take longer than work.
        job = replace(job, pairs=tuple(replace(pair, reach=Reach()) for pair in job.pairs))
    with ExitStack() as stack:
        try:
            say(f"{job.name}: rates of the machine, inputs")
            rates = machine_rates(folder, quick=quick)
            with Worker(dev_python()) as worker:
                worker.ask("prepare", target=job.inputs, folder=str(folder), size=size)
        except SideError as reason:
            failure = ("error", f"before the measurement: {reason}")
            return [rows.blank(job, pair, size, failure) for pair in job.pairs]
        players = {key: Player(key, side, torch) for key, side in job.sides.items()}
        for player in players.values():
            stack.callback(player.close)
        _take_turns(job, list(players.values()), folder, size, quick, say)
        measured = {key: player.measurement(folder) for key, player in players.items()}
        return [rows.row(job, pair, size, measured, rates, folder) for pair in job.pairs]


def machine_rates(folder: Path, *, quick: bool) -> dict[str, float]:
    """Returns operations per second in both precisions, and bytes per second."""
    size = QUICK_RATES if quick else RATES
    with Worker(dev_python()) as worker:
        target = "benchmarks.machine:rates"
        worker.ask("prepare", target=target, folder=str(folder), size=size)
        worker.ask("run")
        stem = str(folder / "rates")
        names = worker.ask("save", stem=stem)["names"]
    return {name: float(np.load(f"{stem}-{name}.npy")) for name in names}


def _take_turns(
    job: Job, players: list[Player], folder: Path, size: Size, quick: bool, say: Say
) -> None:
    for player in players:
        player.prepare(folder, size)
    for player in players:
        player.finish_preparing()
    turn = 0
    while waiting := [player for player in players if player.wanting(quick)]:
        for player in waiting:
            say(f"{job.name}: {player.label}, {f'turn {turn}' if turn else 'first call'}")
            if not quick:
                time.sleep(REST)
            player.repeat()
        turn += 1
