#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, CPU. NumPy arrays of 20 shapes are made JAX arrays: by jnp.asarray, by jnp.asarray
# with the dtype that the array has already, and by jax.device_put.
#
# Guess: a copy at most, nothing to compile; naming the dtype changes nothing.
# Seen: jnp.asarray(x) compiles one XLA program for every new shape (jit(stage)), about 10 ms each, in place
# of some 0.1 ms. With dtype=x.dtype, and by device_put, nothing is compiled. A notebook that makes a hundred
# arrays of different shapes spends a second on it.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import time

import jax
import jax.numpy as jnp
import numpy as np

compiled = []
jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: compiled.append(name))
EVENT = "/jax/core/compile/backend_compile_duration"
WAYS = {
    "jnp.asarray(x)": jnp.asarray,
    "jnp.asarray(x, x.dtype)": lambda x: jnp.asarray(x, x.dtype),
    "jax.device_put(x)": jax.device_put,
}
jax.config.update("jax_enable_x64", True)
found = {}
for columns, (name, way) in enumerate(WAYS.items(), start=2):
    jax.block_until_ready(way(np.ones((1, columns))))
    compiled.clear()
    start = time.perf_counter()
    for rows in range(2, 22):
        jax.block_until_ready(way(np.ones((rows, columns))))
    each = (time.perf_counter() - start) / 20
    found[name] = compiled.count(EVENT)
    print(f"{name:24} 20 shapes, {found[name]:2d} programs, {1e3 * each:6.2f} ms each")
assert list(found.values()) == [20, 0, 0], found
PYTHON
