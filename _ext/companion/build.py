"""`python -m companion.build`: builds the book in this folder, as far as something has changed.

Where nothing has, Sphinx isn't started. Where only text of pages has, Sphinx reads these alone, and
writes them and what shows something of them (`writing`). Otherwise, and after a build that failed,
it reads all of them anew: any page can change with configuration, extension, library and packages,
and warnings about a page come when it is read.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from companion import changes

KINDS = {
    ".html": "pages",
    ".js": "scripts",
    ".css": "styles",
    **dict.fromkeys([".woff", ".woff2", ".ttf"], "fonts"),
    **dict.fromkeys([".png", ".svg", ".jpg"], "pictures"),
    **dict.fromkeys([".md", ".ipynb", ".json", ".csv"], "sources and data"),
    ".map": "maps of scripts",
}
"""What files of a site are, by how their names end."""


def build(root: Path) -> int:
    """Builds the book in a folder and returns the exit status."""
    start = time.monotonic()
    page = f"file://{root / '_build' / 'html' / 'index.html'}"
    before, now = changes.saved(root), changes.state(root)
    if before == now:
        _say(f"Nothing has changed since the book was built. Open {page}")
        return 0
    afresh = [] if changes.only_pages(before, now) else ["--all"]
    changes.forget(root)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", *afresh, "-W", "--keep-going", "."]
    # This module is found by it; chapters shall find what readers find.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        status = subprocess.run(command, cwd=root, env=own, check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return 130
    if status == 0:
        # What was edited during the build isn't known to be in it.
        changes.save(root, now | {"built": changes.state(root)["built"]})
        _say(sizes(root / "_build" / "html"))
        _say(f"Built in {time.monotonic() - start:.0f} s. Open {page}")
    return status


def sizes(site: Path) -> str:
    """Says how large a site is, by kinds of files, the largest kind first."""
    found: Counter[str] = Counter()
    for path in site.rglob("*"):
        if path.is_file():
            found[KINDS.get(path.suffix, "other")] += path.stat().st_size
    kinds = ", ".join(f"{kind} {size / 1e6:.1f}" for kind, size in found.most_common())
    return f"The site has {found.total() / 1e6:.1f} MB: {kinds}."


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(build(Path.cwd()))
