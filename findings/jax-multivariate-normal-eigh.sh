#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, CPU, float64. Draws of a Gaussian process whose Gram matrix has a rank below the number of
# points, as of a linear kernel or of points that coincide.
#
# Guess: with method="eigh" the draws are finite: for singular covariances the documentation names "svd" and "eigh".
# Seen: NaN in every entry, for each of six Gram matrices of rank 3 at five points, since the root of an eigenvalue
# that rounding has made −3e-16 is taken; "cholesky", the default, gives NaN too. "svd" is right, and so is numpy's
# method of the name "eigh".
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

key, lost = jax.random.key(0), {"cholesky": 0, "eigh": 0, "svd": 0}
for seed in range(6):
    points = np.random.default_rng(seed).standard_normal((5, 3))
    gram = points @ points.T
    for method in lost:
        drawn = jax.random.multivariate_normal(key, jnp.zeros(5), jnp.asarray(gram), method=method)
        lost[method] += bool(jnp.isnan(drawn).all())
    theirs = np.random.default_rng(0).multivariate_normal(np.zeros(5), gram, method="eigh")
    assert np.isfinite(theirs).all()
print("all NaN, of six:", lost)
assert lost["eigh"] >= 5
assert lost["svd"] == 0
many = jax.random.multivariate_normal(key, jnp.zeros(5), jnp.asarray(gram), (10**5,), method="svd")
assert np.abs(np.cov(many.T) - gram).max() < 0.1
PYTHON
echo "As before."
