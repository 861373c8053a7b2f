"""The largest eigenpairs of a symmetric matrix that is known by its products only."""

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from tqdm import tqdm

MOST_RESTARTS = 300
"""Restarts of one Lanczos iteration before it gives up."""
MOST_ROUNDS = 30
"""Lanczos iterations, each with a new start vector."""
ROUNDING = 1e-13
"""Residuals and differences of eigenvalues that count as rounding, relative to the largest."""
GLANCE = 1e-4
"""Relative accuracy of the largest eigenvalue that is left over, for a look at it."""

Product = Callable[[np.ndarray], np.ndarray]


def leading(product: Product, q: int, k: int, title: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k largest eigenvalues of a positive semidefinite matrix A and eigenvectors.

    By the implicitly restarted Lanczos method (Lehoucq, Sorensen and Yang, ARPACK Users' Guide,
    1998) in rounds. One start vector sees one direction of each eigenspace and others only by
    rounding, so that copies of a multiple eigenvalue can be missed, or taken for converged too
    early. So eigenpairs count as found once their residuals are rounding, and rounds go on with A
    restricted to the complement of those found, until there are k and nothing larger is left.

    Args:
      product: v ↦ A v, shapes (q,).
      q: rows of A.
      k: how many, below q.
      title: of the progress bar, which counts products.

    Returns:
      The eigenvalues in descending order, shape (k,), and orthonormal eigenvectors, shape (q, k),
      with residuals of at most 10⁻¹³ of the largest eigenvalue. The same input gives the same
      result.

    Raises:
      RuntimeError: no convergence.
    """
    with tqdm(desc=title, unit=" products", delay=2) as bar:

        def counted(v: np.ndarray) -> np.ndarray:
            bar.update()
            return product(v)

        try:
            return _in_rounds(counted, q, k)
        except ArpackError:
            raise RuntimeError(
                f"The {k} leading eigenpairs didn't converge in {bar.n} products with the "
                f"{q}×{q} matrix: ask for a k where the eigenvalues fall off, or decompose the "
                'whole Gram matrix by nystrom(..., method="full").'
            ) from None


def _in_rounds(product: Product, q: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.empty(0), np.empty((q, 0))
    scale = _scale(product, q)
    if scale == 0.0:
        return np.zeros(k), np.eye(q, k)
    for seed in range(MOST_ROUNDS):
        missing = k - values.size
        if missing <= 0:
            if values.size == q or not _larger_left(product, vectors, values[k - 1], scale):
                return values[:k], vectors[:, :k]
            missing = 1
        _, more = _lanczos(product, vectors, missing, scale, seed=seed)
        images = np.stack([product(v) for v in more.T], axis=1)
        # Rayleigh quotients with A itself: the shift has cost ARPACK's values their last digits.
        found = np.sum(more * images, axis=0)
        residuals = images - more * found
        good = np.linalg.norm(residuals, axis=0) <= ROUNDING * scale
        order = np.argsort(-np.append(values, found[good]), kind="stable")
        values = np.append(values, found[good])[order]
        vectors = np.concatenate([vectors, more[:, good]], axis=1)[:, order]
    raise ArpackNoConvergence("rounds ended", values, vectors)


def _larger_left(product: Product, vectors: np.ndarray, value: float, scale: float) -> bool:
    """Whether A has an eigenvalue above `value` on the complement of the vectors."""

    def left_over(v: np.ndarray) -> np.ndarray:
        return _without(vectors, product(_without(vectors, v)))

    # Its own scale: a copy of a small eigenvalue counts like one of a large one.
    rest = _scale(left_over, len(vectors))
    if rest <= ROUNDING * scale:
        return False
    largest, _ = _lanczos(product, vectors, 1, rest, tolerance=GLANCE)
    return bool(largest[0] > value + ROUNDING * scale)


def _lanczos(
    product: Product,
    vectors: np.ndarray,
    k: int,
    scale: float,
    *,
    tolerance: float = 0.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k largest eigenvalues of A on the complement of the vectors, and eigenvectors.

    ARPACK asks for an error relative to each eigenvalue, which rounding doesn't allow for small
    ones: those of A + shift·I are all of the size of the largest, and its Krylov spaces are A's.
    With a shift above |A|, no A makes the sum zero, which ARPACK refuses.
    """
    q = len(vectors)
    shift = 2 * scale

    def shifted(v: np.ndarray) -> np.ndarray:
        inside = _without(vectors, v)
        return _without(vectors, product(inside) + shift * inside)

    def solve(basis: int | None) -> tuple[np.ndarray, np.ndarray]:
        return eigsh(
            LinearOperator((q, q), matvec=shifted, dtype=np.float64),
            k,
            which="LA",
            v0=_without(vectors, _start(q, seed)),
            ncv=basis,
            tol=tolerance,
            maxiter=MOST_RESTARTS,
        )

    try:
        values, found = solve(None)
    except ArpackNoConvergence:
        raise
    except ArpackError:  # no room for a restart, where many eigenvalues are equal
        values, found = solve(min(q, 4 * k + 40))
    return values[::-1] - shift, found[:, ::-1]


def _without(vectors: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Returns the part of v that is orthogonal to orthonormal vectors."""
    return v - vectors @ (vectors.T @ v)


def _start(q: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(q)


def _scale(product: Product, q: int) -> float:
    """Returns ‖A²v‖/‖Av‖, which is about the largest eigenvalue and not above it."""
    image = product(_start(q, seed=0))
    length = float(np.linalg.norm(image))
    return 0.0 if length == 0 else float(np.linalg.norm(product(image / length)))
