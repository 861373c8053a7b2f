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
DEPENDENT = 1e-3
"""Distance of a unit vector from the span of others, from which on Cholesky's factor is exact."""

Product = Callable[[np.ndarray], np.ndarray]


def leading(
    product: Product, q: int, k: int, title: str, *, least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
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
      least: vectors of a block, at least. Wide blocks take fewer passes, and more products.

    Returns:
      The eigenvalues in descending order, shape (k,), and orthonormal eigenvectors, shape (q, k),
      with residuals of at most 10⁻¹³ of the largest eigenvalue. The same input gives the same
      result.

    Raises:
      RuntimeError: no convergence.
    """
    width = min(max(k + min(k, SPARE), least), q)
    room = min(max(ROOM * width, LEAST_ROOM), q)
    block = scipy.linalg.qr(
        np.random.default_rng(0).standard_normal((q, width)), mode="economic", check_finite=False
    )[0]
    bases, images, projected = np.empty((q, room)), np.empty((q, room)), np.empty((0, 0))
    size = restarts = 0
    with tqdm(desc=title, unit=" products", delay=2) as bar:
        while True:
            image = product(block)
            bar.update(block.shape[1])
            new, size = slice(size, size + block.shape[1]), size + block.shape[1]
            bases[:, new], images[:, new] = block, image
            basis, last = bases[:, :size], bases[:, :size].T @ image
            projected = np.pad(projected, (0, block.shape[1]))
            projected[:, new], projected[new] = last, last.T
            values, rotation = np.linalg.eigh(projected)
            values, rotation = values[::-1], rotation[:, ::-1]
            vectors = basis @ rotation[:, :k]
            residuals = images[:, :size] @ rotation[:, :k] - vectors * values[:k]
            if np.linalg.norm(residuals, axis=0).max() <= ROUNDING * np.abs(values).max():
                return values[:k], vectors
            block = _complement(basis, image)
            if size + block.shape[1] > room:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise RuntimeError(
                        f"The {k} leading eigenpairs didn't converge in {bar.n} products with the "
                        f"{q}×{q} matrix: ask for a k where the eigenvalues fall off, or decompose "
                        'the whole Gram matrix by nystrom(..., method="full").'
                    )
                # What remains of the Krylov space is spanned by the next block.
                kept = rotation[:, : room // 2]
                for each in (bases, images):
                    each[:, : kept.shape[1]] = each[:, :size] @ kept
                size = kept.shape[1]
                projected = np.diag(values[:size])


def _complement(basis: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns orthonormal vectors for the part of the image that is orthogonal to the basis.

    Twice, since the first time rounding can be a large part of what is left.
    """
    scale = np.linalg.norm(image, axis=0).max()
    for least in (0.1 * ROUNDING * scale / image.shape[1] ** 0.5, 0.1):
        image = _orthonormal(image - basis @ (basis.T @ image), least)
    return image


def _orthonormal(image: np.ndarray, least: float) -> np.ndarray:
    """Returns orthonormal vectors of the same span, but for directions of at most that length."""
    lengths = np.linalg.norm(image, axis=0)
    if lengths.size and lengths.min() > least:
        unit = image / lengths
        try:
            root = scipy.linalg.cholesky(unit.T @ unit, check_finite=False)
        except scipy.linalg.LinAlgError:
            pass
        else:
            # A decomposition takes ten times as long; only vectors that nearly depend on each other
            # need it.
            if np.diag(root).min() > DEPENDENT:
                return scipy.linalg.solve_triangular(root, unit.T, trans=1, check_finite=False).T
    image, upper, _ = scipy.linalg.qr(image, mode="economic", pivoting=True, check_finite=False)
    return image[:, np.abs(np.diag(upper)) > least]
