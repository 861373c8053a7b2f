#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6, CPU. A .npy file is mapped into memory by np.load(path, mmap_mode="r") and made a
# JAX array; then the file is written to by another process.
#
# Guess: JAX arrays are immutable, so the array keeps its numbers; naming the dtype that it has changes nothing.
# Seen: after jnp.asarray(x) it keeps them, after jnp.asarray(x, x.dtype) and jax.device_put(x) it has the new
# ones: both share the map's memory where it begins at a multiple of 64 bytes, as the data of every .npy file
# does, but for np.memmap(..., offset=8) both copy. To keep what was read: jnp.array(x).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
WAYS = {
    "jnp.array(x)": jnp.array,
    "jnp.asarray(x)": jnp.asarray,
    "jnp.asarray(x, x.dtype)": lambda x: jnp.asarray(x, x.dtype),
    "jax.device_put(x)": jax.device_put,
}
WRITE = "import numpy as np; m = np.memmap('x.npy', float, 'r+', offset={}); m[0] = 7; m.flush()"
found = {}
for offset in (128, 8):
    for name, way in WAYS.items():
        np.save("x.npy", np.ones(1000))  # whose data begin at byte 128
        maps = {
            128: lambda: np.load("x.npy", mmap_mode="r"),
            8: lambda: np.memmap("x.npy", float, "r", offset=8),
        }
        array = jax.block_until_ready(way(maps[offset]()))
        before = float(array[0])
        subprocess.run([sys.executable, "-c", WRITE.format(offset)], check=True)
        found[offset, name] = float(array[0]) != before
        print(f"data at byte {offset:3d}, {name:24} {before:.3g} -> {float(array[0]):.3g}")
assert [found[128, name] for name in WAYS] == [False, False, True, True], found
assert not any(found[8, name] for name in WAYS), found
PYTHON
