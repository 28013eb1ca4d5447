"""Smaller dictionaries for large cohorts: a few atoms stand for the training vectors of each class."""

from __future__ import annotations

import numpy as np

from sixgig.sparse_coding.loops import Floats, Indices
from sixgig.sparse_coding.omp import batch_omp

METHODS = ("subset", "ksvd")
#: Atoms per code while K-SVD learns: few, so that every atom comes to look like a training vector.
_LEARNING_NONZERO = 3
_LEARNING_ROUNDS = 10


def shrink(vectors: Floats, classes: Indices, atoms_per_class: int | None, method: str) -> tuple[Floats, Indices]:
    """Return atoms and their classes, at most ``atoms_per_class`` of each class.

    Args:
        vectors: Training vectors of unit l2 norm (or zero), [n_vectors, n_features].
        classes: Class index of each, [n_vectors].
        atoms_per_class: Maximum number of atoms per class; None keeps all vectors. A class with no more vectors keeps
            them.
        method: ``subset`` chooses training vectors (:func:`representatives`), ``ksvd`` learns atoms (:func:`ksvd`).

    Returns:
        Atoms of unit norm, [n_atoms, n_features], and their class indices, [n_atoms]. Nothing here is random.

    Raises:
        ValueError: There is no such method, or less than one atom is asked for.
    """
    if method not in METHODS:
        raise ValueError(f"shrinkage must be 'subset' or 'ksvd', got {method!r}")
    if atoms_per_class is None:
        return vectors, classes
    if atoms_per_class < 1:
        raise ValueError(f"atoms_per_class must be at least 1 or None, got {atoms_per_class}")
    parts = []
    for index in np.unique(classes):
        own = vectors[classes == index]
        if len(own) > atoms_per_class:
            chosen = own[representatives(own, atoms_per_class)]
            own = chosen if method == "subset" else ksvd(own, chosen)
        parts.append((own, np.full(len(own), index)))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def representatives(vectors: Floats, count: int) -> Indices:
    """Choose the vectors that the others resemble most, one after another; of equally good ones, the first.

    Each one is the vector that most raises the sum, over all vectors, of the largest absolute cosine with a chosen one:
    k-medoids by the greedy rule of facility location (Cornuejols, Fisher and Nemhauser, 1977). The cosine is absolute,
    since a code may reverse an atom. (The vectors farthest apart, another common choice, are outliers: on
    scikit-learn's digits, ten of about 120 a class, they cost 4 points of accuracy more.)

    Args:
        vectors: Unit-norm vectors, [n_vectors, n_features]; vectors of zeros come last.
        count: How many to choose, at most n_vectors.

    Returns:
        Row indices in the order of choice, [count].
    """
    likeness = np.abs(vectors @ vectors.T)
    reached = np.zeros(len(vectors))
    zero = ~vectors.any(axis=1)
    chosen: list[int] = []
    for _ in range(count):
        gains = np.maximum(likeness - reached[:, None], 0.0).sum(axis=0)
        # Vectors equal to a chosen one do not raise the sum either: vectors of zeros come after them, and none is
        # chosen twice.
        gains[zero] = -1.0
        gains[chosen] = -2.0
        chosen.append(int(gains.argmax()))
        reached = np.maximum(reached, likeness[:, chosen[-1]])
    return np.asarray(chosen)


def ksvd(vectors: Floats, start: Floats) -> Floats:
    """Learn atoms that code the vectors well with few non-zeros each (Aharon, Elad and Bruckstein, 2006, figure 2).

    Rounds of coding by OMP and of updating one atom after another, with its coefficients, by the first singular
    vectors of what the other atoms leave of the vectors that use it. An atom that nobody uses becomes the vector that
    is coded worst.

    Args:
        vectors: Vectors of unit norm, [n_vectors, n_features].
        start: Atoms to start from, [n_atoms, n_features].

    Returns:
        Atoms of unit norm, [n_atoms, n_features].
    """
    atoms = start.copy()
    for _ in range(_LEARNING_ROUNDS):
        codes = batch_omp(atoms, vectors, min(_LEARNING_NONZERO, len(atoms)))
        errors = vectors - codes @ atoms
        for index in range(len(atoms)):
            users = np.flatnonzero(codes[:, index])
            if not len(users):
                worst = int(np.einsum("nd,nd->n", errors, errors).argmax())
                if vectors[worst].any():
                    atoms[index], errors[worst] = vectors[worst], 0.0
                continue
            without = errors[users] + np.outer(codes[users, index], atoms[index])
            left, sizes, right = np.linalg.svd(without, full_matrices=False)
            # The sign of a singular vector depends on the library; atoms get the sign of the vectors that use them.
            sign = 1.0 if left[:, 0].sum() >= 0 else -1.0
            atoms[index] = sign * right[0]
            codes[users, index] = sign * sizes[0] * left[:, 0]
            errors[users] = without - np.outer(codes[users, index], atoms[index])
    return atoms
