#!/usr/bin/env bash
# numpy 2.4.6, jax 0.10.2. Medians of times at which something is learned, infinite for who never learns it.
#
# Guess: a quantile that falls on a draw is that draw, whatever its neighbour is.
# Seen: numpy.quantile([1, 2, inf], 0.5) and numpy.percentile at 50 are NaN: 0 times the infinite step to the
# next draw is added. numpy.median of the same is 2, and so are jax.numpy.quantile and jax.numpy.median. An
# interpolation that doesn't interpolate, such as method="higher", is right.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" -W ignore::RuntimeWarning - <<'PYTHON'
import jax.numpy as jnp
import numpy as np

times = np.array([1.0, 2.0, np.inf])
found = {
    "numpy.quantile": np.quantile(times, 0.5),
    "numpy.percentile": np.percentile(times, 50),
    "numpy.quantile, higher": np.quantile(times, 0.5, method="higher"),
    "numpy.median": np.median(times),
    "jax.numpy.quantile": float(jnp.quantile(jnp.asarray(times), 0.5)),
    "jax.numpy.median": float(jnp.median(jnp.asarray(times))),
}
for name, value in found.items():
    print(name, value)
    assert np.isnan(value) if name in ("numpy.quantile", "numpy.percentile") else value == 2
PYTHON
echo "As before."
