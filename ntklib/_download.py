"""Downloads that resume, are verified, and leave nothing behind when they fail."""

import errno
import os
import re
import threading
import time
import warnings
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3
from tqdm import TqdmWarning, tqdm

with warnings.catch_warnings():
    # It looks for a notebook's bar, of which tqdm warns where ipywidgets is missing.
    warnings.simplefilter("ignore", TqdmWarning)
    import pooch

FOLDER = "NTKLIB_DATA"
"""The environment variable with the folder that takes the place of the user's cache."""

BLOCK = 2**16


class DataError(ValueError):
    """A file is not what it should be: wrong checksum, truncated, or in another format."""


class DownloadError(ConnectionError):
    """A download failed although the server was reached."""


class OfflineError(DownloadError):
    """There is no connection to the server."""


@dataclass(frozen=True)
class File:
    """A file on a server.

    Attributes:
      url: its address, the last part of which is its name in the cache.
      sha256: its SHA-256 in hexadecimal.
      size: its length in bytes.
    """

    url: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name in the cache."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Patience:
    """How long a download waits, and how often it tries.

    Attributes:
      attempts: connections in all.
      pause: seconds before the second one; twice as long before each further one.
      silence: seconds without a byte after which a connection counts as broken.
    """

    attempts: int = 4
    pause: float = 0.5
    silence: float = 10.0


class _BrokenError(Exception):
    """A connection broke, or the server asked to come back later: try again."""


def fetch(file: File, patience: Patience = Patience()) -> Path:
    """Returns the path of a verified copy of a file, downloading it if there is none.

    It is kept in the folder named by NTKLIB_DATA, else in the user's cache. pooch writes to a
    temporary file beside it, verifies that and moves it into place at once, so that neither a
    failure nor a second process leaves half a file there. A damaged file in the user's cache is
    downloaded anew; one in NTKLIB_DATA is left alone, as other data sets use the same names.

    Args:
      file: what to fetch.
      patience: how long to wait for the server.

    Raises:
      OfflineError: there is no connection to the server.
      DownloadError: the server doesn't have the file, or the connection broke too often.
      DataError: the file has the wrong length or checksum.
      OSError: the file could not be written, for want of space for example.
    """
    named = bool(os.environ.get(FOLDER))
    store = pooch.create(
        path=pooch.os_cache("ntklib"),
        base_url="",
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: file.url},
        env=FOLDER,
    )
    path = Path(store.abspath) / file.name
    if named and path.exists():
        return _verified(path, file)
    try:
        store.fetch(
            file.name, downloader=lambda _url, target, _pooch: _download(file, target, patience)
        )
    except DownloadError as error:
        if not path.exists():
            raise
        # It was damaged, unless another process has been luckier in the meantime.
        return _verified(path, file, f" A new copy was not to be had: {error}")
    except DataError:
        raise
    except ValueError as error:  # pooch's, of a wrong checksum
        raise DataError(
            f"{file.url} sent something else than expected. {error} Try again; if it repeats, put "
            f"a good copy into a folder and set {FOLDER} to that."
        ) from error
    except OSError as error:
        raise OSError(
            error.errno or errno.EACCES,  # pooch drops the number of a denied permission
            f"{file.name} ({file.size:,} bytes) can't be kept in {path.parent} "
            f"({error.strerror or error}): free some space there, or set {FOLDER} to a folder "
            "that can be written to.",
        ) from error
    return path


def _verified(path: Path, file: File, why: str = "") -> Path:
    found = pooch.file_hash(str(path))
    if found != file.sha256:
        raise DataError(
            f"{path} should have the SHA-256 {file.sha256}, but has {found}: it is damaged or of "
            f"another data set. Move it away, or set {FOLDER} to another folder.{why}"
        )
    return path


def _download(file: File, target: str, patience: Patience) -> None:
    """Downloads a file, going on where a broken connection left off."""
    bar = tqdm(total=file.size, desc=file.name, unit="B", unit_scale=True, delay=2)
    with bar, requests.Session() as session, Path(target).open("wb") as sink:
        broken: Exception | None = None
        for attempt in range(patience.attempts):
            if attempt:
                time.sleep(patience.pause * 2 ** (attempt - 1))
            try:
                with _ask(session, file, sink.tell(), patience.silence) as response:
                    _position(response, sink, file)
                    _append(response, sink, file, bar)
                break
            except OfflineError as error:
                if not attempt:
                    raise
                broken = error
            except _BrokenError as error:
                broken = error
        else:
            raise DownloadError(
                f"The download of {file.url} broke off {patience.attempts} times, at last after "
                f"{sink.tell():,} of {file.size:,} bytes ({broken}). {_remedy(file)}"
            ) from broken
    # pooch's temporary files are for their owner only, but a class may share the folder.
    Path(target).chmod(0o644)


def _remedy(file: File) -> str:
    return (
        f"Connect and try again, or put {file.name} from another computer into a folder and set "
        f"{FOLDER} to that."
    )


def _ask(session: requests.Session, file: File, start: int, silence: float) -> requests.Response:
    """Returns the server's answer to a request for the bytes from `start` on.

    It is waited for in a thread: looking up a name knows no time limit, and of a host with many
    addresses each would get a limit of its own.
    """
    # The files are compressed already, and the checksum is of the compressed bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    answer: Future[requests.Response] = Future()

    def ask() -> None:
        try:
            answer.set_result(session.get(file.url, headers=headers, stream=True, timeout=silence))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    offline = f"There is no connection to {urlsplit(file.url).hostname} for {file.name}"
    try:
        return answer.result(timeout=silence)
    except (TimeoutError, requests.Timeout) as error:
        answer.add_done_callback(_close)
        raise OfflineError(f"{offline} (no answer in {silence:g} s). {_remedy(file)}") from error
    except requests.ConnectionError as error:
        cause = error.args[0] if error.args else error
        # Only what couldn't even be opened is wrapped like this; the rest broke later.
        if isinstance(cause, urllib3.exceptions.MaxRetryError) and not isinstance(
            error, requests.exceptions.SSLError
        ):
            reason = str(cause.reason).split("): ", 1)[-1]  # without the connection's repr
            raise OfflineError(f"{offline} ({reason}). {_remedy(file)}") from error
        raise _BrokenError(str(cause)) from error
    except requests.RequestException as error:
        raise DownloadError(f"{file.url} can't be asked for ({error}). {_remedy(file)}") from error


def _close(late: Future[requests.Response]) -> None:
    if late.exception() is None:
        late.result().close()


def _position(response: requests.Response, sink: BinaryIO, file: File) -> None:
    """Checks what the server is about to send, and sets the sink to where that belongs."""
    status = f"HTTP {response.status_code} {response.reason}"
    if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
        raise _BrokenError(status)
    if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
        raise DownloadError(f"{file.url} is not to be had ({status}). {_remedy(file)}")
    start = 0
    if response.status_code == requests.codes.partial_content:
        content = response.headers.get("Content-Range", "")
        start = int(found[1]) if (found := re.match(r"bytes (\d+)-", content)) else -1
    if start != sink.tell():  # the whole file from its beginning, or something that doesn't fit
        sink.seek(0)
        sink.truncate()
        if start:
            raise _BrokenError(f"asked to go on, the server sent {content!r}")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and start + int(length) != file.size:
        raise DataError(_length(file, f"{start + int(length):,}"))


def _append(response: requests.Response, sink: BinaryIO, file: File, bar: Any) -> None:
    """Writes what the server sends to the sink."""
    reason = "the server closed the connection"
    try:
        # read1 hands over what has come; read would wait for a whole block, and lose it at a break.
        while block := response.raw.read1(BLOCK, decode_content=False):
            if sink.tell() + len(block) > file.size:
                raise DataError(_length(file, "more"))
            sink.write(block)
            bar.update(sink.tell() - bar.n)
    except urllib3.exceptions.HTTPError as error:
        reason = str(error)
    if sink.tell() < file.size:
        raise _BrokenError(reason)


def _length(file: File, found: str) -> str:
    return (
        f"{file.url} should have {file.size:,} bytes, but the server sends {found}: it isn't the "
        f"file that was expected (a login page, say). {_remedy(file)}"
    )
