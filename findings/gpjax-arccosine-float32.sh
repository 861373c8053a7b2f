#!/usr/bin/env bash
# gpjax 1.0.0, jax 0.10.2, CPU, float32, which is JAX's default. The Gram matrix of the kernel of a layer of
# ReLUs, ArcCosine(order=1), at 200 points drawn from N(0, I) in 5 dimensions.
#
# Guess: finite, and right to some roundings; its documentation asks for no precision, and its code moves
# the cosine off 1 before taking the angle.
# Seen: one point in ten has NaN for its variance, so that a regression on these points is NaN throughout.
# The cosine of a point with itself is rounded to just above 1, and is moved by 1e-15, which float32 can't
# tell. Off the diagonal and in float64 nothing is NaN.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
  gpjax==1.0.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import gpjax
import jax
import jax.numpy as jnp
import numpy as np

points = np.random.default_rng(0).standard_normal((200, 5))
counts = {}
for precision in ("float32", "float64"):
    jax.config.update("jax_enable_x64", precision == "float64")
    x = jnp.asarray(points, precision)
    for order in (0, 1, 2):
        gram = np.asarray(gpjax.kernels.ArcCosine(order=order).cross_covariance(x, x))
        assert gram.dtype == precision
        missing = np.isnan(gram)
        counts[precision, order] = missing.sum()
        print(f"{precision}, order {order}: {missing.sum()} NaN, {np.diag(missing).sum()} on the diagonal")
        assert missing.sum() == np.diag(missing).sum()
assert all(10 <= counts["float32", order] <= 30 for order in (0, 1, 2))
assert not any(counts["float64", order] for order in (0, 1, 2))
PYTHON
