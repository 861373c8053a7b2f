"""Whom downloads trust: the system, what the environment names, and certifi."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from refusals import refused
from servers import CONTENT, Server, hasten, kept

from ntklib.datasets import DownloadError, _download

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def openssl(*arguments: str, cwd: Path) -> str:
    answer = subprocess.run(
        ["openssl", *arguments], cwd=cwd, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private authority, as of a network that inspects connections, and a server's certificate.

    It is in `ca.pem`, and in the folder `trusted` under the name that OpenSSL looks for.
    """
    folder = tmp_path_factory.mktemp("authority")
    openssl("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Inspector",
            cwd=folder)  # fmt: skip
    openssl("req", *KEY[:-2], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server",
            cwd=folder)  # fmt: skip
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", "server.crt",
            cwd=folder)  # fmt: skip
    both = (folder / "server.crt").read_text() + (folder / "server.key").read_text()
    (folder / "server.pem").write_text(both)
    (folder / "trusted").mkdir()
    name = openssl("x509", "-in", "ca.pem", "-noout", "-hash", cwd=folder)
    shutil.copy(folder / "ca.pem", folder / "trusted" / f"{name}.0")
    return folder


@pytest.fixture
def server(authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose certificate nobody trusts yet."""
    hasten(monkeypatch)
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
    with Server(authority / "server.pem") as running:
        yield running


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("SSL_CERT_FILE", "ca.pem"),
        ("SSL_CERT_DIR", "trusted"),
        ("SSL_CERT_DIR", f"missing{os.pathsep}trusted"),
        ("REQUESTS_CA_BUNDLE", "ca.pem"),
        ("REQUESTS_CA_BUNDLE", "trusted"),
        ("CURL_CA_BUNDLE", "ca.pem"),
        ("PIP_CERT", "ca.pem"),
    ],
)
def test_what_the_environment_names_is_trusted(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str
) -> None:
    monkeypatch.setenv(
        variable, os.pathsep.join(str(authority / each) for each in place.split(os.pathsep))
    )
    assert _download.fetch(server.file()).read_bytes() == CONTENT


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is the system's store OpenSSL's")
def test_what_the_system_trusts_is_trusted(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL takes its variable for the system's store, which a test can't write to."""
    monkeypatch.setattr(_download, "BUNDLES", ())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    assert _download.fetch(server.file()).read_bytes() == CONTENT


def test_certifi_is_trusted_where_the_system_has_nothing(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(authority / "ca.pem"))
    assert _download.fetch(server.file()).read_bytes() == CONTENT


def test_what_nobody_trusts_is_not_fetched(server: Server, tmp_path: Path) -> None:
    sentence = (
        "a.gz can't be had: 127.0.0.1 showed a certificate that isn't trusted (unable to get local "
        "issuer certificate); where a network inspects connections, SSL_CERT_FILE has to name its "
        "certificates. Try again later, or put a.gz"
    )
    with refused(sentence, DownloadError):
        _download.fetch(server.file())
    assert server.asked == []
    assert kept(tmp_path / "data") == []


def test_a_certificate_of_another_host_is_not_trusted(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    file = server.file()
    other = _download.File(file.url.replace("127.0.0.1", "localhost"), file.sha256, file.size)
    with refused("localhost showed a certificate that isn't trusted (Hostname mism", DownloadError):
        _download.fetch(other)
    assert server.asked == []


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), ("none", "certificate")]
)
def test_a_variable_that_names_no_certificates(
    server: Server, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    content: str | None, why: str,
) -> None:  # fmt: skip
    """It isn't in the way of the others, but it is told."""
    place = tmp_path / "stale.pem"
    if content:
        place.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    sentence = f"SSL_CERT_FILE = {place} has no certificates that can be read .*{why}"
    with pytest.warns(UserWarning, match=sentence):
        assert _download.fetch(server.file()).read_bytes() == CONTENT
