r"""Input distributions ρ, each with nodes and weights that stand for ρ in every integral.

One representation throughout: a function on X is the vector of its values at the nodes (last
axis), $\langle a, b\rangle_\rho = \sum_j w_j a_j b_j$, and the operator of a kernel is
$T_K = K(\text{nodes}, \text{nodes})\,\mathrm{diag}(w)$.
"""

from ntklib.measures import arcs, spheres
from ntklib.measures._measure import Measure, empirical
from ntklib.measures._rules import angles_of, circle, equispaced_angles, points_at, sphere

__all__ = [
    "Measure",
    "angles_of",
    "arcs",
    "circle",
    "empirical",
    "equispaced_angles",
    "points_at",
    "sphere",
    "spheres",
]
