"""`_setup` and the network: whom uv trusts, and packages from an index of one's own."""

import http.server
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from trees import FILES, Tree, wheel

from _setup import network, tools

FEW = {"few/__init__.py": b""}
CONFIG = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = A private authority
[extensions]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:FALSE
"""


# ---- certificates ------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files."""

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate, with its key, of a server that no list of certificates has."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, isn't installed")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "config").write_text(CONFIG)
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -config config -keyout key -out pem"
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "pem").read_text())
    return folder / "pem"


@pytest.fixture
def inspected(tmp_path: Path, authority: Path) -> Iterator[Tree]:
    """A project whose wheels are on a server with that certificate."""
    (tmp_path / "index").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "index"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.with_name("both"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    where = f"https://127.0.0.1:{server.server_port}"
    tree = Tree(tmp_path / "tree", {"few": FEW}, files=where)
    tree.lend_uv()
    yield tree
    server.shutdown()
    thread.join()
    server.server_close()


def test_uv_trusts_what_pip_trusts(authority: Path, inspected: Tree) -> None:
    status, said = inspected.run("sync")
    assert status == 1
    assert "UnknownIssuer" in said
    for variable in ("PIP_CERT", "SSL_CERT_FILE"):
        shutil.rmtree(inspected.venv, ignore_errors=True)
        shutil.rmtree(inspected.root / ".tools" / "cache")
        inspected.sync(**{variable: str(authority)})
        assert inspected.wrong() == []


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any certificates, on which a folder is for tools."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "UV_SYSTEM_CERTS"):
        monkeypatch.delenv(name, raising=False)
    nowhere = ssl.get_default_verify_paths()._replace(cafile="")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr(network, "SYSTEM_BUNDLES", ())
    monkeypatch.setattr(network, "BUNDLE", tmp_path / "bundle.pem")
    return tmp_path


def test_the_certificates_of_the_machine_and_of_pip_are_one_file(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them are there: uv refuses an empty store, and another lacks the public ones."""
    without_pip, pip = Path(sys.executable), tools.OWN / "bin" / "python"
    assert network.certificates(without_pip, {}) == {}
    if not tools.whole(tools.OWN):
        pytest.skip("the project's own uv isn't installed: make setup without UV")
    found = {"SSL_CERT_FILE": str(bare / "bundle.pem")}
    assert network.certificates(pip, {}) == found
    public = (bare / "bundle.pem").read_text()
    assert public.count("BEGIN CERTIFICATE") > 50
    private = bare / "ca-certificates.crt"
    private.write_text("private")
    monkeypatch.setattr(network, "SYSTEM_BUNDLES", (str(bare / "none"), str(private)))
    assert network.certificates(pip, {"cert": str(bare / "none")}) == found
    assert (bare / "bundle.pem").read_text() == f"private\n{public}"


def test_a_folder_of_certificates_is_read(bare: Path) -> None:
    (bare / "folder" / "deeper").mkdir(parents=True)
    for name in ("a.pem", "b.0"):
        (bare / "folder" / name).write_text(name)
    network.certificates(Path(sys.executable), {"cert": str(bare / "folder")})
    assert (bare / "bundle.pem").read_text() == "a.pem\nb.0"


def test_what_requests_trusts_counts_too(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does for pip, which asks by way of requests."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        (bare / name).write_text(name)
        monkeypatch.setenv(name, str(bare / name))
    network.certificates(Path(sys.executable), {})
    assert (bare / "bundle.pem").read_text() == "REQUESTS_CA_BUNDLE\nCURL_CA_BUNDLE"


def test_on_macos_uv_asks_the_keychain(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert network.certificates(Path(sys.executable), {}) == {"UV_SYSTEM_CERTS": "1"}


def test_what_uv_is_told_stays(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_SYSTEM_CERTS", "0")
    assert network.certificates(Path(sys.executable), {"cert": str(bare)}) == {}


# ---- an index of one's own ---------------------------------------------------------------------


@pytest.fixture
def behind(tmp_path: Path) -> Tree:
    """A project whose lock names an index that can't be reached, with a mirror of it."""
    tree = Tree(tmp_path / "tree", {"few": FEW}, files=FILES)
    tree.lend_uv()
    return tree


def test_pip_installs_where_it_is_set_to_an_index(tmp_path: Path, behind: Tree) -> None:
    status, said = behind.run("sync")
    assert status == 1
    assert "files.invalid" in said
    configured = tmp_path / "pip.conf"
    configured.write_text(f"[global]\nindex-url = {behind.index.as_uri()}\n")
    said = behind.sync(PIP_CONFIG_FILE=str(configured))
    assert "so pip installs, from there" in said
    assert behind.wrong() == []
    assert list(behind.venv.glob("lib/python*/site-packages/tiny-1.dist-info"))
    # The packages are those of before, so that pip isn't asked for them, nor the index.
    shutil.rmtree(behind.index / "few")
    with (behind.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    behind.sync(PIP_CONFIG_FILE=str(configured))


def test_pip_installs_where_it_is_asked_for(behind: Tree) -> None:
    folder = str(behind.index / "few")
    behind.sync(INSTALLER="pip", PIP_NO_INDEX="1", PIP_FIND_LINKS=folder)
    assert behind.wrong() == []


def test_what_pip_finds_has_to_be_what_is_locked(behind: Tree) -> None:
    wheel(behind.index, "few", {"few/__init__.py": b"print('another')"})
    status, said = behind.run("sync", UV_DEFAULT_INDEX=behind.index.as_uri())
    assert status == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in said
    assert not (behind.venv / ".synced").exists()


def test_an_installer_that_is_neither(behind: Tree) -> None:
    status, said = behind.run("sync", INSTALLER="conda")
    assert status == 1
    assert said.endswith("INSTALLER is conda: give uv or pip, or leave it out.\n")


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ({}, {}, None),
        ({"extra-index-url": "https://a.invalid", "find-links": "/wheels"}, {}, None),
        ({"index-url": "https://a.invalid/simple"}, {}, {}),
        ({"no-index": "1"}, {}, {}),
        ({"no-index": "0"}, {}, None),
        ({}, {"UV_INDEX_URL": "https://b.invalid"}, {"PIP_INDEX_URL": "https://b.invalid"}),
        ({"index-url": "the public one"}, {"UV_INDEX_URL": "https://b.invalid"}, None),
    ],
    ids=str,
)
def test_an_index_is_left_only_for_another_one(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
    variables: dict[str, str],
    expected: dict[str, str] | None,
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    lock = (tools.ROOT / "uv.lock").read_text(encoding="utf-8")
    public = lock.partition('registry = "')[2].partition('"')[0]
    given = {name: value.replace("the public one", f"{public}/") for name, value in options.items()}
    assert network.own_index(given) == expected


def test_what_pip_was_told_last_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not tools.whole(tools.OWN):
        pytest.skip("the project's own uv isn't installed: make setup without UV")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    configured = tmp_path / "pip.conf"
    configured.write_text("[global]\nindex-url = a\ncert = 'c'\n[install]\nindex-url = b\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configured))
    pip = tools.OWN / "bin" / "python"
    options = network.pip_options(pip)
    assert options["index-url"] == "b"
    assert options["cert"] == "'c'"
    monkeypatch.setenv("PIP_INDEX_URL", "d")
    assert network.pip_options(pip)["index-url"] == "d"
