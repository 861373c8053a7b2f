#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, CPU. Numbers of Poisson's law with a large mean λ, such as counts of neurons or points.
#
# Guess: variance λ for any λ whose draws fit into the integers asked for, as numpy's have; with x64 they are int64.
# Seen: up to λ = 10⁷ the variance is λ to a few percent; at 10⁸ it is 1.46 λ and at 10⁹ 1.65 λ, in int64 with
# JAX_ENABLE_X64 too; the mean is right. 99 % of the draws are below λ + 3.5 √λ at 10⁸, where 2.3 √λ would do.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

draws, key = 10**5, jax.random.key(0)
for mean in (1e4, 1e8, 1e9):
    found = np.asarray(jax.random.poisson(key, mean, (draws,), jnp.int64), float)
    theirs = np.random.default_rng(0).poisson(mean, draws)
    far = np.quantile((found - mean) / mean**0.5, 0.99)
    print(f"mean {mean:.0e}: variance over mean {found.var() / mean:.3f}, numpy {theirs.var() / mean:.3f},"
          f" 99 % below mean + {far:.2f} deviations")
    assert abs(theirs.var() / mean - 1) < 0.02
    assert abs(found.mean() - mean) < 5 * (mean / draws) ** 0.5 * 1.3
    assert abs(found.var() / mean - 1) < 0.02 if mean < 1e5 else found.var() / mean > 1.4
PYTHON
echo "As before."
