#!/usr/bin/env bash
# jax 0.10.2, CPU, default settings. A key is split by one function, which draws from the second half, and another
# function derives "a key of its own" from it by fold_in(key, 1).
#
# Guess: both keys are unrelated, since two different functions made them.
# Seen: split(key, n)[i] and fold_in(key, i) are the same key, for every i (jax-ml/jax pull request 13341 made them
# so on purpose; the docstrings don't say it). Two normal samples that are meant to be independent correlate by 1.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np

key = jax.random.key(0)
halves = jax.random.split(key, 5)
same = [bool(halves[i] == jax.random.fold_in(key, i)) for i in range(5)]
place = jax.random.normal(jax.random.split(key)[1], (1000,))
noise = jax.random.normal(jax.random.fold_in(key, 1), (1000,))
apart = jax.random.normal(jax.random.fold_in(key, 2**31 - 1), (1000,))
found = [np.corrcoef(place, each)[0, 1] for each in (noise, apart)]
print(f"split(key, 5)[i] == fold_in(key, i): {same}")
print(f"correlation with split(key)[1]: {found[0]:.3f} of fold_in(key, 1), {found[1]:.3f} of fold_in(key, 2**31 - 1)")
assert all(same)
assert found[0] > 0.999 and abs(found[1]) < 0.15, found
PYTHON
