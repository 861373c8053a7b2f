#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6, mpmath 1.3.0. Gegenbauer polynomials C_n^(α), the zonal harmonics of spheres: α = 4 for
# the sphere in ten dimensions.
#
# Guess: eval_gegenbauer(n, α, x) is the same for n = 164 and n = 164.0, as eval_legendre and eval_jacobi are.
# Seen: with whole numbers it is exact to 1e-14; with floats, as np.arange(200.0) has them, it is inf, −inf or NaN from
# n = 164 on (α = 4), from 112 on at α = 30 and for every n at α = 100, without a warning: Γ(n + 2α)/Γ(n + 1)/Γ(2α)
# overflows there, where its logarithm would do.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 mpmath==1.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import mpmath
import numpy as np
from scipy import special

x = 0.3
first = {}
for alpha in (4.0, 30.0, 100.0):
    degrees = np.arange(1, 200)
    whole = special.eval_gegenbauer(degrees, alpha, x)
    floats = special.eval_gegenbauer(degrees.astype(float), alpha, x)
    assert np.isfinite(whole).all()
    first[alpha] = int(degrees[~np.isfinite(floats)][0])
    print(f"alpha = {alpha:5}: float degrees fail from n = {first[alpha]} on")
assert first == {4.0: 164, 30.0: 112, 100.0: 1}, first
for n in (163, 164, 199):
    exact = mpmath.gegenbauer(n, 4, mpmath.mpf(x))
    whole, with_float = (special.eval_gegenbauer(each, 4.0, x) for each in (n, float(n)))
    print(n, whole, with_float, mpmath.nstr(exact, 17))
    assert abs(whole / float(exact) - 1) < 1e-12
assert np.isclose(special.eval_jacobi(1000.0, 4.5, 4.5, x), special.eval_jacobi(1000, 4.5, 4.5, x))
PYTHON
echo "As before."
