"""Downloads against a server on loopback that misbehaves in every way; no test needs a network."""

import errno
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pooch
import pytest
from refusals import refused
from servers import CONTENT, Plan, Server, hasten, kept, nowhere, unresolvable

from ntklib.datasets import DownloadError, _download
from ntklib.datasets._download import DataError, File


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=["cache", "named"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that keeps downloads: the user's cache, then one named by NTKLIB_DATA."""
    if request.param == "named":
        monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
        return tmp_path / "data"
    monkeypatch.delenv("NTKLIB_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", tmp_path.joinpath)
    return tmp_path / "ntklib"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder named by NTKLIB_DATA, for what doesn't depend on which it is."""
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_download_is_kept(folder: Path) -> None:
    with Server() as server:
        file = server.file()
        path = _download.fetch(file)
    assert path == folder / "a.gz"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert _download.fetch(file) == path
    assert kept(folder) == ["a.gz"]
    assert server.asked == [None]


@pytest.mark.parametrize(
    "second", [Plan(stop=50_000), Plan(stop=50_000, reset=True), Plan(stop=0), Plan(status=500)]
)
def test_a_broken_download_resumes(server: Server, data: Path, second: Plan) -> None:
    server.plans = [Plan(stop=100_001, reset=second.reset), second]
    assert _download.fetch(server.file()).read_bytes() == CONTENT
    assert server.asked[:2] == [None, "bytes=100001-"]
    assert server.asked[2] == f"bytes={100_001 + server.sent[1]}-"
    assert sum(server.sent) == len(CONTENT)  # nothing was fetched twice
    assert kept(data) == ["a.gz"]


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_does_not_resume_starts_over(
    server: Server, data: Path, silent: bool
) -> None:
    server.plans = [Plan(stop=100_000, silent=silent), Plan(ranges=False, silent=silent)]
    assert _download.fetch(server.file()).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert kept(data) == ["a.gz"]


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (Plan(stop=1000), "closed the connection, 3,000 of"),
        (Plan(stop=1000, ranges=False), "closed the connection, 1,000 of"),
        (Plan(stop=1000, silent=True, ranges=False), "closed the connection, 1,000 of"),
        (Plan(status=503), "answered HTTP 503 Service Unavailable, 0 of"),
    ],
)
def test_a_server_that_always_breaks_is_given_up(
    server: Server, folder: Path, plan: Plan, why: str
) -> None:
    server.last = plan
    sentence = (
        f"a.gz can't be had: 127.0.0.1 {why} 300,000 bytes after 3 tries. Try again later, or put "
        "a.gz from another computer into a folder and set NTKLIB_DATA to that."
    )
    with refused(sentence, DownloadError):
        _download.fetch(server.file())
    assert len(server.asked) == 3
    assert kept(folder) == []


def test_the_pauses_double(server: Server, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(_download, "ATTEMPTS", 4)
    monkeypatch.setattr(_download, "PAUSE", 0.5)
    server.plans = [Plan(status=500), Plan(status=503), Plan(status=429)]
    assert _download.fetch(server.file()).read_bytes() == CONTENT
    assert [pause for pause in pauses if pause >= 0.5] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (Plan(status=403), "answered HTTP 403 Forbidden"),
        (Plan(status=404), "answered HTTP 404 Not Found"),
        (Plan(kind="text/html; charset=utf-8"), "answered with a web page, as networks do that"),
    ],
)
def test_a_refusal_is_not_asked_for_again(
    server: Server, folder: Path, plan: Plan, why: str
) -> None:
    server.last = plan
    with refused(f"a.gz can't be had: 127.0.0.1 {why}", DownloadError):
        _download.fetch(server.file())
    assert len(server.asked) == 1
    assert kept(folder) == []


@pytest.mark.parametrize(
    "content", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"!", CONTENT * 9, b"not a file"]
)
@pytest.mark.parametrize("silent", [False, True])
def test_another_file_is_refused(
    server: Server, folder: Path, content: bytes, silent: bool
) -> None:
    """Whatever its length is; of one that never ends no more is read than the right one has."""
    file = server.file()
    server.files["a.gz"] = content
    server.last = Plan(silent=silent, ranges=False)
    short = silent and len(content) < len(CONTENT)  # it might have been cut off
    sentence = (
        f"bytes after {_download.ATTEMPTS} tries"
        if short
        else f"{file.url} sent something else than expected. SHA256 hash of downloaded file (a.gz) "
        f"does not match the known hash: expected sha256:{file.sha256} but got "
    )
    with refused(sentence, DownloadError if short else DataError):
        _download.fetch(file)
    assert len(server.asked) == (_download.ATTEMPTS if short else 1)
    assert kept(folder) == []


# ---- no connection ------------------------------------------------------------------------------


def test_a_closed_port_is_no_connection(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_download, "PAUSE", 3600)  # which isn't waited for
    with refused("a.gz can't be had: 127.0.0.1 can't be reached (Connection ref", DownloadError):
        _download.fetch(nowhere())
    assert kept(data) == []


def test_an_unknown_host_is_no_connection(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    with refused("data.invalid can't be reached (Name or service not known)", DownloadError):
        _download.fetch(File("https://data.invalid/a.gz", "0" * 64, 9))
    assert kept(data) == []


def test_a_server_of_another_protocol_is_no_connection(server: Server, data: Path) -> None:
    file = server.file()
    secure = File(file.url.replace("http:", "https:"), file.sha256, file.size)
    with refused("a.gz can't be had: 127.0.0.1 can't be reached (", DownloadError):
        _download.fetch(secure)
    assert kept(data) == []


def test_a_lookup_that_hangs_is_no_connection(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hanging(*_: Any, **__: Any) -> None:
        released.wait(60)
        unresolvable()

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(_download, "SILENCE", 0.2)
    with refused("data.invalid gave no answer in 0.2 s.", DownloadError):
        _download.fetch(File("https://data.invalid/a.gz", "0" * 64, 9))
    assert not released.is_set()
    released.set()
    assert kept(data) == []


def test_a_late_answer_is_closed(
    server: Server, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits for an answer may get it after nobody wants it any more."""
    released, answered = threading.Event(), threading.Event()
    answers = []
    ask = urllib.request.urlopen

    def slow(*args: Any, **options: Any) -> Any:
        answers.append(ask(*args, **options))
        released.wait(60)
        answered.set()
        return answers[0]

    monkeypatch.setattr(_download, "urlopen", slow)
    monkeypatch.setattr(_download, "SILENCE", 0.2)
    with refused("gave no answer in 0.2 s", DownloadError):
        _download.fetch(server.file())
    before = [answer.closed for answer in answers]
    released.set()
    assert answered.wait(5)
    for thread in threading.enumerate():
        if "(ask)" in thread.name:
            thread.join(5)
    assert (before, [answer.closed for answer in answers]) == ([False], [True])


def test_losing_the_network_on_the_way(server: Server, data: Path) -> None:
    server.plans = [Plan(stop=1000, wait=lambda: server.socket.close())]
    with refused("can't be reached (Connection refused), 1,000 of 300,000 bytes", DownloadError):
        _download.fetch(server.file())
    assert server.asked == [None]
    assert kept(data) == []


# ---- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"", CONTENT[:-1] + b"!"])
def test_a_damaged_copy_in_the_cache_is_replaced(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.delenv("NTKLIB_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", tmp_path.joinpath)
    file = server.file()
    path = tmp_path / "ntklib" / "a.gz"
    path.parent.mkdir()
    path.write_bytes(damage)
    server.plans = [Plan(status=404)]
    with refused("a.gz can't be had: 127.0.0.1 answered HTTP 404 Not Found.", DownloadError):
        _download.fetch(file)
    assert path.read_bytes() == damage
    assert _download.fetch(file).read_bytes() == CONTENT
    assert kept(tmp_path) == ["a.gz", "ntklib"]


def test_another_data_set_in_the_named_folder_is_left_alone(server: Server, data: Path) -> None:
    data.mkdir()
    (data / "a.gz").write_bytes(b"other")
    file = server.file()
    sentence = (
        f"{data / 'a.gz'} should have the SHA-256 {file.sha256}, but has "
        f"{hashlib.sha256(b'other').hexdigest()}: it is damaged or of another data set. Move it "
        "away, or set NTKLIB_DATA to another folder."
    )
    with refused(sentence, DataError):
        _download.fetch(file)
    assert server.asked == []
    assert (data / "a.gz").read_bytes() == b"other"


def test_a_copy_in_the_named_folder_needs_no_network(data: Path) -> None:
    data.mkdir()
    file = File(nowhere().url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    (data / "a.gz").write_bytes(CONTENT)
    data.chmod(0o555)  # nothing is written either
    try:
        assert _download.fetch(file) == data / "a.gz"
    finally:
        data.chmod(0o755)
    assert kept(data) == ["a.gz"]


def test_the_named_folder_may_begin_with_a_tilde(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NTKLIB_DATA", "~/data/sets")
    assert _download.fetch(server.file()) == tmp_path / "data" / "sets" / "a.gz"


def test_a_folder_that_cannot_be_made(server: Server, data: Path) -> None:
    data.write_text("a file")
    with refused(f"a.gz (300,000 bytes) can't be kept in {data} (", OSError):
        _download.fetch(server.file())
    assert data.read_text() == "a file"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a full disk")
@pytest.mark.parametrize("size", [100, 300_000])  # within the write buffer, and beyond it
def test_a_full_disk(
    server: Server, data: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    receive = _download._receive

    def fill(response: Any, sink: Any, *rest: Any) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, sink.fileno())
        os.close(full)
        response.status = 206  # or it would be truncated, which a device can't be
        receive(response, sink, *rest)

    monkeypatch.setattr(_download, "_receive", fill)
    sentence = (
        f"a.gz ({size:,} bytes) can't be kept in {data} (No space left on device): free some "
        "space there, or set NTKLIB_DATA to a folder that can be written to."
    )
    with pytest.raises(OSError, match=re.escape(sentence)) as caught:
        _download.fetch(server.file(content=CONTENT[:size]))
    assert caught.value.errno == errno.ENOSPC
    assert not isinstance(caught.value, DownloadError)  # which the digits would take the place of
    assert kept(data) == []


def test_an_interrupted_download(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(response: Any, sink: Any, *_: Any) -> None:
        sink.write(response.read1(1000))
        raise KeyboardInterrupt

    monkeypatch.setattr(_download, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _download.fetch(server.file())
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


def test_two_processes_at_once(server: Server, data: Path) -> None:
    file = server.file()
    together = threading.Barrier(2, timeout=300)
    server.plans = [Plan(wait=together.wait)] * 2
    processes = [fetching(file) for _ in range(2)]
    answers = [process.communicate(timeout=300) for process in processes]
    assert [answer[0] for answer in answers] == ["whole\n"] * 2, answers
    assert len(server.asked) == 2  # both downloaded, at the same time
    assert (data / "a.gz").read_bytes() == CONTENT
    assert kept(data) == ["a.gz"]


def test_a_limit_to_the_size_of_files(server: Server, data: Path) -> None:
    process = fetching(server.file(), most=100_000)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert f"can't be kept in {data} (File too large)" in errors
    assert kept(data) == []
