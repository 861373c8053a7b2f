r"""Both sides of Theorem 1 and Corollary 2, the least ε that makes them true, and Corollary 5.

Theorem 1 (Bowman and Montúfar 2022b): for a fixed continuous symmetric positive definite kernel
K with eigenvalues σ₁ ≥ σ₂ ≥ …, widths $m = \tilde\Omega(T^4/\epsilon^2)$ and samples
$n = \tilde\Omega(T^2/\epsilon^2)$ suffice for, with high probability, all t ≤ T and all k,

$$\|P_k(r_t - e^{-T_K t}r_0)\|^2 \le \Big[\frac{1-e^{-\sigma_k t}}{\sigma_k}\Big]^2
  \big[4\|f^*\|_\infty^2\|K-K_0\|^2_{L^2(\rho\otimes\rho)} + \epsilon\big], \qquad
\|r_t - e^{-T_K t}r_0\|^2 \le t^2 \big[4\|f^*\|_\infty^2\|K-K_0\|^2 + \epsilon\big].$$

Corollary 2 is the case $K = K^\infty$ with the bracket replaced by ε. Constants are not given,
so what can be measured is $\hat\epsilon$, the least ε for which both hold in a given run.

Corollary 5 stops at $T \sim 1/\sigma_k$, where the top k eigenfunctions are learned to ε:
`stopping_time`, `least_size` and `growth` measure it, and `plan` uses it.
"""

from ntklib.theory import deviations, fisher, onset, response
from ntklib.theory._comparison import compare, compare_with_start
from ntklib.theory._corollary_5 import leading_modes, stopping_time
from ntklib.theory._least_size import growth, least_size
from ntklib.theory._pilot import plan
from ntklib.theory._sides import Comparison
from ntklib.theory._works import requirements

__all__ = [
    "Comparison",
    "compare",
    "compare_with_start",
    "deviations",
    "fisher",
    "growth",
    "leading_modes",
    "least_size",
    "onset",
    "plan",
    "requirements",
    "response",
    "stopping_time",
]
