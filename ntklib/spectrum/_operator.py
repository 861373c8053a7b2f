r"""Eigensystems of $T_K$ on a measure's nodes: by all of a Gram matrix, or by products with it."""

from collections.abc import Callable
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from ntklib import _arguments, _checks, _matrices
from ntklib.measures import Measure
from ntklib.spectrum import _krylov
from ntklib.spectrum._eigensystem import Eigensystem

KRYLOV_NODES = 1000
"""Nodes from which on `nystrom` prefers the Krylov method for few eigenpairs."""
KRYLOV_SHARE = 100
"""Few are at most this part of the nodes: q/100."""

KRYLOV_BLOCK = 64
"""Vectors whose product with a Gram matrix in memory takes little longer than reading it."""

Gram = Float[Array, "q q"] | Float[np.ndarray, "q q"]


def nystrom(
    gram: Gram,
    measure: Measure,
    k: int | None = None,
    *,
    method: Literal["auto", "full", "krylov"] = "auto",
) -> Eigensystem:
    r"""The eigensystem of $T_K = K\,\mathrm{diag}(w)$ on a measure's nodes.

    $T_K$ is symmetric in $\langle\cdot,\cdot\rangle_\rho$: with
    $A = \mathrm{diag}(w)^{1/2} K\,\mathrm{diag}(w)^{1/2} = U\Sigma U^T$ its eigenfunctions are
    $\phi_i = \mathrm{diag}(w)^{-1/2}u_i$. For nodes drawn from ρ the eigenvalues approach those of
    the operator at the rate 1/√q (Koltchinskii and Giné 2000).

    Args:
      gram: K at the nodes, symmetric positive semidefinite, shape (q, q), of NumPy or JAX; a
        float64 matrix on the CPU isn't copied by the Krylov method, and once by the full one. One
        that `studies.gram` has in a file is read from there, once for some 60 vectors.
      measure: ρ.
      k: how many eigenpairs; all q by default.
      method: "full" decomposes A; "krylov" finds the k < q largest eigenpairs from products with
        it, to the same accuracy; "auto" takes "krylov" from 1000 nodes on if k ≤ q/100. All run on
        the CPU.

    Returns:
      The eigensystem; eigenvalues that rounding makes negative are set to 0.

    Raises:
      RuntimeError: the Krylov method didn't converge.
      ValueError: gram is not symmetric positive semidefinite; the Krylov method sees a negative
        eigenvalue only if it is among the k largest.

    Example:
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle = measures.circle(64)
      >>> system = spectrum.nystrom(poisson(circle.nodes, circle.nodes), circle, k=5)
      >>> np.asarray(system.values).round(6).tolist()
      [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    _checks.require_x64("A spectrum")
    _arguments.choice("method", method, ("auto", "full", "krylov"))
    matrix = _matrices.symmetric("gram", gram)
    q = measure.weights.shape[0]
    _checks.same_length("gram", matrix.shape[0], "measure", q)
    if method == "auto":
        few = k is not None and q >= KRYLOV_NODES and k <= q // KRYLOV_SHARE
        method = "krylov" if few else "full"
    most = q - 1 if method == "krylov" else q
    k = most if k is None else _checks.whole_number("k", k, least=1, most=most)

    precision, matrix = matrix.dtype, np.asarray(matrix, np.float64)
    roots = _roots(measure)
    if method == "krylov":
        column = roots[:, None]
        values, vectors = _krylov.leading(
            lambda v: column * (matrix @ (column * v)), q, k, "Nyström", least=KRYLOV_BLOCK
        )
    else:
        values, vectors = scipy.linalg.eigh(
            _weighted(matrix, roots), driver="evd", overwrite_a=True, check_finite=False
        )
    _matrices.nonnegative_spectrum("gram, weighted by the measure,", values, precision)
    if method == "full":
        values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
    return _eigensystem_of(values, vectors, measure)


def matrix_free(
    product: Callable[[Float[Array, "q b"]], Any], measure: Measure, k: int
) -> Eigensystem:
    r"""The leading eigenpairs of $T_K$ from products with K, which is never formed.

    As `nystrom` with the Krylov method. `kernels.products` makes the products of a kernel,
    `kernels.tangent_products` those of a network's empirical one.

    Args:
      product: V ↦ K V at the nodes, of some more than k vectors at once, shapes (q, b), in
        float64; a progress bar counts the vectors. Make it of v ↦ K v by `jax.vmap(…, 1, 1)`.
      measure: ρ.
      k: how many eigenpairs, below q.

    Returns:
      The eigensystem; eigenvalues that rounding makes negative are set to 0.

    Raises:
      RuntimeError: no convergence.
      ValueError: product is not symmetric on a random pair of vectors, or has a negative eigenvalue
        among the k largest.

    Example:
      >>> import numpy as np
      >>> from ntklib import kernels, measures, spectrum
      >>> poisson = lambda x, y: 0.75 / (1.25 - x @ y.T)  # its eigenvalues are 2⁻ʲ
      >>> circle = measures.circle(64)
      >>> product = kernels.products(poisson, circle.nodes)
      >>> system = spectrum.matrix_free(product, circle, k=3)
      >>> np.asarray(system.values).round(6).tolist()
      [1.0, 0.5, 0.5]
    """
    _checks.require_x64("A spectrum")
    q = measure.weights.shape[0]
    k = _checks.whole_number("k", k, least=1, most=q - 1)
    roots = _roots(measure)

    def weighted(v: np.ndarray) -> np.ndarray:
        image = _checks.real_array("product(V)", product(jnp.asarray(roots[:, None] * v)), "q b")
        if image.shape != v.shape:
            raise ValueError(
                f"product(V) must have the shape of V, {v.shape}, but has {image.shape}: make the "
                "product of one vector one of several by jax.vmap(product, 1, 1)."
            )
        return roots[:, None] * np.asarray(image, np.float64)

    pair = np.random.default_rng(1).standard_normal((q, 2))
    (u, v), (u_image, v_image) = pair.T, weighted(pair).T
    difference = abs(float(u @ v_image - v @ u_image))
    largest = float(np.linalg.norm(u) * np.linalg.norm(v_image))
    if difference > 1e-8 * largest:
        raise ValueError(
            f"product must be that of a symmetric matrix in float64, but ⟨u, Kv⟩ and ⟨Ku, v⟩ "
            f"differ by {difference / largest:.2g} of ‖u‖‖Kv‖ for two random vectors: check that "
            "it is linear and runs in double precision."
        )
    values, vectors = _krylov.leading(weighted, q, k, "matrix-free spectrum")
    _matrices.nonnegative_spectrum("product, weighted by the measure,", values)
    return _eigensystem_of(values, vectors, measure)


def fisher_spectrum(
    gram: Gram | Float[Array, "q q o o"] | Float[np.ndarray, "q q o o"], measure: Measure
) -> Float[Array, " eigenvalues"]:
    r"""The eigenvalues of the Fisher information matrix, from the tangent kernel at the nodes.

    $F = \sum_j w_j \sum_a \nabla f_a(x_j)\,\nabla f_a(x_j)^T$, that of a Gaussian likelihood with
    unit variance, is $G^T G$, and $\mathrm{diag}(w)^{1/2} K\,\mathrm{diag}(w)^{1/2}$ is
    $G G^T$ for the same G, whose rows are $\sqrt{w_j}\,\nabla f_a(x_j)$: F, which is p × p, has
    the same nonzero eigenvalues.

    Args:
      gram: ⟨∇f(x_i), ∇f(x_j)⟩ at the nodes, shape (q, q); of a network with o outputs, the entry
        [i, j, a, b] is ⟨∇f_a(x_i), ∇f_b(x_j)⟩, shape (q, q, o, o).
      measure: ρ.

    Returns:
      The q·o eigenvalues in descending order; those of F are the first p, with further zeros if
      p > q·o. Where rounding makes one negative it is set to 0.

    Example:
      >>> import jax.numpy as jnp
      >>> import numpy as np
      >>> from ntklib import measures, spectrum
      >>> x = jnp.array([[1.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
      >>> measure = measures.empirical(x)
      >>> found = spectrum.fisher_spectrum(x @ x.T, measure)  # of f(x; θ) = ⟨θ, x⟩
      >>> np.asarray(found).round(4).tolist()  # F = diag(1/3, 8/3), p = 2
      [2.6667, 0.3333, 0.0]
    """
    _checks.require_x64("A spectrum")
    blocks = np.asarray(gram)
    if blocks.ndim not in (2, 4) or blocks.shape[2:3] != blocks.shape[3:]:
        raise ValueError(f"gram must have shape (q, q) or (q, q, o, o), got shape {blocks.shape}.")
    outputs = blocks.shape[2] if blocks.ndim == 4 else 1
    if blocks.ndim == 4:
        q, q_again = blocks.shape[:2]
        blocks = blocks.transpose(0, 2, 1, 3).reshape(q * outputs, q_again * outputs)
    matrix = _matrices.symmetric("gram", blocks)
    _checks.same_length("gram", matrix.shape[0] // outputs, "measure", measure.weights.shape[0])
    values = scipy.linalg.eigvalsh(
        _weighted(matrix.astype(np.float64, copy=False), np.repeat(_roots(measure), outputs)),
        overwrite_a=True,
        check_finite=False,
    )
    _matrices.nonnegative_spectrum("gram, weighted by the measure,", values, matrix.dtype)
    return jnp.asarray(np.maximum(values[::-1], 0.0))


def _roots(measure: Measure) -> np.ndarray:
    return np.sqrt(np.asarray(measure.weights, np.float64))


def _weighted(matrix: np.ndarray, roots: np.ndarray) -> np.ndarray:
    scaled = roots[:, None] * matrix
    scaled *= roots
    return scaled


def _eigensystem_of(values: np.ndarray, vectors: np.ndarray, measure: Measure) -> Eigensystem:
    functions = vectors.T / _roots(measure)
    return Eigensystem(jnp.asarray(np.maximum(values, 0.0)), jnp.asarray(functions), measure)
