r"""Eigenvalues of rotation-invariant kernels by degree; the public names are in `spectrum`."""

from itertools import islice

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _checks
from ntklib.measures import _harmonics
from ntklib.networks import _door
from ntklib.networks._network import Kernel

QUADRATURE_NODES = 512
"""Fejér nodes on [0, π] for the eigenvalues, at least."""
TOLERANCE = 1e-8
"""How far a kernel may be from invariant or positive, relative to its largest value."""


def funk_hecke(kernel: Kernel, d: int, most: int) -> Float[Array, " degrees"]:
    r"""Eigenvalues of a rotation-invariant kernel on the uniform sphere S^{d−1}, by degree.

    With $K(x, x') = \kappa(\cos\varphi)$, φ the angle between x and x', the spherical harmonics of
    degree k are eigenfunctions with the eigenvalue (Funk–Hecke formula; Müller 1966)
    $\sigma_k = c_d\int_0^\pi \kappa(\cos\varphi)\,P_k(\cos\varphi)\sin^{d-2}\varphi\,d\varphi$,
    $P_k$ the Gegenbauer polynomial with $P_k(1) = 1$ and $c_d$ making the weight a probability.
    The tangent kernels of ReLU networks have corners or square-root singularities at φ = 0 and π
    but are analytic in φ between and up to them, so Fejér's rule converges geometrically.

    Args:
      kernel: (x, x') ↦ Gram matrix, such as `network.kernel` of a network on ℝᵈ.
      d: dimension of the ambient space, at least 2.
      most: the highest degree.

    Returns:
      σ₀, …, σ_most, shape (most + 1,), each of multiplicity `multiplicity(d, k)`. They are exact
      to about 10⁻¹⁵ of the kernel's largest value and as far as the kernel itself is; where
      rounding makes one negative it is set to 0.

    Raises:
      ValueError: the kernel is not rotation-invariant, or has a negative eigenvalue.

    Example:
      >>> import numpy as np
      >>> from ntklib import spectrum
      >>> poisson = lambda x, y: (
      ...     0.75 / (1.25 - x @ y.T) ** 1.5
      ... )  # (1 − r²)/(1 − 2rt + r²)^(d/2), r = 1/2
      >>> found = spectrum.funk_hecke(poisson, d=3, most=3)
      >>> np.asarray(found / found[0]).round(6).tolist()  # rᵏ
      [1.0, 0.5, 0.25, 0.125]
    """
    _checks.require_x64("A spectrum")
    d = _checks.whole_number("d", d, least=2)
    most = _checks.whole_number("most", most, least=0)
    angles, weights = _harmonics.angle_rule(d, max(QUADRATURE_NODES, 2 * (most + d)))
    profile = _profile(kernel, d, angles)

    values = np.empty(most + 1)
    bases = _harmonics.polynomials(d, np.cos(angles))
    for degree, basis in enumerate(islice(bases, most + 1)):
        values[degree] = weights @ (profile * basis)
        # A perturbation of κ changes σ_k by at most its norm times that of P_k, which is small.
        bound = TOLERANCE * np.max(np.abs(profile)) * np.sqrt(weights @ basis**2)
        if values[degree] < -bound:
            raise ValueError(
                f"kernel must be positive semidefinite, but {'frequency' if d == 2 else 'degree'} "
                f"{degree} has the eigenvalue {values[degree]:.3g}: it is no kernel."
            )
    return jnp.asarray(np.maximum(values, 0.0))


def _profile(kernel: Kernel, d: int, angles: np.ndarray) -> np.ndarray:
    """Returns κ at the angles, after a look at whether it depends on nothing else."""
    arc = np.zeros((len(angles), d))
    arc[:, 0], arc[:, 1] = np.cos(angles), np.sin(angles)
    # An orthogonal matrix that no symmetry of a kernel is likely to share. On the circle only a
    # mirroring one tells whether κ is even.
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))
    turn[:, 0] *= -np.linalg.det(turn)
    start = np.eye(1, d)
    profile, turned = (
        np.asarray(_door.gram_of(kernel, jnp.asarray(a), jnp.asarray(b)))[0]
        for a, b in ((start, arc), (start @ turn.T, arc @ turn.T))
    )
    largest = np.max(np.abs(profile))
    difference = np.max(np.abs(profile - turned))
    if difference > TOLERANCE * largest:
        raise ValueError(
            "kernel must depend on the angle between its arguments only, but a rotation changes "
            f"it by {difference / largest:.2g} of its largest value: use nystrom() instead."
        )
    return profile


def fourier_eigenvalues(kernel: Kernel, most: int) -> Float[Array, " frequencies"]:
    r"""Eigenvalues λ₀, …, λ_most of a rotation-invariant kernel on the circle, by frequency.

    Frequencies are degrees for d = 2: $\lambda_j = \frac1\pi\int_0^\pi \kappa(\theta)
    \cos(j\theta)\,d\theta$.

    Args:
      kernel: (x, x') ↦ Gram matrix.
      most: the highest frequency.

    Returns:
      $\lambda_j$, shape (most + 1,); see `funk_hecke`.

    Raises:
      ValueError: as `funk_hecke`.

    Example:
      >>> import numpy as np
      >>> from ntklib import spectrum
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> np.asarray(spectrum.fourier_eigenvalues(poisson, most=3)).round(6).tolist()
      [1.0, 0.5, 0.25, 0.125]
    """
    return funk_hecke(kernel, 2, most)


def multiplicity(d: int, degree: int) -> int:
    r"""The dimension N(d, k) of the spherical harmonics of degree k on S^{d−1}.

    $N(d, k) = \binom{k+d-1}{d-1} - \binom{k+d-3}{d-1}$: 1, 2, 2, … for d = 2, 2k + 1 for d = 3.

    Args:
      d: dimension of the ambient space, at least 2.
      degree: k ≥ 0.

    Example:
      >>> from ntklib import spectrum
      >>> spectrum.multiplicity(3, 2)
      5
      >>> [spectrum.multiplicity(10, k) for k in range(4)]
      [1, 10, 54, 210]
    """
    d = _checks.whole_number("d", d, least=2)
    return _harmonics.multiplicity(d, _checks.whole_number("degree", degree, least=0))
