"""The environment in .venv: whole or in the making, whatever stopped the last command."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from . import records, tools
from .installers import Installers

VENV = tools.ROOT / ".venv"
STAMP = VENV / ".synced"


def sync(groups: list[str]) -> None:
    """Brings .venv to what uv.lock, EXTRA, INSTALLER and the Python that runs this ask for.

    Only a whole environment has a stamp. One without is installed from nothing, since uv takes for
    installed what an interruption left.

    Args:
        groups: Dependency groups in addition to the default ones and to those that .venv has.

    Raises:
        SystemExit: If a tool fails, or a package is incomplete after a second try.
    """
    if stamp() == wanted(groups):
        return
    with tools.alone():
        before, after = stamp(), wanted(groups)
        if before == after:
            return
        STAMP.unlink(missing_ok=True)
        if before is None or before["base"] != after["base"]:
            empty(VENV)
        installers = Installers()
        installers.install(VENV, after["extras"], after["groups"])
        damaged = records.incomplete(VENV)
        if damaged:
            print(f"Not whole, so installed again: {', '.join(damaged)}.", flush=True)
            empty(VENV)
            installers.forget(damaged)
            installers.install(VENV, after["extras"], after["groups"])
            damaged = records.incomplete(VENV)
        if damaged:
            sys.exit(f"Not whole after a second try: {', '.join(damaged)}. Is the disk full?")
        whole = STAMP.with_suffix(".new")
        whole.write_text(json.dumps(after), encoding="utf-8")
        whole.replace(STAMP)


def stamp() -> dict[str, Any] | None:
    """What .venv was installed from, or None if it isn't known to be whole."""
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def wanted(groups: list[str]) -> dict[str, Any]:
    """The stamp of an environment as it is asked for."""
    lock = hashlib.sha256()
    for name in ("pyproject.toml", "uv.lock"):
        lock.update((tools.ROOT / name).read_bytes())
    python = [sys.executable, *sys.version_info[:2]]
    return {
        # An environment can't be changed into one with another of these.
        "base": [str(tools.ROOT), os.environ.get("INSTALLER", ""), *python],
        "extras": os.environ.get("EXTRA", "").split(),
        "groups": sorted({*groups, *(stamp() or {}).get("groups", [])}),
        "lock": lock.hexdigest(),
    }


def empty(folder: Path) -> None:
    """Removes everything in a folder, but not the folder itself: it may be a link, or a disk."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
