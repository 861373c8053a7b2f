#!/usr/bin/env bash
# diffrax 0.7.2, equinox 0.13.8, jax 0.10.2, scipy 1.17.1, CPU, float64. An adaptive flow that ends at
# a singularity: y' = -1 - sqrt(y), y(0) = 1, which reaches 0 at t = 2 - 2 log 2 and is NaN below.
#
# Guess: the solver shortens its steps until they are below the rounding of t, and says so at once,
# as SciPy's solve_ivp does after 500 evaluations ("Required step size is less than spacing").
# Seen: Tsit5 with a PIDController goes on to max_steps whatever that is. Of 20,000 steps it counts
# 19,921 as accepted, although t took 54 different values and stands still from then on; the answer is
# to try increasing max_steps, which can't help.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet diffrax==0.7.2 equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 \
  numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" - <<'PYTHON'
import diffrax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

END = 2 - 2 * np.log(2)


def flow(max_steps):
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: -1 - jnp.sqrt(y)), diffrax.Tsit5(), 0.0, 4.0, 0.01,
        jnp.asarray(1.0), stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-9),
        saveat=diffrax.SaveAt(steps=True), max_steps=max_steps, throw=False,
    )
    times = np.asarray(solution.ts)
    times = times[np.isfinite(times)]
    return solution, times


for max_steps in (200, 20_000):
    solution, times = flow(max_steps)
    accepted, different = int(solution.stats["num_accepted_steps"]), len(np.unique(times))
    print(f"max_steps = {max_steps}: {accepted} accepted, {different} different times, last "
          f"{times[-1] - END:.1e} beside the end: {diffrax.RESULTS[solution.result]}")
    assert solution.result == diffrax.RESULTS.max_steps_reached
    assert int(solution.stats["num_steps"]) == max_steps
    assert abs(times[-1] - END) < 1e-6
    assert different < 60 < accepted

with np.errstate(invalid="ignore"):
    peer = solve_ivp(lambda t, y: -1 - np.sqrt(y), (0, 4), [1.0], rtol=1e-6, atol=1e-9)
print(f"SciPy after {peer.nfev} evaluations: {peer.message}")
assert peer.status == -1 and peer.nfev < 2000
PYTHON
