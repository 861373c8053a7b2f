#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. Kummer's function 1F1(a; b; z) at negative z: moments of Gaussian features
# and the eigenvalues of Gaussian kernels on spheres.
#
# Guess: right to some digits of float64 for z of some tens, as it is for positive z.
# Seen: the terms of its series alternate and cancel. 1F1(1; 2; z) = (e^z − 1)/z is off by 1e-9 at z = −20, by 1e-4
# at −30, is 102 at −50 where 0.02 is right, −4e-46 at −100; 1F1(1/2; 5; −100) is NaN. Nothing warns. Kummer's
# e^z 1F1(b − a; b; −z) by the same function is right, and so is SciPy.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import math

import numpy as np
from jax.scipy.special import hyp1f1
from scipy import special

print("      z   jax                 by Kummer           scipy")
errors = {}
for z in (-5.0, -20.0, -30.0, -50.0, -100.0):
    exact = math.expm1(z) / z
    by_kummer = math.exp(z) * float(hyp1f1(1.0, 2.0, -z))
    values = float(hyp1f1(1.0, 2.0, z)), by_kummer, float(special.hyp1f1(1.0, 2.0, z))
    print(f"{z:7}", *(f"{value:19.12g}" for value in values))
    errors[z] = abs(values[0] / exact - 1)
    np.testing.assert_allclose(values[1:], exact, rtol=1e-13)
assert errors[-5.0] < 1e-13
assert 1e-10 < errors[-20.0] < 1e-8
assert 1e-5 < errors[-30.0] < 1e-3
assert errors[-50.0] > 1000
assert errors[-100.0] > 0.99
assert np.isnan(hyp1f1(0.5, 5.0, -100.0))
PYTHON
echo "As before."
