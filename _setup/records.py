"""Which installed packages aren't whole, by the record that each brings of its files."""

import csv
import os
from collections import defaultdict
from pathlib import Path


def incomplete(environment: Path) -> list[str]:
    """The packages that lack a file, or have one of another size.

    An installer that was stopped, or a cache that a full disk damaged, leave such packages, which
    uv takes for installed. To read every file too would take as long as installing them.

    Args:
        environment: The folder of a virtual environment.

    Returns:
        Their names, sorted.
    """
    owners: dict[str, set[str]] = defaultdict(set)  # two packages may bring the same file
    sizes: dict[str, set[str]] = defaultdict(set)
    for package in environment.glob("lib/python*/site-packages/*.dist-info"):
        for path, size in recorded(package):
            file = f"{package.parent}/{path}"
            owners[file].add(package.name.split("-")[0])
            sizes[file].add(size)
    return sorted({name for file in owners if not fits(file, sizes[file]) for name in owners[file]})


def recorded(package: Path) -> list[tuple[str, str]]:
    """The files of a package and their sizes, which may be empty; its record is one of them."""
    record = package / "RECORD"
    if not record.is_file():
        return [(f"{package.name}/RECORD", "")]
    rows = csv.reader(record.read_text(encoding="utf-8").splitlines())
    # Python writes its compiled files anew.
    return [(path, size) for path, _, size in rows if not path.endswith(".pyc")]


def fits(file: str, sizes: set[str]) -> bool:
    """Whether a file is there and has one of the sizes recorded for it."""
    try:
        found = str(os.stat(file).st_size)  # noqa: PTH116 - a Path takes thrice as long
    except OSError:
        return False
    return bool({"", found} & sizes)
