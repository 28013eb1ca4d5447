"""Index sets of the global contrastive losses (Chaitanya et al. 2020, arXiv 2006.10511, section 3.1).

Every global loss is a weighted sum of pair losses over the images of one batch. With s = cosine similarity of two
projections, t = temperature and N(a) = the negatives of image a,

    l(a, b) = -log( e^{s(a,b)/t} / ( e^{s(a,b)/t} + sum over n in N(a) of e^{s(a,n)/t} ) )

so a loss is defined by its pairs (a, b), by N and by the weight. This module lists them; the backends only sum. With
S partitions and V volumes, a batch has B = V x S slices; slot p of a block of B slices is partition p % S of volume
p // S.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sixgig.errors import TrainingError

LOSSES = ("g_r", "g_d_minus", "g_d")

# Positions within a quad (x_i, aug_i, x_j, aug_j) that form the pairs of g_d.
_QUAD_PAIRS = ((0, 1), (0, 2), (2, 3), (1, 3))


class Terms(NamedTuple):
    """The pairs of one global loss; the loss is ``weight`` times the sum of the T pair losses.

    Attributes:
        anchors: int32 [T], the image a of each pair.
        positives: int32 [T], the image b of each pair.
        negatives: bool [n_images, n_images]; row a says which images are negatives of anchor a.
        weight: Factor of the sum.
        n_images: Images in the batch, views and all-zero images included.
    """

    anchors: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    weight: float
    n_images: int


def global_terms(loss: str, volumes: int, partitions: int, reference_batching: bool = False) -> Terms:
    """Return the pairs of a global loss for a batch of B = ``volumes`` x ``partitions`` slices.

    - ``g_r`` (G^R): see :func:`random_terms`.
    - ``g_d_minus`` (G^{D-}): images [x (B) | aug1 (B) | aug2 (B)]; the three pairs of each slice's images, in both
      directions; negatives are the images of other partitions; weight 1 / (3 B).
    - ``g_d`` (G^D): B quads. Volume 2v and its partner 2v + 1 give the images of group v in the order
      [x_i (S) | aug_i (S) | x_j (S) | aug_j (S)]; the pairs of a quad are (x_i, aug_i), (x_i, x_j), (x_j, aug_j) and
      (aug_i, aug_j), in both directions; negatives are the images of other partitions; weight 1 / (4 B).
    - ``g_d`` with ``reference_batching``: the published batching, its defect included. The last group of 4 S slots
      stays all zero, and quads are read as a ring: for each slot p with p % (2 S) < S the quad is slots
      (p, p + S, p + 2 S, p + 3 S) modulo 4 B, so that half of the quads join slices of unrelated groups. This is the
      published batch for S = 4 alone: for 3 and 6 partitions that code makes batches of 4 B + 5 and 5 B + 4 slots.
      The other losses have no such variant. The published G^{D-} steps through its batch by 4 whatever S is when it
      leaves out the images of an anchor's own partition, so it equals ``g_d_minus`` for S = 4 alone; the published G^R
      is commented out.

    Args:
        loss: ``g_r``, ``g_d_minus`` or ``g_d``.
        volumes: V, at least 1.
        partitions: S, equal parts of a volume's slices.
        reference_batching: Whether g_d is batched as published.

    Raises:
        TrainingError: Unknown loss, or too few volumes or partitions for it.
    """
    batch_size = volumes * partitions
    if loss == "g_r":
        return random_terms(batch_size)
    if loss not in LOSSES:
        raise TrainingError(
            "arms.vit_contrastive.loss", f"there is no loss '{loss}'", f"choose one of {', '.join(LOSSES)}"
        )
    if partitions < 2 or volumes < 1:
        raise TrainingError(
            "the cohort's partitions",
            f"{loss} takes its negatives from other partitions, so it needs at least 1 volume of 2 partitions, "
            f"not {volumes} of {partitions}",
            "set them to 2 or more (the paper has 4), or arms.vit_contrastive.loss to g_r",
        )
    if loss == "g_d_minus":
        slots = np.arange(batch_size)
        quads = np.stack([slots, slots + batch_size, slots + 2 * batch_size], axis=1)
        return _terms(quads, ((0, 1), (0, 2), (1, 2)), 3 * batch_size, partitions, 1 / (3 * batch_size))
    n_images = 4 * batch_size
    slots = np.arange(n_images)
    if reference_batching:
        if volumes < 2:
            raise TrainingError(
                "arms.vit_contrastive.batch_size",
                f"with reference_batching the last group of a batch stays empty, so {batch_size} slices of "
                f"{partitions} partitions leave no image at all",
                f"set it to {2 * partitions} or more, or reference_batching to false",
            )
        starts = slots[slots % (2 * partitions) < partitions]
    else:
        starts = slots[slots % (4 * partitions) < partitions]
    quads = (starts[:, None] + partitions * np.arange(4)) % n_images
    return _terms(quads, _QUAD_PAIRS, n_images, partitions, 1 / n_images)


def random_terms(batch_size: int) -> Terms:
    """Return the pairs of G^R (SimCLR, Chen et al. 2020): images [aug1 (B) | aug2 (B)], both directions.

    Negatives are all images but the pair itself; weight 1 / (2 B).

    Args:
        batch_size: B, images before augmentation.

    Raises:
        TrainingError: Fewer than two images: there would be no negatives.
    """
    if batch_size < 2:
        raise TrainingError(
            "arms.vit_contrastive.batch_size",
            f"g_r needs other images as negatives, and the batch has {batch_size}",
            "set it to 2 or more",
        )
    slots = np.arange(batch_size)
    anchors, positives = _both_directions(np.stack([slots, slots + batch_size], axis=1))
    same_image = np.arange(2 * batch_size) % batch_size
    negatives = same_image[:, None] != same_image[None, :]
    return Terms(anchors, positives, negatives, 1 / (2 * batch_size), 2 * batch_size)


def _terms(groups: np.ndarray, pairs: tuple, n_images: int, partitions: int, weight: float) -> Terms:
    """Combine pairs of columns of ``groups`` [n_groups, k]; images of other partitions are negatives."""
    anchors, positives = _both_directions(np.concatenate([groups[:, list(pair)] for pair in pairs]))
    partition = np.arange(n_images) % partitions
    return Terms(anchors, positives, partition[:, None] != partition[None, :], weight, n_images)


def _both_directions(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return anchors and positives, int32 [2 P], of pairs [P, 2] read in both directions."""
    both = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int32)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
