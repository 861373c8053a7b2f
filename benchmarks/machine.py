"""What the machine is, and how fast it multiplies matrices and moves memory."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import TorchEnvironment
from benchmarks.worker import Outcome, Run

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "neural-tangents")
REPETITIONS = 5


def describe(torch: TorchEnvironment) -> dict[str, Any]:
    """Returns the machine and the versions of what is measured on it."""
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "torch": _torch_version(torch),
        "blas": _blas(),
    }


def cores() -> int:
    """Returns how many cores this process may use."""
    # macOS has no affinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rates(folder: Path, size: dict[str, Any]) -> Run:
    """A side whose work is to measure the machine: operations and bytes per second, at best."""
    count = cores()

    def run() -> Outcome:
        found = {name: _product_rate(name, size["n"]) for name in ("float64", "float32")}
        found["bandwidth"] = _bandwidth(size["stream"], count)
        return Outcome({name: np.asarray(rate) for name, rate in found.items()})

    return run


def _product_rate(dtype: str, n: int) -> float:
    """Floating-point operations per second of NumPy's n × n matrix product."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    b = a.T.copy()
    c = np.empty_like(a)
    return 2 * n**3 / _least_time(lambda: np.matmul(a, b, out=c))


def _bandwidth(count: int, threads: int) -> float:
    """Bytes per second, read and written, of a copy of float64 numbers by all cores."""
    a, b = np.ones(count), np.ones(count)
    parts = [slice(i * count // threads, (i + 1) * count // threads) for i in range(threads)]

    def copy(part: slice) -> None:
        np.copyto(b[part], a[part])

    with ThreadPoolExecutor(threads) as pool:
        return 16 * count / _least_time(lambda: list(pool.map(copy, parts)))


def _least_time(work: Callable[[], Any]) -> float:
    """Returns the shortest of several times: a floor is what the machine can do at its best."""
    work()
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _torch_version(torch: TorchEnvironment) -> str | None:
    if torch.missing():
        return None
    code = "import importlib.metadata as m; print(m.version('torch'))"
    answer = subprocess.run([torch.python, "-c", code], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def _blas() -> str:
    """Returns NumPy's BLAS, with the kernel it chose where threadpoolctl can tell."""
    if importlib.util.find_spec("threadpoolctl"):
        found = importlib.import_module("threadpoolctl").threadpool_info()
        chosen = [
            f"{library['internal_api']} {library['version']} {library['architecture']}"
            for library in found
            if library["user_api"] == "blas"
        ]
        return "; ".join(chosen)
    blas: Any = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return str(blas.get("openblas configuration") or f"{blas['name']} {blas['version']}")
