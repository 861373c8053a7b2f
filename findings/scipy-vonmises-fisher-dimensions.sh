#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6, mpmath 1.3.0. The von Mises–Fisher distribution of unit vectors, in as many dimensions as
# images have.
#
# Guess: where scipy.stats.vonmises_fisher draws points, it knows their density too.
# Seen: in 784 dimensions at κ = 10, and in 300 at κ = 1, points are drawn right (their mean has length
# I_{d/2}(κ)/I_{d/2−1}(κ)), but logpdf is inf everywhere and entropy NaN, with a RuntimeWarning about a logarithm of 0:
# I_{d/2−1}(κ) underflows, whose logarithm is wanted. In 200 dimensions at κ = 1 both are exact.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 mpmath==1.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import mpmath as mp
import numpy as np
from scipy import stats

for d, kappa, known in ((200, 1.0, True), (300, 1.0, False), (784, 10.0, False)):
    mean = np.eye(d)[0]
    law = stats.vonmises_fisher(mean, kappa)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        density, entropy = law.logpdf(mean), law.entropy()
    nu = mp.mpf(d) / 2 - 1
    scale = nu * mp.log(kappa) - mp.mpf(d) / 2 * mp.log(2 * mp.pi) - mp.log(mp.besseli(nu, kappa))
    exact, towards = float(scale + kappa), float(mp.besseli(nu + 1, kappa) / mp.besseli(nu, kappa))
    points = law.rvs(20_000, random_state=np.random.default_rng(0))
    drawn, error = points[:, 0].mean(), points[:, 0].std() / np.sqrt(len(points))
    print(f"d = {d}, kappa = {kappa}: logpdf {density}, exact {exact:.6f}; entropy {entropy}; "
          f"mean drawn {drawn:.4f} ± {error:.4f}, exact {towards:.4f}; {len(caught)} warning(s)")
    assert abs(drawn - towards) < 5 * error
    if known:
        assert abs(density - exact) < 1e-8 * exact
    else:
        assert np.isposinf(density)
        assert np.isnan(entropy)
        assert any("divide by zero" in str(each.message) for each in caught)
PYTHON
echo "As before."
