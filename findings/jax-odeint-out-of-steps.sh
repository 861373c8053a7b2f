#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. A gradient flow with eigenvalues 1000 and 1, and 20 steps allowed
# between two saved times.
#
# Guess: where mxstep is too small, jax.experimental.ode.odeint raises an error or returns NaN; SciPy's
# odeint warns of excess work.
# Seen: it returns what its last polynomial extrapolates to, finite and without a word: 3e9 for a
# component that has fallen to e^-1000. With steps enough the answer is right.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import warnings

import jax.numpy as jnp
import numpy as np
import scipy.integrate
from jax.experimental.ode import odeint

rates, times = np.array([1000.0, 1.0]), np.array([0.0, 1.0, 2.0])


def slope(y, t):
    return -rates * y


with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    enough = np.asarray(odeint(slope, jnp.ones(2), jnp.asarray(times)))
    few = np.asarray(odeint(slope, jnp.ones(2), jnp.asarray(times), mxstep=20))
print(f"enough steps: {enough[1]}, 20 steps: {few[1]}, warnings: {len(heard)}")
assert not heard
assert np.abs(enough[1] - np.exp(-rates)).max() < 1e-6
assert np.isfinite(few).all()
assert few[1, 0] > 1e6
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    scipy.integrate.odeint(slope, np.ones(2), times, mxstep=20)
assert any("Excess work" in str(warning.message) for warning in heard)
PYTHON
