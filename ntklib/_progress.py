"""Progress bars over draws that compiled code advances."""

from typing import Any

from tqdm import tqdm

DELAY = 5.0
"""Seconds before a bar appears."""


def display(title: str, total: float | int, *, shown: bool, initial: float | int = 0) -> Any:
    """Returns a bar with the time left, for work in any unit; it appears when it takes long."""
    return tqdm(
        total=total, initial=initial, desc=title, delay=DELAY, mininterval=0.5, disable=not shown,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]",
    )  # fmt: skip
