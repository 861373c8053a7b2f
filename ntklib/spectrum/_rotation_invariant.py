r"""Harmonics as eigenfunctions, and projections on them; the public names are in `spectrum`."""

import functools
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _axes, _checks
from ntklib.measures import Measure, _harmonics, equispaced_angles, points_at
from ntklib.networks._network import Kernel
from ntklib.spectrum._degrees import fourier_eigenvalues, funk_hecke
from ntklib.spectrum._eigensystem import Eigensystem

LEAKAGE = 0.1
"""The largest error of a squared projection norm that `degree_norms` puts up with."""
BLOCK = 2**18
"""Numbers in a block of ⟨x, y⟩, of which about five exist at once."""


def circle(kernel: Kernel, measure: Measure, k: int | None = None) -> Eigensystem:
    r"""The eigensystem of a rotation-invariant kernel on the uniform circle, in closed form.

    With $K(x, x') = \kappa(\theta - \theta')$, κ even, the eigenfunctions are 1, √2 cos jθ,
    √2 sin jθ with the eigenvalues of `fourier_eigenvalues`.

    Args:
      kernel: (x, x') ↦ Gram matrix, such as `network.kernel`.
      measure: the uniform circle with q nodes, from `measures.circle`.
      k: how many eigenpairs, at most the q − 1 or fewer that the nodes tell apart; all by default.

    Returns:
      The eigensystem; within each pair of equal eigenvalues the cosine comes first.

    Raises:
      ValueError: the measure is not an equispaced circle, or as `funk_hecke`.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> system = spectrum.circle(poisson, measures.circle(8), k=5)
      >>> np.asarray(system.values).round(6).tolist()
      [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    _checks.require_x64("A spectrum")
    q = measure.nodes.shape[0]
    theta = np.asarray(_equispaced_angles(measure))
    most = (q - 1) // 2  # frequencies below q/2 are orthogonal on q equispaced nodes
    k = 2 * most + 1 if k is None else _checks.whole_number("k", k, least=1, most=2 * most + 1)
    by_frequency = fourier_eigenvalues(kernel, most)

    frequency = np.repeat(np.arange(most + 1), [1] + [2] * most)
    order = np.argsort(-np.asarray(by_frequency)[frequency], kind="stable")[:k]
    phase = np.where(np.arange(2 * most + 1) % 2 == 0, np.pi / 2, 0.0)  # cos, then sin
    phase[0] = 0.0
    amplitude = np.where(frequency == 0, 1.0, np.sqrt(2))
    functions = amplitude[order, None] * np.cos(
        frequency[order, None] * theta[None, :] - phase[order, None]
    )
    return Eigensystem(by_frequency[frequency[order]], jnp.asarray(functions), measure)


def sphere(kernel: Kernel, measure: Measure, degree: int | None = None) -> Eigensystem:
    r"""The eigensystem of a rotation-invariant kernel on the uniform sphere, in closed form.

    The eigenfunctions are the spherical harmonics up to a degree, an orthonormal basis for each
    degree made from zonal harmonics; which one has no meaning, only its span has.

    Args:
      kernel: (x, x') ↦ Gram matrix, such as `network.kernel`.
      measure: the uniform sphere, from `measures.sphere` or any nodes and weights on the sphere
        that integrate polynomials of degree 2L exactly.
      degree: the highest degree L; the largest that the nodes hold orthonormal by default, which
        is half the degree of the rule.

    Returns:
      The eigensystem with $\sum_{k\le L} N(d, k)$ eigenpairs in the order of their eigenvalues,
      which are those of `funk_hecke`.

    Raises:
      ValueError: the nodes are not on the sphere or don't hold the harmonics orthonormal, or as
        `funk_hecke`.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> linear = lambda x, y: 1 + 2 * x @ y.T
      >>> system = spectrum.sphere(linear, measures.sphere(3, degree=2))
      >>> np.asarray(system.values).round(6).tolist()  # 1, and 2/d three times
      [1.0, 0.666667, 0.666667, 0.666667]
    """
    _checks.require_x64("A spectrum")
    nodes, weights = _on_sphere(measure)
    d = nodes.shape[1]
    if degree is None:
        degree = max(1, _harmonics.exactness(nodes, weights) // 2)
    degree = _checks.whole_number("degree", degree, least=0)
    exact = _harmonics.exactness(nodes, weights, most=2 * degree)
    if exact < 2 * degree:
        raise ValueError(
            f"degree must be at most {exact // 2} for {measure.name!r}, got {degree}: its "
            f"{len(nodes)} nodes integrate polynomials up to degree {exact} only. Use "
            f"measures.sphere({d}, {2 * degree}) or more."
        )
    by_degree = np.asarray(funk_hecke(kernel, d, degree))
    degrees = np.repeat(
        np.arange(degree + 1), [_harmonics.multiplicity(d, k) for k in range(degree + 1)]
    )
    order = np.argsort(-by_degree[degrees], kind="stable")
    functions = np.concatenate(
        [_harmonics.orthonormal(k, nodes, weights) for k in range(degree + 1)]
    )
    return Eigensystem(
        jnp.asarray(by_degree[degrees[order]]), jnp.asarray(functions[order]), measure
    )


def frequency_norms(
    g: Float[Array, "*b q"], measure: Measure, most: int
) -> Float[Array, "*b frequencies"]:
    r"""The norms of a function's projections on each frequency of the circle.

    The eigenspace of frequency j ≥ 1 is spanned by √2 cos jθ and √2 sin jθ, so this is
    $(\langle g, \sqrt2\cos j\theta\rangle_\rho^2 + \langle g, \sqrt2\sin
    j\theta\rangle_\rho^2)^{1/2}$, and $|\langle g, 1\rangle_\rho|$ for j = 0.

    Args:
      g: values at the nodes, shape (..., q).
      measure: the uniform circle, from `measures.circle`.
      most: the highest frequency, below q/2.

    Returns:
      The norms for j = 0, …, most, shape (..., most + 1).

    Raises:
      ValueError: the measure is not an equispaced circle.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> circle = measures.circle(8)
      >>> g = 3 + circle.nodes[:, 0]
      >>> np.asarray(spectrum.frequency_norms(g, circle, most=2)).round(4).tolist()
      [3.0, 0.7071, 0.0]
    """
    q = _equispaced_angles(measure).shape[0]
    _checks.at_nodes("g", g, measure.weights)
    most = _checks.whole_number("most", most, least=0, most=(q - 1) // 2)
    return _frequency_norms(g, most)


@functools.partial(jax.jit, static_argnames="most")
def _frequency_norms(g: Float[Array, "*b q"], most: int) -> Float[Array, "*b frequencies"]:
    amplitudes = jnp.abs(jnp.fft.rfft(g)[..., : most + 1]) / g.shape[-1]
    scale = jnp.where(jnp.arange(most + 1) == 0, 1.0, jnp.sqrt(2.0))
    return amplitudes * _axes.padded(scale, g.ndim)


def degree_norms(
    g: Float[Array, "*b q"], measure: Measure, most: int
) -> Float[Array, "*b degrees"]:
    r"""The norms of a function's projections on the spherical harmonics of each degree.

    $\|\Pi_j g\|_\rho$ with $(\Pi_j g)(x) = N(d, j)\int P_j(\langle x, y\rangle)\,g(y)\,d\rho(y)$,
    the integrals over the nodes. Exact for a polynomial g of degree n if they integrate
    polynomials of degree n + most. Nodes drawn from the uniform distribution add noise:
    $\|\Pi_j g\|_\rho^2$ is too large by about $N(d, j)/q$ of $\|g\|_\rho^2$.

    Args:
      g: values at the nodes, shape (..., q).
      measure: the uniform sphere, from `measures.sphere` or drawn.
      most: the highest degree.

    Returns:
      The norms for j = 0, …, most, shape (..., most + 1). Blocks of rows of the (q, q) inner
      products of the nodes are all that is held.

    Raises:
      ValueError: the nodes are not on the sphere, or too few:
        $N\sum_{ij} w_i w_j P_j(\langle x_i, x_j\rangle)^2$, which is 1 for a projection, exceeds 1
        by more than 0.1.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> sphere = measures.sphere(3, degree=4)
      >>> g = 1 + sphere.nodes[:, 2]  # the mean of z² is 1/3
      >>> np.asarray(spectrum.degree_norms(g, sphere, most=2)).round(4).tolist()
      [1.0, 0.5774, 0.0]
    """
    nodes, weights = _on_sphere(measure)
    q, d = nodes.shape
    _checks.at_nodes("g", g, measure.weights)
    most = _checks.whole_number("most", most, least=0)
    weighted = (np.asarray(g) * weights).reshape(-1, q).T
    squares = np.zeros((most + 1, weighted.shape[1]))
    traces = np.zeros(most + 1)
    rows = max(1, BLOCK // q)
    for block in (slice(start, start + rows) for start in range(0, q, rows)):
        inner = nodes[block] @ nodes.T
        for degree, zonal in enumerate(islice(_harmonics.polynomials(d, inner), most + 1)):
            size = _harmonics.multiplicity(d, degree)
            squares[degree] += weights[block] @ (size * (zonal @ weighted)) ** 2
            traces[degree] += size * (weights[block] @ zonal**2 @ weights)
    _refuse_leakage(traces - 1, measure)
    return jnp.asarray(np.sqrt(squares).T.reshape(*g.shape[:-1], most + 1))


def _refuse_leakage(leakage: np.ndarray, measure: Measure) -> None:
    too_much = np.flatnonzero(np.abs(leakage) > LEAKAGE)
    if too_much.size:
        j = int(too_much[0])
        q, d = measure.nodes.shape
        raise ValueError(
            f"most must be at most {j - 1} for the {q} nodes of {measure.name!r}: they project on "
            f"degree {j} with an error of {leakage[j]:.2g}. Use measures.sphere({d}, {2 * j}) or "
            f"more than {int(_harmonics.multiplicity(d, j) / LEAKAGE)} uniformly drawn nodes."
        )


def _on_sphere(measure: Measure) -> tuple[np.ndarray, np.ndarray]:
    _checks.on_sphere("measure.nodes", measure.nodes)
    _checks.whole_number("the dimension of measure.nodes", measure.nodes.shape[1], least=2)
    return np.asarray(measure.nodes, float), np.asarray(measure.weights, float)


def _equispaced_angles(measure: Measure) -> Float[Array, " q"]:
    nodes = measure.nodes
    q = nodes.shape[0]
    expected = equispaced_angles(q)
    if nodes.shape[1] != 2 or np.max(np.abs(nodes - points_at(expected))) > 1e-10:
        raise ValueError(
            f"measure must be measures.circle(nodes), got {measure.name!r} with nodes of shape "
            f"{nodes.shape}: use nystrom() for other measures."
        )
    return expected
