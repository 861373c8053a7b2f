"""Real images: MNIST, CIFAR-10, and what stands in for them where they can't be had.

`mnist` and `cifar10` fetch the official files once, into the user's cache or the folder that the
environment variable NTKLIB_DATA names, and verify their SHA-256. Servers are trusted by the
certificates of the system, those that SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE,
CURL_CA_BUNDLE or PIP_CERT name, and those of the package certifi. `digits` and
`photograph_patches` come with packages of the book and never ask for a network.
"""

from ntklib.datasets._catalog import cifar10, digits, mnist, photograph_patches
from ntklib.datasets._download import DownloadError
from ntklib.datasets._images import Images

__all__ = [
    "DownloadError",
    "Images",
    "cifar10",
    "digits",
    "mnist",
    "photograph_patches",
]
