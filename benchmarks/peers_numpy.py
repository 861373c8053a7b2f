"""NumPy and SciPy, as a careful user writes them without a library for kernels."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from benchmarks.inputs import load
from benchmarks.worker import Outcome, Run

Size = dict[str, Any]


def dense(folder: Path, size: Size) -> Run:
    """The empirical kernel of one hidden layer by its formula, and its eigenvalues."""
    x, hidden, hidden_bias, output = load(folder, "x", "hidden", "hidden_bias", "output")
    n, d, m = size["n"], size["d"], size["m"]

    def run() -> Outcome:
        u = x @ hidden.T / math.sqrt(d) + hidden_bias
        alpha = np.logaddexp(0.0, u)
        slopes = scipy.special.expit(u) * output
        gram = alpha @ alpha.T / m + 1 + (slopes @ slopes.T / m) * (x @ x.T / d + 1)
        values = scipy.linalg.eigh(gram / n, eigvals_only=True)
        return Outcome({"values": values[::-1]})

    return run


def eigh(folder: Path, size: Size) -> Run:
    """All eigenpairs, of which the largest are kept."""
    (gram,) = load(folder, "gram")

    def run() -> Outcome:
        values, _ = scipy.linalg.eigh(gram / size["n"])
        return Outcome({"values": values[::-1][: size["k"]]})

    return run


def eigh_subset(folder: Path, size: Size) -> Run:
    """The largest eigenpairs by their index."""
    (gram,) = load(folder, "gram")
    n = size["n"]

    def run() -> Outcome:
        values, _ = scipy.linalg.eigh(gram / n, subset_by_index=[n - size["k"], n - 1])
        return Outcome({"values": values[::-1]})

    return run


def sphere(folder: Path, size: Size) -> Run:
    """Eigenvalues of one ReLU layer's kernel by degree, by Nyström's method at random points."""
    (x,) = load(folder, "x")
    n, d = size["n"], size["d"]

    def run() -> Outcome:
        cosine = np.clip(x @ x.T, -1.0, 1.0)
        angle = np.arccos(cosine)
        gram = (np.sqrt(1 - cosine**2) + 2 * (math.pi - angle) * cosine) / (2 * math.pi * d)
        found = scipy.linalg.eigh(gram / n, eigvals_only=True)[::-1]
        values, start = np.zeros(size["degree"] + 1), 0
        # Odd degrees from 3 on have the eigenvalue 0, and multiplicities soon exceed the points.
        for degree in (0, 1, *range(2, size["degree"] + 1, 2)):
            count = _multiplicity(d, degree)
            if start + count > n:
                break
            values[degree] = found[start : start + count].mean()
            start += count
        return Outcome({"values": values})

    return run


def _multiplicity(d: int, degree: int) -> int:
    """The dimension of the spherical harmonics of a degree on S^{d−1}."""
    lower = math.comb(d + degree - 3, degree - 2) if degree >= 2 else 0
    return math.comb(d + degree - 1, degree) - lower
