"""Runs `python -m benchmarks` whose sides are copies of this process, not fresh ones.

At the quick sizes a side's imports take longer than its work: here the libraries are imported
once. `test_benchmark_sides.py` tests with fresh processes what those are for, such as memory.
"""

import os
import signal
import subprocess
import sys
import types
from typing import IO, Any
from unittest import mock

import mpmath  # noqa: F401 of the references

from benchmarks import __main__ as command
from benchmarks import processes, worker
from ntklib.networks import _neural_tangents


class Copy:
    """Stands in for a `subprocess.Popen` that serves a side: starts it as a copy by `os.fork`."""

    def __init__(self, _: Any, *, stderr: IO[str], **options: Any) -> None:
        (requests, to_it), (from_it, answers) = os.pipe(), os.pipe()
        self._status: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            for number, file in enumerate((requests, answers, stderr.fileno())):
                os.dup2(file, number)
            # An end that another copy holds would hide that this one has ended.
            os.closerange(3, 4096)
            worker.serve()
            os._exit(0)
        os.close(requests)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb")

    def kill(self) -> None:
        """Ends the copy."""
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        """Returns the copy's exit status once it has ended."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status


def start(given: list[Any], **options: Any) -> Any:
    """Starts a side: PyTorch's in its own environment, the others as copies."""
    if given[0] == processes.dev_python():
        return Copy(given, **options)
    return subprocess.Popen(given, **options)


if __name__ == "__main__":
    _neural_tangents.load()
    starting = types.SimpleNamespace(Popen=start, PIPE=subprocess.PIPE)
    with mock.patch.object(processes, "subprocess", starting):
        sys.exit(command.main(sys.argv[1:]))
