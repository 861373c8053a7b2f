"""What uv trusts and where packages come from, which people have told pip and not uv."""

import ast
import os
import ssl
import sys
from pathlib import Path

from . import tools

BUNDLE = tools.TOOLS / "certificates.pem"
# Where Linux distributions and macOS keep the certificates that the machine trusts.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def pip_options(python: Path) -> dict[str, str]:
    """What pip's files and variables configure, by option, such as "index-url"."""
    listed = tools.answer(python, "-m", "pip", "config", "list") or ""
    options = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        # Variables count more than what is said of `pip install`, and that more than the rest.
        rank = {":env:": 2, "install": 1, "global": 0}.get(section)
        if rank is not None:
            options[rank, option] = str(ast.literal_eval(value))
    return {option: options[rank, option] for rank, option in sorted(options)}


def certificates(python: Path, options: dict[str, str]) -> dict[str, str]:
    """The variables with which uv trusts what pip trusts.

    By itself uv trusts a list of its own alone, with its option for the machine's certificates
    these alone, which may be none. So it gets one file of them all: those named to pip or any other
    program, the machine's, and pip's list. What is installed has to have the lock's hash anyway.

    Args:
        python: A Python that has pip.
        options: pip's, from `pip_options`.
    """
    if "UV_SYSTEM_CERTS" in os.environ or "UV_NATIVE_TLS" in os.environ:
        return {}
    variables = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    named = [options.get("cert"), *map(os.environ.get, variables)]
    if sys.platform == "darwin" and not any(named):
        return {"UV_SYSTEM_CERTS": "1"}  # no file has those of the keychain, which is never empty
    of_pip = "from pip._vendor import certifi; print(certifi.where(), end='')"
    places = [*named, system_bundle(), tools.answer(python, "-c", of_pip)]
    files = {file: None for place in places if place for file in certificate_files(Path(place))}
    if not files:
        return {}
    BUNDLE.write_bytes(b"\n".join(file.read_bytes() for file in files))
    return {"SSL_CERT_FILE": str(BUNDLE)}


def system_bundle() -> str | None:
    """The file with the certificates that the machine trusts, if there is one."""
    places = (ssl.get_default_verify_paths().cafile, *SYSTEM_BUNDLES)
    return next((place for place in places if place and Path(place).is_file()), None)


def certificate_files(place: Path) -> list[Path]:
    """The files of a bundle or of a folder of certificates, resolved."""
    found = sorted(place.iterdir()) if place.is_dir() else [place]
    return [file.resolve() for file in found if file.is_file()]


def own_index(options: dict[str, str]) -> dict[str, str] | None:
    """Pip's variables where the packages come from an index of one's own, otherwise None.

    uv.lock names the public index, and uv asks no other for what is locked. An index in addition
    to the public one is no reason to leave it.
    """
    if options.get("no-index", "0").lower() in {"1", "true", "yes", "on"}:
        return {}
    index = options.get("index-url")
    if index:
        public = f'registry = "{index.rstrip("/")}"'
        return None if public in (tools.ROOT / "uv.lock").read_text(encoding="utf-8") else {}
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    return {"PIP_INDEX_URL": index} if index else None
