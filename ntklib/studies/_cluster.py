"""Where cells are computed: in this process, or by the workers of a Dask scheduler.

Dask keeps the queue, sends cells to workers as they get free, and gives those of a worker that
died to another one. What comes back is dropped on the cluster before it is saved here: of a
result that somebody still holds, Dask would make a new copy when its worker dies.
"""

import contextlib
import gc
import itertools
import queue
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ntklib import _device, _fingerprint
from ntklib.studies import _cells, _memory
from ntklib.studies._cells import Task
from ntklib.studies._store import Arrays

Results = Generator[tuple[int, Arrays], None, None]

CONNECT = 5.0
"""Seconds to reach a scheduler."""
WORKERS = 30.0
"""Seconds until it has a worker."""
PATIENCE = 1.0
"""Seconds between two looks at whether the scheduler is still there."""
GONE = "the Dask scheduler is gone. What had come back is saved: the same study goes on from there."
"""What is said then."""


@dataclass(frozen=True)
class Pool:
    """Who computes cells.

    Attributes:
      device: the kind of device it has.
      memory: bytes that are there for one cell.
      results: tasks ↦ the index of each and its arrays, in the order in which they are done.
    """

    device: str
    memory: float
    results: Callable[[Iterable[Task]], Results]


@contextlib.contextmanager
def pool(scheduler: str | None, *, ahead: int | None = None) -> Iterator[Pool]:
    """Opens a pool: this process, or the workers of the scheduler at an address.

    Args:
      scheduler: its address; None for this process.
      ahead: tasks for each thread of the workers that are sent before there are results, where
        tasks are large; all of them by default.

    Raises:
      ConnectionError: the scheduler can't be reached, or has no workers.
      ImportError: `distributed` is not installed.
      RuntimeError: workers have another ntklib, other packages, or different kinds of device.
      ValueError: the address is none.
    """
    if scheduler is None:
        yield Pool(
            _device.kind(),
            float(_device.available()),
            lambda tasks: ((i, _cells.evaluate(task)) for i, task in enumerate(tasks)),
        )
        return
    _reach(scheduler)
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            "a study on a cluster needs the package distributed: pip install distributed."
        ) from None
    client = _within(CONNECT, lambda: Client(scheduler, timeout=CONNECT, set_as_default=False))
    if isinstance(client, str):
        raise ConnectionError(f"there is no Dask scheduler at {scheduler}: {client}.")
    with client:
        found = _workers(client, scheduler)
        yield Pool(
            device=found[0]["device"],
            memory=min(worker["memory"] for worker in found),
            results=lambda tasks: _results(client, tasks, ahead),
        )


def _reach(address: str) -> None:
    """Opens and closes a connection: Dask itself would wait forever for an unknown name."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise ValueError(
            f"scheduler must be an address such as tcp://127.0.0.1:8786, got {address!r}."
        )
    try:
        socket.create_connection((host, port), timeout=CONNECT).close()
    except OSError as problem:
        raise ConnectionError(
            f"there is no Dask scheduler at {address}: {problem}. Start one with "
            f"`dask scheduler --port {port}`, or leave the address away to compute here."
        ) from None


def _within(seconds: float, make: Callable[[], Any]) -> Any:
    """Returns a client, or why there is none; Dask has no limit of its own for all that can hang.

    A client that nobody closes does so when it is collected. In the middle of another's start it
    would wait for a lock that its own thread holds, so none is left behind: neither one that is
    half made, which its error's frames hold, nor one that comes too late.
    """
    found: list[Any] = [f"it has not answered for {seconds:g} s"]
    given_up = threading.Event()
    deciding = threading.Lock()  # a client is either returned or closed, whenever it comes

    def attempt() -> None:
        try:
            client = make()
        except Exception as problem:  # whatever Dask makes of an address
            found.append(str(problem))
        else:
            with deciding:
                late = given_up.is_set()
                if not late:
                    found.append(client)
            if late:
                client.close()
            return
        gc.collect()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    with deciding:
        given_up.set()
        return found[-1]


def describe(dask_worker: Any) -> dict[str, Any]:
    """Says, in a worker, what it computes with."""
    memory = _device.available()
    limit = dask_worker.memory_manager.memory_limit
    if limit:
        memory = min(memory, int(limit))
    return {
        "library": _fingerprint.library(),
        "versions": _fingerprint.versions(),
        "device": _device.kind(),
        "memory": memory / dask_worker.state.nthreads,
    }


def _workers(client: Any, address: str) -> list[dict[str, Any]]:
    """Returns what every worker computes with, once it is the same."""
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError:
        raise ConnectionError(
            f"the Dask scheduler at {address} has had no worker for {WORKERS:g} s: start some "
            f"with `dask worker {address} --nthreads 1`."
        ) from None
    try:
        found = client.run(describe)
    except Exception as problem:
        raise RuntimeError(
            f"a worker of {address} can't run ntklib ({type(problem).__name__}: {problem}): "
            "install it there, with the same packages as here."
        ) from problem
    if not found:
        raise ConnectionError(f"the Dask scheduler at {address} has lost its workers: start some.")
    for worker, state in found.items():
        if state["library"] != _fingerprint.library():
            raise RuntimeError(
                f"the worker {worker} has another ntklib or other packages than this process: "
                f"{_difference(state['versions'])}. Give both the same, and start it anew."
            )
    kinds = {state["device"]: worker for worker, state in found.items()}
    if len(kinds) > 1:
        named = ", ".join(f"{kind} ({worker})" for kind, worker in kinds.items())
        raise RuntimeError(
            f"the workers have different devices, {named}, whose results differ by rounding: "
            "use workers of one kind."
        )
    return list(found.values())


def _difference(theirs: dict[str, str]) -> str:
    ours = _fingerprint.versions()
    differ = [
        f"{name} {theirs.get(name)}, here {ours[name]}"
        for name in ours
        if ours[name] != theirs.get(name)
    ]
    return ", ".join(differ) or "its sources differ, the packages' versions don't"


def _results(client: Any, tasks: Iterable[Task], ahead: int | None = None) -> Results:
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    coming = enumerate(tasks)
    waiting: dict[Any, tuple[int, str]] = {}
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit() -> None:
        room = None if ahead is None else max(1, ahead * _threads(client)) - len(waiting)
        for index, task in itertools.islice(coming, room if room is None else max(room, 0)):
            future = client.submit(_cells.evaluate_elsewhere, task, pure=False)
            waiting[future] = index, _memory.label(task.point)
            future.add_done_callback(done.put)

    submit()
    while waiting:
        try:
            future = done.get(timeout=PATIENCE)
        except queue.Empty:
            future = None
        if client.status != "running":
            raise ConnectionError(GONE)
        if future is not None:
            index, label = waiting.pop(future)
            try:
                arrays = future.result()
            except KilledWorker:
                raise RuntimeError(
                    f"the cell {label} ended every worker that tried it, most likely for lack of "
                    "memory: lower the batch or memory_budget, or see the workers' logs."
                ) from None
            except CommClosedError:  # before the client knows it
                raise ConnectionError(GONE) from None
            future.release()  # before it is saved: see above
            submit()
            yield index, arrays


def _threads(client: Any) -> int:
    """Returns how many threads the workers have by now."""
    with contextlib.suppress(OSError):  # a scheduler that is gone is noticed elsewhere
        return int(sum(client.nthreads().values()))
    return 0
