"""What has become of the claims since a release: `{claims-since} X.Y.Z`.

Beside the page lies the release's `claims.json` as `claims-X.Y.Z.json`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from companion.recorded import badge, bound, sentence, shown

Claim = Mapping[str, Any]
Item = list[list[nodes.Node]]
"""What is said of a claim: one paragraph or several."""


class ClaimsSince(nodes.General, nodes.Element):
    """Stands for what changed since a release until every chapter has been executed."""


class ClaimsSinceDirective(SphinxDirective):
    """`{claims-since} X.Y.Z`: how the recorded claims differ from those of that release."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_changes` puts what changed."""
        (release,) = self.arguments
        _, path = self.env.relfn2path(f"claims-{release}.json")
        self.env.note_dependency(path)
        try:
            return [ClaimsSince(release=release, before=claims_of(release, Path(path)))]
        except FileNotFoundError as missing:
            raise self.error(str(missing)) from None


def claims_of(release: str, path: Path) -> list[Claim]:
    """Reads the claims of a release.

    Raises:
        FileNotFoundError: there is no such file; it says how to make it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no claims of release {release!r}: save the claims.json of its build as {path}."
        )
    return list(json.loads(path.read_text(encoding="utf-8")))


def criteria(old: Claim, new: Claim) -> tuple[str, str]:
    """Returns what a claim was held against and is now, alike if that is the same.

    How long its spread may be counts where the older criterion had a limit to it.
    """
    was, now = bound(old), bound(new)
    if was == now and old["resolution"] not in {None, new["resolution"]}:
        limits = (f", half a spread ≤ {shown(claim['resolution'])}" for claim in (old, new))
        return was + next(limits), now + next(limits)
    return was, now


def moved(old: Claim, new: Claim) -> bool:
    """Whether the same number, measured at the same scale, is outside its former interval."""
    low, high = old["spread"]
    alike = all(old[name] == new[name] for name in ("scale", "statement"))
    return alike and bound(old) == bound(new) and not low <= new["measured"] <= high


def named(claim: Claim) -> nodes.Node:
    """Returns a claim's name, a link to its row in the table."""
    name = nodes.literal(claim["id"], claim["id"])
    return nodes.reference("", "", name, refid=f"claim-{claim['id']}", internal=True)


def changes(before: Sequence[Claim], now: Sequence[Claim]) -> dict[str, list[Item]]:
    """Returns what there is to say of each claim that changed, by the kind of change.

    Args:
        before: claims of a release.
        now: those of this build.
    """
    old, ids = {claim["id"]: claim for claim in before}, {claim["id"] for claim in now}
    pairs = [(old[new["id"]], new) for new in now if new["id"] in old]
    return {
        "New": [[[named(new)]] for new in now if new["id"] not in old],
        "Gone": [
            [[nodes.literal(was["id"], was["id"])], sentence(was["statement"])]
            for was in before
            if was["id"] not in ids
        ],
        "Another statement": [
            [
                [named(new)],
                [nodes.Text("Was: "), *sentence(was["statement"])],
                [nodes.Text("Is: "), *sentence(new["statement"])],
            ]
            for was, new in pairs
            if was["statement"] != new["statement"]
        ],
        "Another criterion": [
            [[named(new), nodes.Text(": {} → {}".format(*criteria(was, new)))]]
            for was, new in pairs
            if len(set(criteria(was, new))) > 1
        ],
        "Another verdict": [
            [
                [named(new), nodes.Text(": "), badge(was["verdict"])],
                [nodes.Text("→ "), badge(new["verdict"])],
            ]
            for was, new in pairs
            if was["verdict"] != new["verdict"]
        ],
        "Measured outside the former spread": [
            [
                [
                    named(new),
                    nodes.Text(
                        f": {shown(was['measured'])}, spread {shown(was['spread'])} → "
                        f"{shown(new['measured'])}"
                    ),
                ]
            ]
            for was, new in pairs
            if moved(was, new)
        ],
    }


def scales(release: str, before: Sequence[Claim], now: Sequence[Claim]) -> str:
    """Returns what there is to say where measurements can't all be compared, "" where they can."""
    old = {claim["id"]: claim["scale"] for claim in before}
    pairs = {(old[claim["id"]], claim["scale"]) for claim in now if claim["id"] in old}
    apart = sorted(
        f"{was} at {release}, {scale} in this build" for was, scale in pairs if was != scale
    )
    return f" Measurements of different scales aren't compared ({'; '.join(apart)})." * bool(apart)


def fill_changes(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts what changed since a release where a page asks for it, folded by kind."""
    recorded = app.env.companion_recorded  # type: ignore[attr-defined]
    now = [claim for claims in recorded.values() for claim in claims]
    for place in list(doctree.findall(ClaimsSince)):
        release, before = place["release"], place["before"]
        counted = f"{len(before)} claims at release {release}, {len(now)} in this build."
        said: list[nodes.Node] = [nodes.paragraph("", counted + scales(release, before, now))]
        for kind, items in changes(before, now).items():
            if not items:
                continue
            rows = (
                nodes.list_item("", *(nodes.paragraph("", "", *text) for text in item))
                for item in items
            )
            title = nodes.title("", f"{kind}: {len(items)}")
            box = nodes.admonition("", title, classes=["dropdown", "admonition"])
            box += nodes.bullet_list("", *rows)
            said.append(box)
        place.replace_self(said)
