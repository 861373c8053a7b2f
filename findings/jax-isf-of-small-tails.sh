#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, scipy 1.17.1. Thresholds that a network exceeds with a tiny probability.
#
# Guess: isf and sf exist beside ppf and cdf to keep digits in the upper tail, as they do in SciPy.
# Seen, in double precision: norm.isf(q) is that of 1 − q: five digits at 10⁻¹⁵ and infinite from 10⁻¹⁷ on,
# where it is 8.5, while −norm.ppf(q) has all digits. cauchy.isf and cauchy.ppf end at 1.6·10¹⁶, and
# cauchy.logcdf is −∞ at −10²⁰, where the probability is 3·10⁻²¹; gumbel_r.sf is 0 from 38 on, where it is
# e⁻³⁸. logistic.isf and the lower tails of norm are right.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from jax.scipy import stats as theirs
from scipy import stats

for q in (1e-10, 1e-15, 1e-17, 1e-20):
    upper, lower = float(theirs.norm.isf(q)), -float(theirs.norm.ppf(q))
    print(f"norm: {q:g} is beyond {stats.norm.isf(q):.6f}, isf {upper:.6f}, -ppf {lower:.6f}")
    assert abs(lower / stats.norm.isf(q) - 1) < 1e-12
    assert np.isinf(upper) == (q < 1e-16)
assert 5e-5 < abs(float(theirs.norm.isf(1e-15)) - stats.norm.isf(1e-15)) < 2e-4
for q in (1e-17, 1e-20):
    found = float(theirs.cauchy.isf(q)), -float(theirs.cauchy.ppf(q))
    print(f"cauchy: {q:g} is beyond {stats.cauchy.isf(q):.3g}, isf {found[0]:.3g}, -ppf {found[1]:.3g}")
    assert found[0] < 2e16 < stats.cauchy.isf(q)
    assert found[1] < 2e16 or q > 1e-18
assert float(theirs.cauchy.logcdf(-1e20)) == -np.inf
assert abs(stats.cauchy.logcdf(-1e20) + 47.196431745730315) < 1e-9
assert float(theirs.gumbel_r.sf(38.0)) == 0 < stats.gumbel_r.sf(38.0)
assert abs(float(theirs.logistic.isf(1e-18)) / stats.logistic.isf(1e-18) - 1) < 1e-12
PYTHON
echo "As before."
