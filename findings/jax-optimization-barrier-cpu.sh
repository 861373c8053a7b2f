#!/usr/bin/env bash
# jax 0.10.2, CPU. A polynomial of degree 20 is needed by two results of one compiled function. XLA's CPU compiler
# puts it into the loop of each, so that it is computed twice.
#
# Guess: jax.lax.optimization_barrier around the polynomial's value keeps it in memory, and it is computed once.
# Seen: the barrier is in what JAX hands to XLA and gone before loops are fused: 41 products either way. As the
# result of a branch of jax.lax.cond, or handed on by a loop, the value is computed once: 21 products.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import re

import jax
import jax.numpy as jnp


def polynomial(x):
    total = jnp.full_like(x, 0.5)
    for k in range(20):
        total = total * x + 1 / (k + 1)
    return total


WAYS = {
    "as it is": polynomial,
    "with a barrier": lambda x: jax.lax.optimization_barrier(polynomial(x)),
    "in a branch": lambda x: jax.lax.cond(x[0, 0] < 2, polynomial, lambda x: x, x),
}
found = {}
for name, way in WAYS.items():
    lowered = jax.jit(lambda x: ((p := way(x)) * x, jnp.sin(x) - p)).lower(jnp.ones((128, 128)))
    found[name] = len(re.findall(r" multiply\(", lowered.compile().as_text()))
    print(f"{name:14} {found[name]} products, barrier lowered: {'optimization_barrier' in lowered.as_text()}")
assert list(found.values()) == [41, 41, 21], found
PYTHON
