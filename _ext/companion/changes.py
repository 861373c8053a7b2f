"""What the built book depends on, and whether it has changed since.

Needs the standard library alone, so that finding nothing to do takes no time.
"""

import hashlib
import json
import os
import platform
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGES = ("*.md", "*.ipynb")
"""Below `chapters`: what Sphinx reads one by one. Whatever else changes can change every page."""
AROUND = ("_config.yml", "_toc.yml", "CITATION.cff")
VARIABLES = ("NTKLIB_SCALE", "JAX_PLATFORMS")
STATE = "state.json"


def git(root: Path, *arguments: str) -> str:
    """Returns what git says, nothing where it fails or isn't there."""
    command = ["git", "-C", str(root), *arguments]  # git is found as the caller's shell finds it
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""


def state(root: Path) -> dict[str, Any]:
    """Returns what tells apart two states of a book and of what has been built of it.

    Args:
        root: its folder.

    Returns:
        Hashes of `pages`, by their paths; of what is `around` them: configuration, extension,
        library with its docstrings, images, packages, the repository's address; and of `built`, the
        names, sizes and times of files.
    """
    chapters, build = root / "chapters", root / "_build"
    pages = {path for pattern in PAGES for path in chapters.rglob(pattern)}
    around = {root / name for name in AROUND} | set(chapters.rglob("*")) - pages
    around |= {path for name in ("_static", "_ext") for path in (root / name).rglob("*")}
    around |= set((root / "ntklib").rglob("*.py"))
    further = [
        platform.python_version(),
        sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info")),
        [os.environ.get(name, "") for name in VARIABLES],
        [git(root, "remote", "get-url", "origin"), git(root, "branch", "--show-current")],
    ]
    # Reading a page may have warned: what another build has read since is not known to be in order.
    built = [build / "claims.json", build / ".doctrees" / "environment.pickle"]
    stats = {path: path.stat() for path in _files([*built, *(build / "html").rglob("*")])}
    seen = [
        [path.relative_to(build).as_posix(), each.st_size, each.st_mtime_ns]
        for path, each in stats.items()
    ]
    return {
        "pages": _hashes(root, pages),
        "around": _digest([_hashes(root, around), further]),
        "built": _digest(seen),
    }


def saved(root: Path) -> dict[str, Any]:
    """Returns the state that the last build left, empty if it failed or there was none."""
    path = root / "_build" / STATE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def save(root: Path, found: dict[str, Any]) -> None:
    """Keeps a state for the next build."""
    path = root / "_build" / STATE
    path.write_text(json.dumps(found), encoding="utf-8")


def forget(root: Path) -> None:
    """Lets the next build begin anew, unless this one ends well."""
    (root / "_build" / STATE).unlink(missing_ok=True)


def only_pages(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Tells whether nothing but the text of pages that are still the same ones has changed."""
    same = all(before.get(name) == now[name] for name in ("around", "built"))
    return same and before["pages"].keys() == now["pages"].keys()


def _files(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def _hashes(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files(paths)
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
