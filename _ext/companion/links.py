"""What `make links` prints: the external links that don't answer, as Sphinx's linkcheck found."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FAILED = ("broken", "timeout")


def report(results: Iterable[Mapping[str, Any]]) -> tuple[str, bool]:
    """Returns what there is to say about the links, and whether all of them answered.

    Args:
        results: for each link its `uri` and `status`, the page (`filename`) that has it, and
            what went wrong (`info`).
    """
    checked = [each for each in results if each["uri"].startswith(("http://", "https://"))]
    failed = [each for each in checked if each["status"] in FAILED]
    if checked and len(failed) == len(checked):
        answer = f"None of {len(checked)} links answered: there seems to be no network here."
        return f"{answer} The first one said: {failed[0]['info']}", False
    lines = [f"{each['filename']}: {each['uri']}\n    {each['info']}" for each in failed]
    return "\n".join([*lines, f"{len(failed)} of {len(checked)} links did not answer."]), not failed


def main(path: Path) -> str | None:
    """Reports what linkcheck has written to a file, one JSON object a line.

    Returns:
        What to exit with: nothing if all links answered, else what to print on stderr.
    """
    if not path.exists():
        return "The links were not checked, because the book could not be read."
    answer, fine = report(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
    if not fine:
        return answer
    sys.stdout.write(f"{answer}\n")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
