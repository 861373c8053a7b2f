"""Downloads that resume, are verified, and leave nothing behind when they fail."""

import errno
import os
import ssl
import threading
import time
import warnings
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import certifi
import truststore
from tqdm import TqdmWarning, tqdm

with warnings.catch_warnings():
    # It looks for a notebook's bar, of which tqdm warns where ipywidgets is missing.
    warnings.simplefilter("ignore", TqdmWarning)
    import pooch

FOLDER = "NTKLIB_DATA"
"""The environment variable with the folder that takes the place of the user's cache."""

BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
"""Environment variables that name certificates to trust."""

ATTEMPTS = 4
"""Connections in all for one file."""

PAUSE = 0.5
"""Seconds before the second connection; twice as long before each further one."""

SILENCE = 10.0
"""Seconds without a byte after which a connection counts as broken."""

BLOCK = 2**16


class DataError(ValueError):
    """A file is not what it should be: it has another checksum."""


class DownloadError(ConnectionError):
    """A file can't be had: its server is out of reach, isn't trusted, or doesn't give it."""


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


class _BrokenError(Exception):
    """A connection broke, or the server asked to come back later: try again."""


def fetch(file: File) -> Path:
    """Returns the path of a verified copy of a file, downloading it if there is none.

    It is kept in the folder named by NTKLIB_DATA, else in the user's cache. pooch writes to a
    temporary file beside it, verifies that and moves it into place at once, so that neither a
    failure nor a second process leaves half a file there. A damaged file in the user's cache is
    downloaded anew; one in NTKLIB_DATA is left alone, as other data sets use the same names.

    Raises:
      DownloadError: the server can't be reached or isn't trusted, doesn't give the file, or the
        connection broke too often.
      DataError: the file has another checksum.
      OSError: the file could not be written, for want of space for example.
    """
    store = pooch.create(
        path=pooch.os_cache("ntklib"),
        base_url="",
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: file.url},
        env=FOLDER,
    )
    path = Path(store.abspath) / file.name
    if os.environ.get(FOLDER) and path.exists():
        if (found := pooch.file_hash(str(path))) != file.sha256:
            raise DataError(
                f"{path} should have the SHA-256 {file.sha256}, but has {found}: it is damaged or "
                f"of another data set. Move it away, or set {FOLDER} to another folder."
            )
        return path
    try:
        store.fetch(file.name, downloader=lambda _url, target, _pooch: _download(file, target))
    except DownloadError:
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


def _download(file: File, target: str) -> None:
    """Downloads a file, going on where a broken connection left off."""
    bar = tqdm(total=file.size, desc=file.name, unit="B", unit_scale=True, delay=2)
    with bar, Path(target).open("wb") as sink:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                with _ask(file, sink.tell()) as response:
                    _receive(response, sink, file, bar)
                break
            except _BrokenError as error:
                broken = error
        else:
            came = f"{sink.tell():,} of {file.size:,} bytes after {ATTEMPTS} tries"
            raise _unavailable(file, f"{broken}, {came}") from broken
    # pooch's temporary files are for their owner only, but a class may share the folder.
    Path(target).chmod(0o644)


def _unavailable(file: File, why: str) -> DownloadError:
    return DownloadError(
        f"{file.name} can't be had: {urlsplit(file.url).hostname} {why}. Try again later, or put "
        f"{file.name} from another computer into a folder and set {FOLDER} to that."
    )


def _ask(file: File, start: int) -> HTTPResponse:
    """Returns the server's answer to a request for the bytes from `start` on."""
    request = Request(file.url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310
    try:
        response = _open(request)
    except HTTPError as error:
        error.close()
        why = f"answered HTTP {error.code} {error.reason}"
        again = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500
    except (OSError, HTTPException) as error:
        why = _obstacle(error.reason if isinstance(error, URLError) else error)
        # What can't even be opened is not worth waiting for, unless it was there a moment ago.
        again = start > 0 or not isinstance(error, URLError | TimeoutError)
    else:
        if response.headers.get_content_type() != "text/html":
            return response
        response.close()
        why = "answered with a web page, as networks do that want a login or block a site"
        again = False
    raise _BrokenError(why) if again else _unavailable(file, why)


def _obstacle(cause: Any) -> str:
    if isinstance(cause, TimeoutError):
        return f"gave no answer in {SILENCE:g} s"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"showed a certificate that isn't trusted ({cause.verify_message}); where a network "
            "inspects connections, SSL_CERT_FILE has to name its certificates"
        )
    return f"can't be reached ({getattr(cause, 'strerror', None) or cause})"


def _open(request: Request) -> HTTPResponse:
    """Opens an address, or gives up when there is no answer in time."""
    # Waited for in a thread: looking up a name knows no limit, and each of several addresses would
    # get a limit of its own.
    answer: Future[HTTPResponse] = Future()
    trust = _trust() if request.type == "https" else None

    def ask() -> None:
        try:
            answer.set_result(urlopen(request, timeout=SILENCE, context=trust))  # noqa: S310
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(timeout=SILENCE)
    except TimeoutError:
        answer.add_done_callback(_close)
        raise


def _close(late: Future[HTTPResponse]) -> None:
    if late.exception() is None:
        late.result().close()


def _trust() -> ssl.SSLContext:
    """Trusts the system's certificates, those that the environment names, and certifi's.

    Any of them will do, since what comes is believed for its SHA-256 alone.
    """
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    for variable in BUNDLES:
        if place := os.environ.get(variable):
            kind = "capath" if variable == "SSL_CERT_DIR" or Path(place).is_dir() else "cafile"
            try:
                context.load_verify_locations(**{kind: place})
            except OSError as error:
                warnings.warn(
                    f"{variable} = {place} has no certificates that can be read "
                    f"({error.strerror or error}): going on without it.",
                    stacklevel=2,
                )
    return context


def _receive(response: HTTPResponse, sink: BinaryIO, file: File, bar: Any) -> None:
    """Writes what the server sends to the sink, whatever it is: the checksum will tell."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:  # the file from its beginning
        sink.seek(0)
        sink.truncate()
    while sink.tell() <= file.size and (block := _block(response)):
        sink.write(block)
        bar.update(sink.tell() - bar.n)
    if sink.tell() < file.size and response.length != 0:  # 0: that is all it announced
        raise _BrokenError("closed the connection")


def _block(response: HTTPResponse) -> bytes:
    try:
        # read1 hands over what has come; read would wait for a whole block, and lose it at a break.
        return response.read1(BLOCK)
    except (OSError, HTTPException) as error:
        raise _BrokenError(f"broke the connection ({error})") from error
