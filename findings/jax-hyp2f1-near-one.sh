#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. 2F1(1/2, 1/2; 3/2; x) = arcsin(√x)/√x, the series of the erf
# network's covariance, for x just below 1.
#
# Guess: right to 1e-12. The documentation asks for positive real arguments and double precision where
# the value is high; here it is at most π/2.
# Seen: 0.03 % off at x = 0.99, 0.8 % at 0.999, 1.7 % at 0.9999, as a series that is cut after too few
# terms; at x = 1 and at 0.9 it is right to rounding. SciPy's is right throughout.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import scipy.special
from jax.scipy.special import hyp2f1

errors = {}
for x in (0.9, 0.99, 0.999, 0.9999, 1.0):
    right = np.arcsin(x**0.5) / x**0.5
    errors[x] = 1 - float(hyp2f1(0.5, 0.5, 1.5, x)) / right
    print(f"x = {x}: JAX short by {errors[x]:.1e}")
    assert abs(scipy.special.hyp2f1(0.5, 0.5, 1.5, x) / right - 1) < 1e-13
assert abs(errors[0.9]) < 1e-13
assert abs(errors[1.0]) < 1e-13
assert 2e-4 < errors[0.99] < 4e-4
assert 7e-3 < errors[0.999] < 1e-2
assert 1.5e-2 < errors[0.9999] < 2e-2
PYTHON
