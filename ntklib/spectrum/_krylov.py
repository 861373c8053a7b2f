"""The largest eigenpairs of a symmetric matrix that is known by its products only."""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from tqdm import tqdm

SPARE = 8
"""Vectors of a block beyond the eigenpairs that are wanted, at most as many as those."""
ROOM = 8
"""Blocks that the basis holds before it is restarted."""
LEAST_ROOM = 40
"""Vectors that it holds at least."""
MOST_RESTARTS = 300
"""Restarts before the iteration gives up."""
ROUNDING = 1e-13
"""Residuals that count as rounding, relative to the largest eigenvalue."""

Product = Callable[[np.ndarray], np.ndarray]


def leading(product: Product, q: int, k: int, title: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k largest eigenvalues of a positive semidefinite matrix A and eigenvectors.

    By a block Krylov method with Rayleigh-Ritz steps and thick restarts (Golub and Underwood 1977;
    Wu and Simon 2000), all vectors orthogonalized against all. One start vector sees one direction
    of each eigenspace; a block of k or more sees all that are wanted, so that no copy of a multiple
    eigenvalue can be missed. A block's product reads A once, not once a vector.

    Args:
      product: V ↦ A V, shapes (q, b).
      q: rows of A.
      k: how many, at most q.
      title: of the progress bar, which counts products with vectors.

    Returns:
      The eigenvalues in descending order, shape (k,), and orthonormal eigenvectors, shape (q, k),
      with residuals of at most 10⁻¹³ of the largest eigenvalue. The same input gives the same
      result.

    Raises:
      RuntimeError: no convergence.
    """
    width = min(k + min(k, SPARE), q)
    room = min(max(ROOM * width, LEAST_ROOM), q)
    block = scipy.linalg.qr(
        np.random.default_rng(0).standard_normal((q, width)), mode="economic", check_finite=False
    )[0]
    basis, images = np.empty((q, 0)), np.empty((q, 0))
    restarts = 0
    with tqdm(desc=title, unit=" products", delay=2) as bar:
        while True:
            image = product(block)
            bar.update(block.shape[1])
            basis, images = np.hstack([basis, block]), np.hstack([images, image])
            values, rotation = np.linalg.eigh(basis.T @ images)
            values, rotation = values[::-1], rotation[:, ::-1]
            vectors = basis @ rotation[:, :k]
            residuals = images @ rotation[:, :k] - vectors * values[:k]
            if np.linalg.norm(residuals, axis=0).max() <= ROUNDING * np.abs(values).max():
                return values[:k], vectors
            block = _complement(basis, image)
            if basis.shape[1] + block.shape[1] > room:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise RuntimeError(
                        f"The {k} leading eigenpairs didn't converge in {bar.n} products with the "
                        f"{q}×{q} matrix: ask for a k where the eigenvalues fall off, or decompose "
                        'the whole Gram matrix by nystrom(..., method="full").'
                    )
                # What remains of the Krylov space is spanned by the next block.
                kept = rotation[:, : room // 2]
                basis, images = basis @ kept, images @ kept


def _complement(basis: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns orthonormal vectors for the part of the image that is orthogonal to the basis.

    Twice, since the first time rounding can be a large part of what is left.
    """
    scale = np.linalg.norm(image, axis=0).max()
    for least in (0.1 * ROUNDING * scale / image.shape[1] ** 0.5, 0.1):
        image = image - basis @ (basis.T @ image)
        image, upper, _ = scipy.linalg.qr(image, mode="economic", pivoting=True, check_finite=False)
        image = image[:, np.abs(np.diag(upper)) > least]
    return image
