"""The official files of MNIST and CIFAR-10, with what they are verified by.

SHA-256 and sizes as in tensorflow/datasets, tensorflow_datasets/url_checksums/mnist.txt and
cifar10.txt (commits 31f1255 and 333639b).
"""

from ntklib.datasets._download import File


def _of_mnist(name: str, sha256: str, size: int) -> File:
    return File(f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}-ubyte.gz", sha256, size)


MNIST = {
    "train": (
        _of_mnist(
            "train-images-idx3",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9_912_422,
        ),
        _of_mnist(
            "train-labels-idx1",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28_881,
        ),
    ),
    "test": (
        _of_mnist(
            "t10k-images-idx3",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1_648_877,
        ),
        _of_mnist(
            "t10k-labels-idx1",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4_542,
        ),
    ),
}
"""Images and labels by split."""
CIFAR10 = File(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    size=170_052_171,
)
"""Both splits, in one archive."""
