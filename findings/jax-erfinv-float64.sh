#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. jax.scipy.special.erfinv near 1.
#
# Guess: right to a few roundings, as SciPy's is and as jax.scipy.special.ndtri, the same function
# in other units, is.
# Seen: a relative error of up to 1e-10 between 1 - 1e-8 and 1 - 1e-10, half a million roundings;
# SciPy's is 2e-16 there, against 60 digits by mpmath. ndtri of JAX agrees with SciPy's to 1e-15.
# jax.random.normal goes through erfinv, so a quantile taken by it has six digits fewer than
# float64 promises.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1 mpmath==1.4.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
from scipy import special

mpmath.mp.dps = 60
x = 1 - np.logspace(-15, -1, 200)
exact = np.asarray([float(mpmath.erfinv(mpmath.mpf(float(each)))) for each in x])


def error(found):
    return float(np.max(np.abs(np.asarray(found) / exact - 1)))


ours, theirs = error(jax.scipy.special.erfinv(jnp.asarray(x))), error(special.erfinv(x))
# erfinv(x) = ndtri((1 + x)/2)/sqrt(2); ndtri is compared where its argument is exact.
p = np.logspace(-15, -1, 200)
quantile = float(np.max(np.abs(
    np.asarray(jax.scipy.special.ndtri(jnp.asarray(p))) / special.ndtri(p) - 1
)))
print(f"largest relative error of erfinv: JAX {ours:.1e}, SciPy {theirs:.1e}")
print(f"JAX's ndtri against SciPy's: {quantile:.1e}")
assert 1e-11 < ours < 1e-9
assert theirs < 1e-15
assert quantile < 1e-14
PYTHON
