"""The bar of a long run counts what is done."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from flows import flow, linear, linearized_flow

from ntklib import _device, _progress
from ntklib.dynamics import _meter


@pytest.mark.parametrize("side_by_side", [False, True])
def test_the_bar_appears_when_a_run_is_long(
    side_by_side: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_device, "side_by_side", lambda: side_by_side)
    reports: list[tuple[int, float]] = []
    advance = _meter._advance

    def watched(number: Any, draw: Any, fraction: Any) -> None:
        reports.append((int(draw), float(fraction)))
        advance(number, draw, fraction)

    def apply(theta: jax.Array, x: jax.Array) -> jax.Array:
        """A new object, so that it is compiled anew with what is patched here."""
        return linear(theta, x)

    monkeypatch.setattr(_meter, "EVERY", 3)
    monkeypatch.setattr(_meter, "_advance", watched)
    monkeypatch.setattr(_progress, "DELAY", 3600.0)  # however slow the machine
    theta_0 = jnp.asarray(points(2, 5))
    timed = flow(apply, theta_0, draws=True, progress=True)
    assert capsys.readouterr().err == ""  # it is over before the delay is
    for draw in (0, 1):
        fractions = [fraction for each, fraction in reports if each == draw]
        assert 0 < fractions[0] < 1
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
    # A message at every third step, or two where draws end at different steps.
    steps = int(jnp.max(timed.steps))
    assert len(reports) <= 2 * (steps // 3 + 2)

    monkeypatch.setattr(_progress, "DELAY", 0.0)
    quiet = flow(apply, theta_0, draws=True, progress=False)
    assert capsys.readouterr().err == ""
    shown = flow(apply, theta_0, draws=True, progress=True)
    np.testing.assert_allclose(shown.residuals, quiet.residuals, atol=1e-13, rtol=0)
    bar = capsys.readouterr().err
    assert "gradient flow:   0%" in bar
    assert "gradient flow: 100%" in bar
    flow(apply, theta_0, kind=linearized_flow, draws=True, progress=True)
    assert "linearized flow: 100%" in capsys.readouterr().err


def test_the_bar_counts_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    with _meter.bar("bar", 2, shown=True) as number:
        display, fractions = _meter._open[int(number)]
        _meter._advance(number, 0, 0.5)
        _meter._advance(number, 1, 0.25)
        assert display.n == 0.75
        _meter._advance(number, 0, 1.0)
        assert fractions == [1.0, 0.25]
        assert display.n == 1.25
    assert display.n == 2
    assert int(number) not in _meter._open
