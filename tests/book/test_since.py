"""What has become of the claims since a release."""

import json
from pathlib import Path
from typing import Any

import pytest
from books import CLAIM
from docutils import nodes
from places import ROOT

from companion import since


def claim(name: str, **more: Any) -> dict[str, Any]:
    return {**CLAIM, "id": name, **more}


def said(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Returns by the kind of change, if there is any, what is said of each claim."""
    return {
        kind: [" | ".join("".join(n.astext() for n in text) for text in item) for item in items]
        for kind, items in since.changes(before, now).items()
        if items
    }


SAME = claim("same")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([SAME], [SAME], {}),
        ([SAME], [SAME, claim("another")], {"New": ["another"]}),
        ([SAME, claim("old", statement="It was.")], [SAME], {"Gone": ["old | It was."]}),
        (
            [claim("a", statement="It is.")],
            [claim("a", statement="It was.", measured=5.0)],
            {"Another statement": ["a | Was: It is. | Is: It was."]},
        ),
        (
            [claim("a", relation="≤", bound=-0.5)],
            [claim("a", relation="=", bound=-1.0, measured=5.0)],
            {"Another criterion": ["a: ≤ -0.5 → = -1 ± 0.25"]},
        ),
        (
            [SAME],
            [claim("same", resolution=0.5)],
            {"Another criterion": [
                "same: ≤ -0.5, half a spread ≤ 0.25 → ≤ -0.5, half a spread ≤ 0.5"
            ]},
        ),
        ([claim("same", resolution=None)], [SAME], {}),
        (
            [SAME],
            [claim("same", verdict="refuted")],
            {"Another verdict": ["same: holds, conservative | → refuted"]},
        ),
        (
            [SAME],
            [claim("same", measured=-0.8, spread=[-1.0, -0.6])],
            {"Measured outside the former spread": [
                "same: -0.988, spread [-1.1, -0.9] → -0.8"
            ]},
        ),
        ([SAME], [claim("same", measured=-1.05)], {}),
        ([SAME], [claim("same", measured=-0.8, scale="quick")], {}),
    ],
    ids=["same", "new", "gone", "statement", "criterion", "limit", "no limit before",
         "verdict", "moved", "within", "another scale"],
)  # fmt: skip
def test_each_change_is_said(
    before: list[dict[str, Any]], now: list[dict[str, Any]], expected: dict[str, list[str]]
) -> None:
    assert said(before, now) == expected


def test_claims_that_are_there_are_links_to_their_rows() -> None:
    before = [SAME, claim("gone")]
    now = [claim("same", verdict="refuted", statement="It is.", measured=5.0), claim("new")]
    links = [
        link["refid"]
        for items in since.changes(before, now).values()
        for item in items
        for text in item
        for node in text
        for link in node.findall(nodes.reference)
    ]
    assert links == ["claim-new", "claim-same", "claim-same"]


def test_scales_that_differ_are_named() -> None:
    quick = [claim("same", scale="quick"), claim("gone", scale="full")]
    assert since.scales("1.2", [SAME], [SAME]) == ""
    expected = (
        " Measurements of different scales aren't compared (quick at 1.2, book in this build)."
    )
    assert since.scales("1.2", quick, [SAME]) == expected


def test_a_release_without_claims_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"release '1\.2': save the claims\.json .*none"):
        since.claims_of("1.2", tmp_path / "none.json")


def test_claims_of_the_last_release_are_whole() -> None:
    (path,) = (ROOT / "chapters").glob("claims-*.json")
    release = path.stem.removeprefix("claims-")
    assert f"{{claims-since}} {release}\n" in (path.parent / "claims.md").read_text()
    assert f"## [{release}]" in (ROOT / "CHANGELOG.md").read_text()
    compared = {"id", "statement", "scale", "measured", "spread", "relation", "bound",
                "resolution", "verdict"}  # fmt: skip
    claims = json.loads(path.read_text())
    assert all(compared <= claim.keys() for claim in claims)
    assert len({claim["id"] for claim in claims}) == len(claims) > 0
