"""Whether two sides have computed the same thing."""

from pathlib import Path

import numpy as np

from benchmarks.model import Agreement, Arrays, Check


def within(allowed: float) -> Check:
    """Both sides' arrays agree to `allowed`, relative to the largest entry of the peer's."""

    def check(ours: Arrays, peer: Arrays, folder: Path) -> Agreement:
        if ours.keys() != peer.keys():
            raise ValueError(f"the sides return {sorted(ours)} and {sorted(peer)}.")
        differences = [_relative(ours[name], peer[name]) for name in peer]
        return Agreement(max(differences), allowed)

    return check


def corner_within(allowed: float) -> Check:
    """The same for a peer that computed the first rows and columns only."""

    def check(ours: Arrays, peer: Arrays, folder: Path) -> Agreement:
        rows, columns = peer["gram"].shape
        return Agreement(_relative(ours["gram"][:rows, :columns], peer["gram"]), allowed)

    return check


def against_reference(allowed: float) -> Check:
    """Both sides' errors from an exact reference, relative to its largest value."""

    def check(ours: Arrays, peer: Arrays, folder: Path) -> Agreement:
        exact = np.load(folder / "reference.npy")
        # Rounding of the reference itself: an error of 0 would mean no more.
        ours_error = max(_relative(ours["values"], exact), float(np.finfo(float).eps))
        errors = (ours_error, _relative(peer["values"], exact))
        return Agreement(_relative(ours["values"], peer["values"]), allowed, errors)

    return check


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape:
        raise ValueError(f"the sides return arrays of shape {a.shape} and {b.shape}.")
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
