#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6, jax 0.10.2. Spherical harmonics Y_n^m of high degree, as eigenfunctions of a
# kernel on the sphere in three dimensions.
#
# Guess: scipy.special.sph_harm_y is finite at every degree, with a loss of some digits at high ones.
# Seen: from degree 646 on it is NaN, for all orders, m = 0 among them, where it is a Legendre polynomial
# times √((2n + 1)/4π) and eval_legendre has it to ten digits; up to 645 it is right. Nothing warns. JAX's
# sph_harm_y, which has the same name and arguments, is right there.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import sph_harm_y
from scipy import special

theta = 0.7  # of the pole
for order in (0, 1, 50, 500):
    degrees = np.arange(max(order, 1), 1000)
    values = special.sph_harm_y(degrees, order, theta, 0.0)
    first = int(degrees[~np.isfinite(values)][0])
    print(f"order {order:3}: NaN from degree {first} on")
    assert first == 646
    assert np.isnan(values[degrees >= 646]).all()
for degree in (645, 646, 999):
    exact = np.sqrt((2 * degree + 1) / (4 * np.pi)) * special.eval_legendre(degree, np.cos(theta))
    theirs = special.sph_harm_y(degree, 0, theta, 0.0).real
    ours = sph_harm_y(*(jnp.asarray([v]) for v in (degree, 0, theta, 0.0)), n_max=degree)[0].real
    print(degree, "exact", exact, "scipy", theirs, "jax", float(ours))
    assert abs(ours - exact) < 1e-9
    assert np.isnan(theirs) if degree > 645 else abs(theirs - exact) < 1e-9
PYTHON
echo "As before."
