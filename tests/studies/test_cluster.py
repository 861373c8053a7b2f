"""Studies on a Dask cluster of real processes: killed workers, other code, no cluster at all."""

import concurrent.futures
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
import pytest
from distributed import Client, KilledWorker, Status
from distributed.scheduler import WorkerState
from places import ROOT
from refusals import refused
from study_cells import evaluations, failing, logged, precision, processes, wait_for

from ntklib import _device, _fingerprint, studies
from ntklib.kernels import _in_tiles
from ntklib.studies import _cells, _cluster, _grams, _reads, _store

HERE = Path(__file__).parent
GRID = {"n": list(range(1, 17))}
PATHS = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
WORKER = WorkerState(
    address="tcp://127.0.0.1:1", status=Status.running, pid=1, name="one", nthreads=1,
    memory_limit=1, local_directory="", services={}, versions={}, nanny="", extra={},
    server_id="one",
)  # fmt: skip
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "PYTHONPATH": PATHS}


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    # Workers are in single precision, as JAX is by default.
    environment = {k: v for k, v in os.environ.items() if k != "JAX_ENABLE_X64"}
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"],
        cwd=ROOT, env={**environment, **QUIET},
    )  # fmt: skip


class Cluster:
    """A scheduler and its workers, as a user would start them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "scheduler.json"
        options = ("--port", "0", "--scheduler-file", str(file))
        self.processes = [start("scheduler", *options)]
        wait_for(lambda: file.exists() and file.read_text().endswith("}"))
        self.address = str(json.loads(file.read_text())["address"])

    def add_worker(self) -> "subprocess.Popen[bytes]":
        """Starts a worker without a nanny, who would start it anew when it is killed."""
        folder = str(self.folder / "space")
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", folder)
        self.processes.append(start("worker", self.address, *options))
        return self.processes[-1]

    def close(self) -> None:
        """Kills all of it."""
        for process in reversed(self.processes):
            process.kill()
            process.wait(timeout=300)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.close()


def saved(tmp_path: Path) -> set[tuple[int, int]]:
    """The cells that are saved."""
    found = set()
    for path in (tmp_path / "cache").rglob("*.npz"):
        with np.load(path) as entry:
            cell = json.loads(entry[_store.CONTENTS].tobytes())["configuration"]
        found.add((cell["point"]["n"], cell["seeds"][0]))
    return found


# The tests below share a cluster, whose life they follow in this order.


def test_a_scheduler_without_workers_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "WORKERS", 0.3)
    with refused(
        f"the Dask scheduler at {cluster.address} has had no worker for 0.3 s: start some with "
        f"`dask worker {cluster.address} --nthreads 1`.",
        ConnectionError,
    ):
        studies.run(failing, {"n": [1]}, seeds=1, scheduler=cluster.address)


def test_an_address_that_dask_does_not_know_is_refused(cluster: Cluster) -> None:
    address = cluster.address.replace("tcp", "abc")
    with refused(f"there is no Dask scheduler at {address}: ", ConnectionError):
        studies.run(failing, {"n": [1]}, seeds=1, scheduler=address)
    # One that is left would be closed whenever it is collected, if need be while another starts.
    assert {each.status for each in gc.get_objects() if type(each) is Client} <= {"closed"}


def test_a_client_that_comes_too_late_is_closed() -> None:
    class Late:
        def __init__(self) -> None:
            asked.wait()
            made.append(self)

        def close(self) -> None:
            closed.set()

    asked, closed = threading.Event(), threading.Event()
    made: list[object] = []
    assert _cluster._within(0.05, Late) == "it has not answered for 0.05 s"
    asked.set()
    assert closed.wait(300)
    assert len(made) == 1


def test_workers_that_left_before_they_were_asked_are_named() -> None:
    class Client:
        def wait_for_workers(self, n: int, timeout: float) -> None:
            pass

        def run(self, function: Any) -> dict[str, Any]:
            return {}

    with refused("the Dask scheduler at somewhere has lost its workers", ConnectionError):
        _cluster._workers(Client(), "somewhere")


def test_a_killed_worker_costs_nothing_that_was_saved(
    cluster: Cluster, log: Path, tmp_path: Path
) -> None:
    workers = [cluster.add_worker(), cluster.add_worker()]
    with Client(cluster.address) as client:
        # Or the first could do all before the other is there.
        client.wait_for_workers(2, timeout=300)
    settings = {"log": str(log), "pause": 0.1}
    options: dict[str, Any] = {"seeds": 8, "batch": 4, "settings": settings}
    before: list[set[tuple[int, int]]] = []

    def kill_one() -> None:
        # Both at work, and some of what the victim did is saved.
        wait_for(lambda: len(processes(log)) == 2 and len(saved(tmp_path)) >= 8)
        before.append(saved(tmp_path))
        workers[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = studies.run(logged, GRID, scheduler=cluster.address, **options)
    killer.join()
    assert before, "both workers were never at work at once"
    assert workers[0].wait(timeout=300) < 0
    assert processes(log) == {worker.pid for worker in workers}
    (kept,) = before
    assert 8 <= len(kept) < 32  # it died before the end
    counts = evaluations(log)
    assert len(counts) == 32
    assert {counts[cell] for cell in kept} == {1}
    alone = studies.run(logged, GRID, cache=tmp_path / "alone", **options)
    np.testing.assert_array_equal(found.value, alone.value)
    assert found.attrs["configuration"] == alone.attrs["configuration"]
    assert json.loads(found.attrs["run"])["scheduler"] == cluster.address


@pytest.mark.parametrize(("x64", "expected"), [(True, "float64"), (False, "float32")])
def test_workers_compute_in_the_precision_of_the_client(
    cluster: Cluster, x64: bool, expected: str
) -> None:
    with jax.enable_x64(x64):
        found = studies.run(precision, seeds=1, batch=1, scheduler=cluster.address)
    assert found.type.values.tolist() == [expected]


def test_a_cell_that_fails_on_a_worker_is_named(cluster: Cluster) -> None:
    with pytest.raises(ZeroDivisionError, match="no such n") as failure:
        studies.run(failing, {"n": [2]}, seeds=3, batch=4, scheduler=cluster.address)
    assert failure.value.__notes__[0] == "In the cell n=2, seeds 0 to 3."


def test_an_interrupted_run_goes_on(
    cluster: Cluster, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = _store.Cache.save

    def interrupted(self: _store.Cache, configuration: Any, arrays: Any) -> None:
        if len(saved(tmp_path)) == 2:
            raise KeyboardInterrupt
        save(self, configuration, arrays)

    settings = {"log": str(log), "pause": 0.05}
    options: dict[str, Any] = {"seeds": 1, "settings": settings, "scheduler": cluster.address}
    with monkeypatch.context() as patch:
        patch.setattr(_store.Cache, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            studies.run(logged, GRID, **options)
    found = studies.run(logged, GRID, **options)
    assert json.loads(found.attrs["run"])["cells_reused"] == 2
    # 14 were left, and what was queued is dropped: the others are those under way meanwhile.
    assert sum(evaluations(log).values()) <= 14 + 8


def test_the_budget_is_the_workers(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_device, "available", lambda: 1)
    with _cluster.pool(cluster.address) as pool:
        assert 1e6 < pool.memory < 1e15
        assert pool.device == jax.devices()[0].device_kind


def test_workers_with_another_library_are_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fingerprint, "library", lambda: "another")
    with refused("has another ntklib or other packages than this process", RuntimeError):
        studies.run(failing, {"n": [1]}, seeds=1, scheduler=cluster.address)


def test_two_workers_make_the_gram_matrix_that_one_process_makes(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gram.npy"
    monkeypatch.setattr(_in_tiles, "MOST", 8)
    x = np.random.default_rng(0).standard_normal((61, 3))
    linear = lambda x, y: x @ y.T + 1  # noqa: E731
    with Client(cluster.address) as client:
        while len(client.nthreads()) < 2:
            cluster.add_worker()
            client.wait_for_workers(len(client.nthreads()) + 1, timeout=300)
        found = studies.gram(linear, x, path=path, scheduler=cluster.address)
        held = client.run(lambda: _grams._unpickled.cache_info().currsize)
    assert list(held.values()) == [1, 1]  # each has had tiles, and the kernel once
    np.testing.assert_array_equal(found, studies.gram(linear, x))
    # The file is that of this process alone, too.
    np.testing.assert_array_equal(studies.gram(linear, x, path=path), found)


def test_a_lost_scheduler_is_named(
    cluster: Cluster, log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def kill() -> None:
        wait_for(lambda: len(saved(tmp_path)) >= 2)
        cluster.processes[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    settings = {"log": str(log), "pause": 0.1}
    with refused("the Dask scheduler is gone. What had come back is saved", ConnectionError):
        studies.run(logged, GRID, seeds=1, settings=settings, scheduler=cluster.address)
    killer.join()
    assert len(saved(tmp_path)) >= 2


# ---- without a cluster -------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_unreachable_scheduler_is_named_at_once(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "CONNECT", 300.0)
    address = f"tcp://{host}:{free_port()}"
    started = time.monotonic()
    with refused(f"there is no Dask scheduler at {address}: ", ConnectionError):
        studies.run(failing, {"n": [1]}, seeds=1, scheduler=address)
    assert time.monotonic() - started < 150  # nobody is waited for, however slow the machine


def test_what_is_no_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "CONNECT", 0.5)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with refused(f"there is no Dask scheduler at {address}: ", ConnectionError):
            studies.run(failing, {"n": [1]}, seeds=1, scheduler=address)


@pytest.mark.parametrize("address", ["", "localhost", "nonsense:1:2", "tcp://:8786"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with refused("scheduler must be an address such as tcp://127.0.0.1:8786, got"):
        studies.run(failing, {"n": [1]}, seeds=1, scheduler=address)


def test_a_study_on_a_cluster_needs_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with refused("pip install distributed", ImportError):
            studies.run(failing, seeds=1, scheduler=f"127.0.0.1:{listener.getsockname()[1]}")


# ---- what a worker checks ----------------------------------------------------------------------


def task(**changes: Any) -> _cells.Task:
    own = _cells.Task(
        cell=failing, point={"n": 1}, seeds=(0,), settings={}, outer=(),
        numerics=_cells.Numerics.current(), function=_reads.fingerprint(failing)[0],
        library=_fingerprint.library(), device=_device.kind(),
    )  # fmt: skip
    return replace(own, **changes)


def test_a_worker_computes_what_is_its_own() -> None:
    assert _cells.evaluate_elsewhere(task())["value"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("change", "name"),
    [({"library": "x"}, "ntklib"), ({"device": "x"}, "device"), ({"function": "x"}, "function")],
)
def test_a_worker_refuses_tasks_of_other_code_or_devices(change: dict[str, str], name: str) -> None:
    """One that joined after the study began was not looked at then."""
    with refused(f"this worker differs from the study's process in {name} (", RuntimeError):
        _cells.evaluate_elsewhere(task(**change))


def test_a_cell_that_ends_its_workers_is_named() -> None:
    class Client:
        status = "running"

        def submit(self, *_: Any, pure: bool) -> Any:
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            future.set_exception(KilledWorker("cell", WORKER, 4))
            return future

    with refused("the cell n=1 ended every worker that tried it, most likely for", RuntimeError):
        list(_cluster._results(Client(), [task()]))


def test_few_large_tasks_are_under_way_at_a_time() -> None:
    class Client:
        status = "running"
        sent: ClassVar[list[int]] = []

        def submit(self, _: Any, task: _cells.Task, pure: bool) -> Any:
            self.sent.append(task.point["n"])
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            future.set_result({})
            future.release = lambda: None  # type: ignore[attr-defined]
            return future

        def nthreads(self) -> dict[str, int]:
            if len(self.sent) > 6:
                raise OSError("the scheduler is gone")
            return {"one": 1, "two": 1}

    tasks = (task(point={"n": n}) for n in range(10))
    under_way = []
    for index, _ in _cluster._results(Client(), tasks, 2):
        under_way.append(len(Client.sent) - index)
    assert Client.sent == list(range(10))
    assert under_way[:3] == [5, 5, 5]  # the next one is sent before this one is saved
    assert max(under_way) == 5


def test_workers_of_several_kinds_are_refused() -> None:
    state = {"library": _fingerprint.library(), "versions": _fingerprint.versions(), "memory": 1.0}

    class Client:
        def wait_for_workers(self, n: int, timeout: float) -> None:
            pass

        def run(self, function: Any) -> dict[str, Any]:
            return {"one": state | {"device": "cpu"}, "two": state | {"device": "abacus"}}

    with refused("the workers have different devices, cpu (one), abacus (two),", RuntimeError):
        _cluster._workers(Client(), "somewhere")
