r"""Residual trajectories $r_t = f(\cdot;\theta_t) - f^*$, of finite networks and of ideal limits.

All return values at a measure's nodes, one row a time. `gradient_flow` has finite width m and
sample n, `linearized_flow` keeps the network's kernel as it is at the start, `kernel_flow` has
m = ∞ and finite n, `ideal_flow` has m = n = ∞. `gradient_descent` trains in steps instead, with
any optimizer. `network_flows` and `kernel_flows` repeat a flow over independent draws.

`pools` cuts networks of several widths from common neurons; `linearization` holds a network beside
its linearization.
"""

from ntklib.dynamics import linearization, pools
from ntklib.dynamics._closed_forms import closed_form, damping_factor, ideal_flow, kernel_flow
from ntklib.dynamics._descent import gradient_descent
from ntklib.dynamics._ensembles import kernel_flows, network_flows
from ntklib.dynamics._flows import Trajectory, gradient_flow, linearized_flow

__all__ = [
    "Trajectory",
    "closed_form",
    "damping_factor",
    "gradient_descent",
    "gradient_flow",
    "ideal_flow",
    "kernel_flow",
    "kernel_flows",
    "linearization",
    "linearized_flow",
    "network_flows",
    "pools",
]
