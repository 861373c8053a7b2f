#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, CPU, float64. Numbers below the least normal one, 2.2e-308.
#
# Guess: gradual underflow as in NumPy, so that 1e-300 · 1e-10 is 1e-310, with fewer digits.
# Seen: the product is 0, and so is the norm of (1e-160, 1e-160), which NumPy's own finds to be
# 1.4e-160: kernels of points as short as that need their scale taken out first.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax.numpy as jnp
import numpy as np

small, tiny, short = 1e-300, 1e-10, [1e-160, 1e-160]
ours = float(jnp.asarray(small) * jnp.asarray(tiny)), float(jnp.linalg.norm(jnp.asarray(short)))
theirs = float(np.asarray(small) * np.asarray(tiny)), float(np.linalg.norm(np.asarray(short)))
print(f"product: JAX {ours[0]}, NumPy {theirs[0]}; norm: JAX {ours[1]}, NumPy {theirs[1]}")
assert ours == (0.0, 0.0)
assert theirs[0] == 1e-310
assert 1.3e-160 < theirs[1] < 1.5e-160
PYTHON
