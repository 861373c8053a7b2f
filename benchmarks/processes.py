"""Starts the sides' processes and talks with them."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

ROOT = Path(__file__).parents[1]

LIMIT = 3600.0
"""Seconds that one request may take."""

REMOVED = (
    # Set on some machines for the sake of old OpenBLAS builds; they slow a current one.
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    # With it the first call would load a program instead of compiling it.
    "JAX_COMPILATION_CACHE_DIR",
)


class SideError(Exception):
    """A side failed; the message is its error."""


class SideUnavailableError(Exception):
    """A side can't run on this machine; the message says why."""


def environment() -> dict[str, str]:
    """Returns the environment of every side: the caller's, on the CPU, with BLAS's own choices."""
    kept = {name: value for name, value in os.environ.items() if name not in REMOVED}
    return kept | {"JAX_PLATFORMS": "cpu"}


class Worker:
    """A side in a process of its own, idle between requests.

    Args:
      python: the interpreter of the side's environment.
      limit: seconds that one request may take.
    """

    def __init__(self, python: Path, limit: float = LIMIT) -> None:
        self._limit = limit
        self._log: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115 open while the process is
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = subprocess.Popen(
            # Not `-m benchmarks.worker`: its classes would be others than those the sides import.
            [python, "-c", "from benchmarks.worker import serve; serve()"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, do: str, **request: Any) -> None:
        """Sends a request without waiting for its answer."""
        try:
            self._stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._stdin.flush()
        except BrokenPipeError:
            raise SideError(self._how_it_ended()) from None

    def receive(self) -> dict[str, Any]:
        """Waits for the answer to the last request.

        Raises:
          SideError: the side failed, ended or took longer than the limit.
          SideUnavailableError: the side can't run on this machine.
        """
        deadline = time.monotonic() + self._limit
        line = b""
        while not line.endswith(b"\n"):
            left = max(deadline - time.monotonic(), 0.0)
            if not select.select([self._stdout], [], [], left)[0]:
                raise SideError(f"no answer within {self._limit:.0f} s: the process was ended.")
            piece = os.read(self._stdout.fileno(), 65536)
            if not piece:
                raise SideError(self._how_it_ended())
            line += piece
        answer: dict[str, Any] = json.loads(line)
        if "unavailable" in answer:
            raise SideUnavailableError(answer["unavailable"])
        if "error" in answer:
            raise SideError(answer["error"])
        return answer

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Sends a request and returns its answer."""
        self.send(do, **request)
        return self.receive()

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            try:
                pipe.close()
            except BrokenPipeError:  # a request that was never read
                continue
        self._log.close()

    def _how_it_ended(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        last = (self._log.read().strip() or "it printed nothing").splitlines()[-1]
        return f"the process ended with status {status}: {last}"


class TorchEnvironment:
    """The tool environment that `make bench` installs PyTorch in, or why there is none.

    Args:
      folder: the environment; `make bench` marks it when it is complete, and else leaves pip's
        messages beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        self._complete = (folder / ".installed").exists()
        self._folder = folder
        self._log = folder.with_name(f"{folder.name}.log")

    def missing(self) -> str | None:
        """Returns why the environment can't be used, None if it can."""
        if self._complete:
            return None
        lines = []
        if self._log.exists():
            text = self._log.read_text(encoding="utf-8", errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            return f"PyTorch is not installed in {self._folder}: run `make bench`, which does that."
        last = [line for line in lines if line.startswith("ERROR")] or lines
        return f"PyTorch could not be installed in {self._folder}: {last[-1]}"


def dev_python() -> Path:
    """Returns the interpreter of the environment that has ntklib: the one that runs this."""
    return Path(sys.executable)
