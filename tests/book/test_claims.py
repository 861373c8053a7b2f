"""Verdicts, and the way of a claim from a chapter's cell to the list of all claims."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil
import pytest
from refusals import refused

from companion import outcomes
from ntklib.book import _claim, _criterion, _marks, claims

KEYS = {
    "id", "chapter", "statement", "source", "measured", "relation", "bound", "resolution", "spread",
    "effect", "verdict", "scale", "device", "seed", "seconds", "note",
}  # fmt: skip
AT_MOST = claims.at_most(-0.5, resolution=0.25)
GUARANTEED = claims.at_most(-0.5, resolution=0.25, guarantee=True)


def record(**changes: Any) -> _claim.Claim:
    chapter = claims.Chapter("07-corollary-2", "quick", 3)
    arguments: dict[str, Any] = {
        "statement": "ε̂ falls like 1/√m or faster",
        "source": "Corollary 2",
        "measured": -0.6,
        "spread": (-0.7, -0.55),
        "criterion": AT_MOST,
    }
    return chapter.record("corollary-2.width", **{**arguments, **changes})


def verdict(measured: float, low: float, high: float, criterion: _criterion.Criterion) -> str:
    """The verdict, or which error takes its place."""
    try:
        return record(measured=measured, spread=(low, high), criterion=criterion).verdict
    except _claim.RefutedClaimError:
        return "raises refuted"
    except ValueError as problem:
        return re.findall("must contain|must be|says too little", str(problem))[0]


def test_a_claim_holds_when_its_whole_spread_does() -> None:
    assert record().verdict == "holds"
    assert record(spread=(-0.7, -0.5)).verdict == "holds"
    assert record(criterion=claims.at_least(-0.7, resolution=0.25)).verdict == "holds"
    for changes in (
        {"spread": (-0.7, -0.4999)},
        {"criterion": claims.at_least(-0.6999, resolution=0.25)},
    ):
        with refused("claim corollary-2.width is refuted", _claim.RefutedClaimError):
            record(**changes)


@pytest.mark.parametrize("offset", [0.0, -0.5, 2.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_equality_holds_when_the_estimate_is_within_the_tolerance(
    offset: float, sign: int
) -> None:
    """Estimate minus bound and the ends of the interval, in parts of the tolerance 1/8."""
    cases = {
        (0, -1, 1): "holds",
        (1, 0, 2): "holds",
        (1, 1, 3): "holds",
        (1, 1, 3.0001): "says too little",
        (0, -1.0001, 1): "says too little",
        (0, 0, 2.0001): "says too little",
        (1.0001, 0, 2): "raises refuted",
        # The interval comes within the tolerance and even contains the bound: not enough.
        (1.5, 0, 1.75): "raises refuted",
        (1.5, -0.25, 1.75): "raises refuted",
        (3, 2, 4): "raises refuted",
        (3, 0, 4): "says too little",
    }
    for parts, expected in cases.items():
        measured, *ends = (offset + sign * part / 8 for part in parts)
        criterion = claims.equal_to(offset, within=0.125)
        assert verdict(measured, min(ends), max(ends), criterion) == expected, parts


def test_the_equality_that_passed_by_its_long_interval_does_not_any_more() -> None:
    """Issue 17, A.7: −0.64 for −0.5 ± 0.05."""
    criterion = claims.equal_to(-0.5, within=0.05)
    assert verdict(-0.64, -0.68, -0.6, criterion) == "raises refuted"
    assert verdict(-0.64, -0.73, -0.55, criterion) == "says too little"
    assert verdict(-0.53, -0.57, -0.49, criterion) == "holds"


def test_an_inequality_says_too_little_when_half_its_spread_is_longer_than_the_resolution() -> None:
    for sign, ask in ((1, claims.at_most), (-1, claims.at_least)):
        criterion = ask(2.0 * sign, resolution=0.5, guarantee=True)
        cases = {
            (1.5, 1, 2): "holds",
            (1, 0.5, 1.5): "holds, conservative",
            (1, 0.4999, 1.5): "says too little",
            # A.6: it had held, conservatively.
            (1, 1.6e-15, 1.75): "says too little",
            (1.75, 1.5, 2.0001): "raises refuted",
            (1.75, 1, 2.0001): "says too little",
        }
        for (measured, *ends), expected in cases.items():
            low, high = sorted(sign * end for end in ends)
            assert verdict(sign * measured, low, high, criterion) == expected, ends


def test_a_spread_that_is_too_long_says_by_how_much_whatever_the_explanation() -> None:
    for explanation in ("", "It stands."):
        with refused(
            "claim corollary-2.width: half the spread [-1.1, -0.5] is 0.3, longer than the "
            "resolution 0.25, and says too little: take more draws or a wider range of sizes."
        ):
            record(spread=(-1.1, -0.5), explanation=explanation)


def test_what_was_explored_never_holds() -> None:
    for low, high in ((-0.7, -0.55), (-0.7, 40.0), (-0.6, -0.6)):
        claim = record(spread=(low, high), criterion=claims.explored(), note="A pilot's idea.")
        assert (claim.verdict, claim.relation) == ("explored", "explored")
        assert (claim.bound, claim.resolution, claim.note) == (0.0, None, "A pilot's idea.")
        assert claim.effect == (high - low) / 2
        assert claim.expected == "(0 means no effect)"
    assert claims.explored(1.0).bound == 1.0
    assert "holds" not in record(criterion=claims.explored())._repr_mimebundle_()["text/plain"]


def test_the_effect_of_an_inequality_carries_the_far_end_over_the_bound() -> None:
    for sign, ask in ((1, claims.at_most), (-1, claims.at_least)):
        low, high = sorted((sign * -0.875, sign * -0.625))
        criterion = ask(sign * -0.5, resolution=0.25)
        claim = record(measured=sign * -0.75, spread=(low, high), criterion=criterion)
        assert claim.effect == 0.375
        # From then on no place of the truth in the interval satisfies the statement.
        for shift, possible in ((0.375, True), (0.376, False)):
            moved = (low + sign * shift, high + sign * shift)
            assert any(criterion.verdict(end, end, end) == "holds" for end in moved) == possible
            assert criterion.verdict(moved[0], *moved) == "refuted"


def test_the_effect_of_an_equality_is_measured_outside_of_the_tolerance() -> None:
    criterion = claims.equal_to(-0.5, within=0.125)
    claim = record(measured=-0.5625, spread=(-0.625, -0.5), criterion=criterion)
    assert claim.effect == 0.1875
    # A truth so far off, measured with an error of at most half the interval, is seen, one that
    # is closer may be missed.
    for off, missed in ((0.1875, True), (0.1876, False)):
        for side in (1, -1):
            nearest = -0.5 + side * (off - 0.0625)
            assert (criterion.verdict(nearest, nearest, nearest) == "holds") == missed


def test_criteria_that_ask_nothing_are_refused() -> None:
    for value in (0.0, -0.1, float("nan"), float("inf")):
        sentence = f"must be positive and finite, got {value}: an interval always has some length."
        with refused(f"within {sentence}"):
            claims.equal_to(0.0, within=value)
        for make in (claims.at_most, claims.at_least):
            with refused(f"resolution {sentence}"):
                make(0.0, resolution=value)
    infinite = float("inf")
    for make in (claims.at_most, claims.at_least):
        with refused("the bound must be finite, got inf: find out what was not computed."):
            make(infinite, resolution=1.0)
    with refused("the bound must be finite, got inf: find out what was not computed."):
        claims.explored(infinite)


def test_a_guarantee_that_is_beaten_is_conservative() -> None:
    claim = record(criterion=GUARANTEED, note="Widths to 512.")
    assert claim.verdict == "holds, conservative"
    assert claim.note == "Widths to 512. Better than guaranteed by 0.1."
    assert record(criterion=GUARANTEED).note == "Better than guaranteed by 0.1."
    assert record(criterion=GUARANTEED, spread=(-0.7, -0.5)).verdict == "holds"

    def above(bound: float) -> _claim.Claim:
        return record(criterion=claims.at_least(bound, resolution=0.25, guarantee=True))

    assert above(-0.7).verdict == "holds"
    assert (above(-0.8).verdict, above(-0.8).note) == (
        "holds, conservative",
        "Better than guaranteed by 0.2.",
    )


def test_a_refuted_claim_fails_unless_it_is_explained() -> None:
    with refused(
        "claim corollary-2.width is refuted: measured -0.6 (spread [-0.7, -0.3]) is not ≤ -0.5. "
        "Doubt the code, then the integrator, then the sample size; if it stands, record it with "
        "an explanation.",
        _claim.RefutedClaimError,
    ):
        record(spread=(-0.7, -0.3))
    with refused(
        "claim corollary-2.width is refuted: measured -0.6 (spread [-0.7, -0.55]) is not "
        "= -0.5 ± 0.09.",
        _claim.RefutedClaimError,
    ):
        record(criterion=claims.equal_to(-0.5, within=0.09))
    claim = record(spread=(-0.7, -0.3), explanation="Too few widths.", criterion=GUARANTEED)
    assert (claim.verdict, claim.note) == ("refuted", "Too few widths.")
    assert record(explanation="Not needed.").note == ""
    assert issubclass(_claim.RefutedClaimError, AssertionError)


def test_numbers_that_are_none_are_refused() -> None:
    nan = float("nan")
    for changes in ({"measured": nan}, {"spread": (nan, 0.0)}, {"spread": (-1.0, float("inf"))}):
        with refused("must be finite: find out what was not computed."):
            record(**changes)
    with refused("claim corollary-2.width: spread = [-0.55, -0.7] must contain measured = -0.6"):
        record(spread=(-0.55, -0.7))
    with refused("spread = [-0.59, -0.55] must contain measured = -0.6: give its low end first."):
        record(spread=(-0.59, -0.55))
    assert record(spread=(-0.6, -0.6)).spread == (-0.6, -0.6)


def test_a_claim_travels_as_json() -> None:
    bundle = record(statement="a < b & c", note="<b>")._repr_mimebundle_(include=None)
    assert set(bundle) == {_marks.CLAIM_MIME_TYPE, "text/plain", "text/html"}
    fields = json.loads(json.dumps(bundle[_marks.CLAIM_MIME_TYPE], allow_nan=False))
    assert set(fields) == KEYS
    assert fields["id"] == "corollary-2.width"
    assert fields["chapter"] == "07-corollary-2"
    assert (fields["scale"], fields["seed"]) == ("quick", 3)
    assert fields["device"] == jax.devices()[0].device_kind
    assert (fields["measured"], fields["bound"], fields["spread"]) == (-0.6, -0.5, [-0.7, -0.55])
    assert 0 <= fields["seconds"] < 60
    plain = bundle["text/plain"]
    assert plain.startswith("corollary-2.width: holds. a < b & c Measured -0.6 ≤ -0.5, spread [")
    assert "spread [-0.7, -0.55], smallest effect noticed 0.2. <b>" in plain
    explored = record(criterion=claims.explored())._repr_mimebundle_()[_marks.CLAIM_MIME_TYPE]
    assert json.loads(json.dumps(explored, allow_nan=False))["resolution"] is None
    assert "a &lt; b &amp; c" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_numbers_of_arrays_become_plain(array: Any) -> None:
    low, high, measured, bound = array([-0.7, -0.55, -0.6, -0.5])
    criterion = claims.at_most(bound, resolution=0.25)
    claim = record(measured=measured, spread=(low, high), criterion=criterion)
    assert type(claim.measured) is type(claim.bound) is float
    assert [type(end) for end in claim.spread] == [float, float]


def test_scales() -> None:
    for scale, chosen in (("quick", 1), ("book", 2), ("full", 3)):
        assert claims.Chapter("x", scale, 0).choose(quick=1, book=2, full=3) == chosen
    with refused("scale must be one of quick, book, full, got 'huge'."):
        claims.Chapter("x", "huge", 0)


def test_a_chapter_sums_up_its_claims() -> None:
    chapter = claims.Chapter("06-theorem-1", "quick", 0)
    assert chapter.summary().claims == ()
    for name in ("theorem-1.total", "theorem-1.projected"):
        chapter.record(
            name, statement="a < b", source="Theorem 1", measured=1.0, spread=(0.75, 2.0),
            criterion=claims.at_least(0.5, resolution=1.0),
        )  # fmt: skip
    bundle = chapter.summary()._repr_mimebundle_()
    markup = bundle["text/html"]
    assert markup.count("<tr>") == 3
    assert markup.index("theorem-1.total") < markup.index("theorem-1.projected")
    assert "<td>a &lt; b</td><td>1</td><td>[0.75, 2]</td><td>≥ 0.5</td><td>holds</td>" in markup
    assert "theorem-1.total: holds" in bundle["text/plain"]


def test_a_summary_says_what_the_chapter_took() -> None:
    array = np.ones(40_000_000)  # 320 MB
    held = psutil.Process().memory_info().rss
    del array
    run = claims.Chapter("x", "quick", 3).summary()._repr_mimebundle_()[_marks.RUN_MIME_TYPE]
    assert (run["scale"], run["seed"], run["device"]) == ("quick", 3, "cpu")
    assert 0.99 * held < run["peak"] < psutil.virtual_memory().total


def test_a_recorded_claim_has_an_anchor_for_links() -> None:
    assert 'id="recorded-corollary-2.width"' in record()._repr_mimebundle_()["text/html"]


def notebook(path: Path, *ids: str) -> None:
    """Writes an executed notebook whose cells recorded these claims among other outputs."""
    other = {"output_type": "stream", "name": "stdout", "text": "no claim"}
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": "no outputs"}]
    for name in ids:
        data = {**record()._repr_mimebundle_(), "image/png": ""}
        data[_marks.CLAIM_MIME_TYPE] = {
            **data[_marks.CLAIM_MIME_TYPE],
            "id": name,
            "chapter": path.stem,
        }
        result = {"output_type": "execute_result", "data": data}
        cells.append({"cell_type": "code", "source": "", "outputs": [other, result]})
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


def test_claims_are_collected_in_the_order_of_the_book(tmp_path: Path) -> None:
    notebook(tmp_path / "07-b.ipynb", "z", "a")
    notebook(tmp_path / "06-a.ipynb", "m")
    notebook(tmp_path / "08-none.ipynb")
    found = outcomes.collect([tmp_path / f"{name}.ipynb" for name in ("08-none", "07-b", "06-a")])
    assert [claim["id"] for claim in found] == ["m", "z", "a"]
    assert all(set(claim) == KEYS for claim in found)
    assert outcomes.collect([]) == []


def test_a_claim_recorded_twice_is_an_error(tmp_path: Path) -> None:
    notebook(tmp_path / "06-a.ipynb", "m", "n")
    notebook(tmp_path / "07-b.ipynb", "n")
    with refused("claim n is recorded twice, by 06-a and 07-b: give each its own id."):
        outcomes.collect(tmp_path.glob("*.ipynb"))
