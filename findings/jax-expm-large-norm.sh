#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. The solution of r' = −Kr at late times, e^(−Kt), for a kernel matrix K whose
# eigenvalues are far apart.
#
# Guess: jax.scipy.linalg.expm(−Kt) goes to 0 in the fast modes and is exact in the slow ones, as scipy's does.
# Seen: every entry is NaN from a 1-norm of 2^17·5.4 = 7e5 on, though nothing in e^(−Kt) is above 1, and nothing warns:
# max_squarings is 16 and more would be needed; its documentation says that it controls the cost. With
# max_squarings=64, or eigh (K is symmetric), the answer is there.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

jax.config.update("jax_enable_x64", True)
warnings.simplefilter("error")
turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
for fast, nan in ((3e5, False), (1e6, True), (1e8, True)):
    values = np.array([fast, 1.0, 0.1])
    k = turn @ np.diag(values) @ turn.T
    exact = turn @ np.diag(np.exp(-values)) @ turn.T
    by_default = np.asarray(jax.scipy.linalg.expm(jnp.asarray(-k)))
    by_more = np.asarray(jax.scipy.linalg.expm(jnp.asarray(-k), max_squarings=64))
    print(f"{fast:.0e}: default {by_default[0, 0]:.6f}, max_squarings=64 {by_more[0, 0]:.6f}, "
          f"scipy {linalg.expm(-k)[0, 0]:.6f}, exact {exact[0, 0]:.6f}")
    assert np.isnan(by_default).all() == nan
    assert np.abs(linalg.expm(-k) - exact).max() < 1e-6
    assert np.abs(by_more - exact).max() < 1e-6
PYTHON
echo "As before."
