#!/usr/bin/env bash
# jax 0.10.2, CPU. A function with a derivative rule of its own (jax.custom_jvp), whose rule calls the function
# itself, as the tutorial asks for higher derivatives. It is applied twice: one after the other, and by lax.scan.
#
# Guess: every way to a second derivative of both gives the same number, by the rule.
# Seen: forward over forward does. Backward first (grad of grad, jacfwd of grad), the loop's second derivative
# takes the rule for the first derivative and the function's own body for the second: 0.0 where a body doesn't
# depend on its argument, in silence. So a body must have the derivative that its rule states.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp


@jax.custom_jvp
def sine(x, value):
    """sin x, whose value somebody has computed before."""
    return value


@sine.defjvp
def rule(primals, tangents):
    value = sine(*primals)
    return value, jnp.sqrt(1 - value**2) * tangents[0]


def once(x):
    return sine(x, jnp.sin(jax.lax.stop_gradient(x)))


def unrolled(x):
    return once(once(x))


def looped(x):
    return jax.lax.scan(lambda carry, _: (once(carry), None), x, length=2)[0]


WAYS = {
    "jacfwd of jacfwd": lambda f: jax.jacfwd(jax.jacfwd(f)),
    "grad of grad": lambda f: jax.grad(jax.grad(f)),
    "jacfwd of grad": lambda f: jax.jacfwd(jax.grad(f)),
}
exact = jax.grad(jax.grad(lambda x: jnp.sin(jnp.sin(x))))(0.7)
found = {}
for name, way in WAYS.items():
    found[name] = [float(way(f)(0.7)) for f in (unrolled, looped)]
    print(f"{name:17} unrolled {found[name][0]:+.6f}, scan {found[name][1]:+.6f}")
first = [float(jax.grad(f)(0.7)) for f in (unrolled, looped)]
assert abs(first[0] - first[1]) < 1e-12, first
assert all(abs(unrolled_ - exact) < 1e-12 for unrolled_, _ in found.values()), found
assert abs(found["jacfwd of jacfwd"][1] - exact) < 1e-12, found
assert found["grad of grad"][1] == found["jacfwd of grad"][1] == 0.0, found
PYTHON
