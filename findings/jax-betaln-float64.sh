#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, scipy 1.17.1. Priors and counts of failures by Beta and beta-binomial laws.
#
# Guess: in double precision jax.scipy.special.betaln has some 15 digits, as gammaln has.
# Seen: where the larger argument is from 8 to about 15 it has six or seven: betaln(5, 10) is off by 6·10⁻⁷,
# and with it betabinom.logpmf(3, 10, 2, 3), a number of −1.9. With larger arguments it gets better, with
# 10⁵ it has ten digits. Below 8, and from gammaln itself, all digits are right.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
from math import comb, factorial, log

from jax.scipy.special import betaln, gammaln
from jax.scipy.stats import betabinom


def exact(a, b):
    return log(factorial(a - 1)) + log(factorial(b - 1)) - log(factorial(a + b - 1))


for a, b, off in ((2, 3, 0), (7, 7, 0), (5, 10, 6.1e-7), (8, 9, 2.5e-7), (50, 60, 1e-9)):
    theirs = float(betaln(float(a), float(b)))
    by_gamma = float(gammaln(float(a)) + gammaln(float(b)) - gammaln(float(a + b)))
    error = theirs - exact(a, b)
    print(f"betaln({a}, {b}) is off by {error:.1e}, by gammaln by {by_gamma - exact(a, b):.1e}")
    assert abs(by_gamma - exact(a, b)) < 1e-12
    assert abs(error) < 1e-13 if off == 0 else off / 2 < error < 2 * off
law = log(comb(10, 3)) + exact(5, 10) - exact(2, 3)
theirs = float(betabinom.logpmf(3.0, 10.0, 2.0, 3.0))
print("betabinom.logpmf(3, 10, 2, 3):", theirs, "exact", law)
assert 5e-7 < abs(theirs - law) < 7e-7
PYTHON
echo "As before."
