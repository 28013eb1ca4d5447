"""Evidence that training taught something: what nearest neighbours say before and after it.

On volumes: can the partition of a slice be told from the nearest slice of another subject? On images of no volume: is
the nearest of all views of all images the other view of the same image? Similarity is the cosine, as in the losses.
"""

from __future__ import annotations

import numpy as np

from sixgig.contrastive.sampling import Pool, random_state
from sixgig.errors import NotFiniteError, TrainingError

_SMALLEST_SQUARE = 1e-12  # keeps the cosine of an all-zero feature finite


def nearest_partition_accuracy(features: np.ndarray, subject: np.ndarray, partition: np.ndarray) -> tuple[float, float]:
    """Return how often the nearest image of another subject lies in the same partition, and the accuracy of chance.

    Images of the same subject are left out of the search: their anatomy alone would make them near. Images of no
    partition (-1) are left out on both sides.

    Args:
        features: [n, d].
        subject: Integers [n].
        partition: Integers [n]; -1 for none.

    Returns:
        Share of right answers in [0, 1], and the share of the most frequent partition, which a blind guess reaches.

    Raises:
        TrainingError: Fewer than two subjects have images of a partition.
        NotFiniteError: A feature is not a finite number.
    """
    asked = np.flatnonzero(np.asarray(partition) >= 0)
    subject, partition = np.asarray(subject)[asked], np.asarray(partition)[asked]
    n_subjects = len(np.unique(subject))
    if n_subjects < 2:
        raise TrainingError(
            "the evidence of arms.vit_contrastive",
            f"telling a slice's partition from other subjects needs slices of two, and there are {n_subjects}",
            "give the cohort more evaluation subjects (lower evaluation.pretraining_fraction)",
        )
    similarity = _cosines(np.asarray(features)[asked])
    similarity[subject[:, None] == subject[None, :]] = -np.inf
    answer = partition[similarity.argmax(axis=1)]
    chance = np.unique(partition, return_counts=True)[1].max() / len(partition)
    return float(np.mean(answer == partition)), float(chance)


def view_accuracy(features_a: np.ndarray, features_b: np.ndarray) -> tuple[float, float]:
    """Return how often the nearest of all other views is the other view of the same image, and the chance of it.

    Args:
        features_a: [n, d], first view of each image.
        features_b: [n, d], second view of each image.

    Returns:
        Share of the 2 n views in [0, 1], and 1 / (2 n - 1).

    Raises:
        TrainingError: Fewer than two images.
        NotFiniteError: A feature is not a finite number.
    """
    n_images = len(features_a)
    if n_images < 2:
        raise TrainingError(
            "the evidence of arms.vit_contrastive",
            f"telling views apart needs two images, and there are {n_images}",
            "give the cohort more evaluation subjects (lower evaluation.pretraining_fraction)",
        )
    similarity = _cosines(np.concatenate([features_a, features_b]))
    np.fill_diagonal(similarity, -np.inf)
    other_view = (np.arange(2 * n_images) + n_images) % (2 * n_images)
    return float(np.mean(similarity.argmax(axis=1) == other_view)), 1 / (2 * n_images - 1)


def choose_evidence(pool: Pool, limit: int, seed: int) -> np.ndarray:
    """Choose the images that evidence is measured on: whole subjects in random order, as long as they fit.

    Where not even two whole subjects fit, two give images that are evenly spaced, up to half the limit each: with one
    subject there would be no other to find neighbours in.

    Args:
        pool: Images to choose from.
        limit: Maximum number of images.
        seed: Of the order of subjects.

    Returns:
        Rows of ``images.npy``, ascending, int64 [k] with k <= limit.
    """
    subjects = np.unique(pool.subject)
    chosen: list[np.ndarray] = []
    n_chosen = 0
    ordered = [np.sort(pool.row[pool.subject == s]) for s in subjects[random_state(2, seed).permutation(len(subjects))]]
    for rows in ordered:
        if n_chosen + len(rows) <= limit:
            chosen.append(rows)
            n_chosen += len(rows)
    if len(chosen) < min(2, len(ordered)):
        chosen = [rows[_evenly(len(rows), limit // len(ordered[:2]))] for rows in ordered[:2]]
    return np.sort(np.concatenate(chosen)).astype(np.int64) if chosen else np.zeros(0, dtype=np.int64)


def _evenly(size: int, number: int) -> np.ndarray:
    """Return ``number`` evenly spaced indices of ``size``, or all when there are fewer."""
    number = min(size, number)
    return (np.arange(number) * size + size // 2) // max(number, 1)


def _cosines(features: np.ndarray) -> np.ndarray:
    """Return the cosine of each two rows, float64 [n, n]."""
    features = np.asarray(features, dtype=np.float64)
    if not np.isfinite(features).all():
        raise NotFiniteError(
            "the evidence of arms.vit_contrastive",
            f"features of {int((~np.isfinite(features)).any(axis=1).sum())} of {len(features)} images are not finite",
            "lower arms.vit_contrastive.learning_rate, or set arms.vit_contrastive.precision to float32, and run again",
        )
    unit = features / np.sqrt(np.maximum((features**2).sum(axis=1, keepdims=True), _SMALLEST_SQUARE))
    return unit @ unit.T
