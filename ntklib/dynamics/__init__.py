r"""Residual trajectories $r_t = f(\cdot;\theta_t) - f^*$, of finite networks and of ideal limits.

All return values at a measure's nodes, one row a time, and take (model, params, target, measure,
times, *, sample). `gradient_flow` has finite width m and sample n, also with the network's kernel
kept as it is at the start; `gradient_descent` trains in steps instead, with any optimizer, on
labels too. `network_flows` and `kernel_flows` (m = ∞) repeat a flow over independent draws. Below
them are closed forms on matrices: `kernel_flow` for m = ∞ and finite n, `ideal_flow` for m = n = ∞.

`kernels_along` follows the tangent kernel of a flow. `pools` cuts networks of several widths from
common neurons; `linearization` holds a network beside its linearization.
"""

from ntklib.dynamics import linearization, pools
from ntklib.dynamics._closed_forms import closed_form, damping_factor, ideal_flow, kernel_flow
from ntklib.dynamics._descent import gradient_descent
from ntklib.dynamics._ensembles import kernel_flows, network_flows
from ntklib.dynamics._flows import Trajectory, gradient_flow
from ntklib.dynamics._kernels_along import kernels_along

__all__ = [
    "Trajectory",
    "closed_form",
    "damping_factor",
    "gradient_descent",
    "gradient_flow",
    "ideal_flow",
    "kernel_flow",
    "kernel_flows",
    "kernels_along",
    "linearization",
    "network_flows",
    "pools",
]
