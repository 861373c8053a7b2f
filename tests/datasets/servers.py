"""A server on loopback that misbehaves in every way, for tests without a network."""

import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntklib.datasets import _download
from ntklib.datasets._download import File

CONTENT = np.random.default_rng(0).bytes(300_000)


@dataclass(frozen=True)
class Plan:
    """How the server answers one request.

    Attributes:
      stop: bytes of the body after which the connection ends; all of them if None.
      reset: whether it then ends with a reset, as if the server's machine had died.
      ranges: whether Range is honoured.
      status: answered in place of a body.
      silent: whether the length is kept from the client.
      kind: of the content.
      wait: called before answering.
    """

    stop: int | None = None
    reset: bool = False
    ranges: bool = True
    status: int | None = None
    silent: bool = False
    kind: str = "application/gzip"
    wait: Callable[[], Any] = time.time


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's next plan, and notes what was asked and how much was sent."""

    server: "Server"

    def do_GET(self) -> None:
        """Answers by the next plan."""
        server = self.server
        with server.lock:
            plan = server.plans.pop(0) if server.plans else server.last
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
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", plan.kind)
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
    """Serves `files` by name; each request uses up one of the plans, then it is the last one's."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.files: dict[str, bytes] = {}
        self.plans: list[Plan] = []
        self.last = Plan()
        self.asked: list[str | None] = []
        self.sent: list[int] = []
        self.lock = threading.Lock()

    def __enter__(self) -> "Server":
        """Starts to answer."""
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops answering."""
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, *_: Any) -> None:
        """Says nothing when a client hangs up."""

    def file(self, name: str = "a.gz", content: bytes = CONTENT, sha256: str | None = None) -> File:
        """Serves this content under this name."""
        self.files[name] = content
        return File(
            url=f"{self.scheme}://127.0.0.1:{self.server_port}/{name}",
            sha256=sha256 or hashlib.sha256(content).hexdigest(),
            size=len(content),
        )


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries without much of a pause, no proxy, and no certificates but the system's."""
    for name, value in {"ATTEMPTS": 3, "PAUSE": 0.01, "SILENCE": 5.0}.items():
        monkeypatch.setattr(_download, name, value)
    monkeypatch.setenv("NO_PROXY", "*")
    for variable in _download.BUNDLES:
        monkeypatch.delenv(variable, raising=False)


def nowhere() -> File:
    """A file on a server that isn't there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return File(f"http://127.0.0.1:{port}/a.gz", "0" * 64, 9)


def unresolvable(*_: Any, **__: Any) -> None:
    """What `socket.getaddrinfo` does without a network."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def kept(folder: Path) -> list[str]:
    """What is in a folder, and below it."""
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []
