"""Verdicts, and the way of a claim from a chapter's cell to the list of all claims."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil
import pytest
from refusals import refused

from ntklib.book import _claim, _marks, claims

KEYS = {
    "id", "chapter", "statement", "source", "measured", "relation", "bound", "spread", "verdict",
    "scale", "device", "seed", "seconds", "note", "tolerance",
}  # fmt: skip


def record(**changes: Any) -> _claim.Claim:
    chapter = claims.Chapter("07-corollary-2", "quick", 3)
    arguments: dict[str, Any] = {
        "statement": "ε̂ falls like 1/√m or faster",
        "source": "Corollary 2",
        "measured": -0.6,
        "relation": "≤",
        "bound": -0.5,
        "spread": (-0.7, -0.55),
    }
    return chapter.record("corollary-2.width", **{**arguments, **changes})


def test_a_claim_holds_when_its_whole_spread_does() -> None:
    assert record().verdict == "holds"
    assert record(spread=(-0.7, -0.5)).verdict == "holds"
    assert record(relation="≥", bound=-0.7).verdict == "holds"
    for changes in ({"spread": (-0.7, -0.4999)}, {"relation": "≥", "bound": -0.6999}):
        with refused("claim corollary-2.width is refuted", _claim.RefutedClaimError):
            record(**changes)


def test_an_equality_holds_when_its_spread_comes_within_the_tolerance() -> None:
    equal = {"relation": "=", "tolerance": 0.0625, "measured": -0.625, "spread": (-0.6875, -0.5625)}
    claim = record(**equal)
    assert (claim.verdict, claim.tolerance, claim.expected) == ("holds", 0.0625, "= -0.5 ± 0.0625")
    assert record(**{**equal, "guarantee": True}).verdict == "holds"
    assert record(**{**equal, "bound": -0.75}).verdict == "holds"
    for bound in (-0.4999, -0.7501):
        with refused(
            "claim corollary-2.width is refuted: measured -0.625 (spread [-0.6875, -0.5625]) is "
            f"not = {bound} ± 0.0625.",
            _claim.RefutedClaimError,
        ):
            record(**{**equal, "bound": bound})
    assert record(**{**equal, "spread": (-0.6875, -0.4375)}).verdict == "holds"
    with refused(
        "claim corollary-2.width: spread = [-0.6876, -0.4375] is longer than four tolerances of "
        "0.0625 and says too little: take more draws or a wider range of sizes."
    ):
        record(**{**equal, "spread": (-0.6876, -0.4375)})
    with refused("claim corollary-2.width: tolerance must be 0 for '≤' and '≥'"):
        record(tolerance=0.1)
    with refused("tolerance must be 0 for '≤' and '≥' and not negative for '=', got -0.1."):
        record(relation="=", tolerance=-0.1)


def test_a_guarantee_that_is_beaten_is_conservative() -> None:
    claim = record(guarantee=True, note="Widths to 512.")
    assert claim.verdict == "holds, conservative"
    assert claim.note == "Widths to 512. Better than guaranteed by 0.1."
    assert record(guarantee=True).note == "Better than guaranteed by 0.1."
    assert record(guarantee=True, spread=(-0.7, -0.5)).verdict == "holds"
    assert record(guarantee=True, relation="≥", bound=-0.7).verdict == "holds"
    above = record(guarantee=True, relation="≥", bound=-0.8)
    assert (above.verdict, above.note) == (
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
    claim = record(spread=(-0.7, -0.3), explanation="Too few widths.", guarantee=True)
    assert (claim.verdict, claim.note) == ("refuted", "Too few widths.")
    assert record(explanation="Not needed.").note == ""
    assert issubclass(_claim.RefutedClaimError, AssertionError)


def test_numbers_that_are_none_are_refused() -> None:
    nan = float("nan")
    for changes in ({"measured": nan}, {"bound": float("inf")}, {"spread": (nan, 0.0)}):
        with refused("must be finite: find out what was not computed."):
            record(**changes)
    with refused("claim corollary-2.width: spread = [-0.55, -0.7] must contain measured = -0.6"):
        record(spread=(-0.55, -0.7))
    with refused("spread = [-0.59, -0.55] must contain measured = -0.6: give its low end first."):
        record(spread=(-0.59, -0.55))
    assert record(spread=(-0.6, -0.6)).spread == (-0.6, -0.6)
    with refused("relation must be one of ≤, ≥, =, got '<='."):
        record(relation="<=")


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
    assert "a &lt; b &amp; c" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_numbers_of_arrays_become_plain(array: Any) -> None:
    low, high, measured, bound = array([-0.7, -0.55, -0.6, -0.5])
    claim = record(measured=measured, bound=bound, spread=(low, high))
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
            name, statement="a < b", source="Theorem 1", measured=1.0, relation="≥", bound=0.5,
            spread=(0.75, 2.0),
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
    found = claims.collect([tmp_path / f"{name}.ipynb" for name in ("08-none", "07-b", "06-a")])
    assert [claim["id"] for claim in found] == ["m", "z", "a"]
    assert all(set(claim) == KEYS for claim in found)
    assert claims.collect([]) == []


def test_a_claim_recorded_twice_is_an_error(tmp_path: Path) -> None:
    notebook(tmp_path / "06-a.ipynb", "m", "n")
    notebook(tmp_path / "07-b.ipynb", "n")
    with refused("claim n is recorded twice, by 06-a and 07-b: give each its own id."):
        claims.collect(tmp_path.glob("*.ipynb"))
