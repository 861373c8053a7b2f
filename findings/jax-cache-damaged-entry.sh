#!/usr/bin/env bash
# jax 0.10.2, CPU. An entry of the persistent compilation cache that is cut off, as a process leaves
# it that was stopped while it wrote: entries are written in place, under their names.
#
# Guess: the next process finds it damaged, compiles, and puts a whole entry in its place, as it does
# where there is none.
# Seen: it warns and compiles, and leaves the damaged entry there, since an entry of that name
# exists. So every later process warns and compiles again, for good.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
export JAX_PLATFORMS=cpu JAX_COMPILATION_CACHE_DIR="$folder/cache"
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1
cat > "$folder/run.py" <<'PYTHON'
import warnings

import jax
import jax.numpy as jnp
import numpy as np


def program(x):
    return jnp.sin(x) @ x


x = np.ones((8, 8), np.float32)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    jax.jit(program)(x).block_until_ready()
print(sum("jit_program" in str(each.message) for each in said))
PYTHON
run() { "$folder/venv/bin/python" "$folder/run.py"; }
size() { wc -c < "$(ls "$folder"/cache/jit_program-*-cache)"; }

first="$(run)"
whole="$(size)"
second="$(run)"
entry="$(ls "$folder"/cache/jit_program-*-cache)"
head -c "$((whole / 2))" "$entry" > "$folder/half"
cp "$folder/half" "$entry"
cut="$(size)"
third="$(run)"
fourth="$(run)"
echo "warnings of four runs, the entry cut off after the second: $first $second $third $fourth"
echo "bytes of the entry: $whole, cut to $cut, at the end $(size)"
[ "$first $second" = "0 0" ]
[ "$third" -ge 1 ]
[ "$fourth" -ge 1 ]
[ "$(size)" = "$cut" ]
