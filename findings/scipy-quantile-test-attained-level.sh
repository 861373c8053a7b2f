#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6. Distribution-free intervals of the median over a few draws of networks.
#
# Guess: of n draws the k-th smallest and the k-th largest enclose the median with probability
# 1 − 2·P(Bin(n, 1/2) < k), so at exactly that level quantile_test(…).confidence_interval returns these two.
# Seen: the upper end is right and the lower one is the next draw down. With k = 1 there is none, and it is
# NaN, though the range of the draws covers exactly as often as was asked for: of 6 draws at 0.96875 the
# interval is (NaN, largest). Mirrored draws don't have the mirrored interval. At a level a millionth lower
# both ends are as expected.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
from math import comb

import numpy as np
from scipy.stats import quantile_test

for n in (2, 6, 10, 13):
    draws = np.arange(1.0, n + 1)
    for k in range(1, n // 2 + 1):
        level = 1 - 2 * sum(comb(n, i) for i in range(k)) / 2**n
        at = quantile_test(draws).confidence_interval(level)
        below = quantile_test(draws).confidence_interval(level * (1 - 1e-6))
        print(f"n = {n}, level {level:.5f}: expected ({k}, {n + 1 - k}), seen ({at.low:g}, {at.high:g})")
        assert at.high == n + 1 - k
        assert np.isnan(at.low) if k == 1 else at.low == k - 1
        assert tuple(below) == (k, n + 1 - k)
PYTHON
echo "As before."
