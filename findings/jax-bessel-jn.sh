#!/usr/bin/env bash
# jax 0.10.2, scipy 1.17.1, CPU, float64. jax.scipy.special.bessel_jn, the Bessel functions that
# turn a kernel of the distance into its spectrum on spheres and disks.
#
# Guess: J_v(z) as scipy.special.jv has it, for any real z.
# Seen: right to rounding at z = 20 and to 1e-4 at 40. At z = 50 J_0 is 0.0493 in place of 0.0558; at
# z = 100 it is -1.46 in place of 0.0200, where no J_v leaves [-1, 1]; at z = 200 J_3 is 3.2. The
# backward recurrence starts at n_iter = 50 whatever z is, and has to start above z: with
# n_iter = 300 the values from 20 to 200 are right to rounding, and those up to 10 are NaN. So no
# n_iter serves an array that goes from 1 to 200, and the default says nothing when it is too small.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

z = np.asarray([10.0, 20.0, 50.0, 100.0, 200.0])
orders = np.arange(4)[:, None]
exact = special.jv(orders, z)
default = np.asarray(jax.scipy.special.bessel_jn(jnp.asarray(z), v=3))
longer = np.asarray(jax.scipy.special.bessel_jn(jnp.asarray(z), v=3, n_iter=300))
for column, point in enumerate(z):
    print(f"J_0..J_3({point:g}): {default[:, column].round(4)}, exact {exact[:, column].round(4)}")
assert np.all(np.isfinite(default))
assert np.max(np.abs(default - exact)[:, :2]) < 1e-14
assert abs(default[0, 2] - exact[0, 2]) > 5e-3
assert abs(default[0, 3]) > 1 and abs(default[3, 4]) > 3
assert np.max(np.abs(longer - exact)[:, 1:]) < 1e-14
assert np.all(np.isnan(longer[:, 0]))
print("n_iter = 300: right to 1e-14 from 20 on, NaN at 10")
PYTHON
