"""Global and local contrastive losses as TensorFlow 1 graphs (Chaitanya et al. 2020, arXiv 2006.10511).

Both sum the pair loss of :mod:`sixgig.contrastive.pairs`. With p = s(a, b) / t and L = log of the sum over the
negatives of e^{s(a,n)/t}, it is l = log(e^p + e^L) - p = softplus(L - p), which neither overflows nor loses small
values, whatever the temperature.
"""

from __future__ import annotations

from typing import Any, Sequence

from sixgig.contrastive.regions import local_terms, reference_terms
from sixgig.contrastive.tensorflow1.framework import tf

_SMALLEST_SQUARE = 1e-12  # keeps the cosine of an all-zero vector finite
_EXCLUDED = -1e9  # far below any similarity over temperature; finite, so that its gradient is zero and not NaN


def global_loss(z: Any, anchors: Any, positives: Any, negatives: Any, weight: Any, temperature: float) -> Any:
    """Return weight x the sum over pairs of l(anchor, positive), a float32 scalar tensor.

    The index sets may be placeholders: one graph serves every batch.

    Args:
        z: Projections [n, d]; half precision is raised to float32.
        anchors: int32 [T], rows of z.
        positives: int32 [T], rows of z.
        negatives: bool [n, n]; row a: the negatives of anchor a, at least one for every anchor.
        weight: Scalar factor of the sum.
        temperature: t > 0.
    """
    unit = _unit_vectors(z)
    similarity = tf.matmul(unit, unit, transpose_b=True) / temperature
    pairs = tf.gather_nd(similarity, tf.stack([anchors, positives], axis=1))
    against = tf.gather(_log_sum_of_negatives(similarity, negatives), anchors)
    return weight * tf.reduce_sum(tf.nn.softplus(against - pairs))


def local_loss(maps: Any, grid: Sequence[int], temperature: float) -> Any:
    """Return the mean pair loss over images, 13 regions and both directions, a float32 scalar tensor.

    Regions of 3 x 3 patches, flattened to vectors [9 c]; see :func:`sixgig.contrastive.regions.local_regions`. The
    negatives of a region are its 5 nearest neighbours in both maps of the pair: 10 vectors.

    Args:
        maps: Projected patch tokens [2 B, rows x columns, c]; image b is map b (view 1) and map B + b (view 2).
        grid: Rows and columns of patches.
        temperature: t > 0.

    Raises:
        TrainingError: The grid is smaller than 7 x 7.
    """
    terms = local_terms(grid)
    n_regions = len(terms.cells)
    channels = maps.shape[-1].value
    regions = tf.reshape(tf.gather(maps, terms.cells.ravel(), axis=1), [-1, n_regions, terms.cells.shape[1] * channels])
    view_1, view_2 = tf.split(_unit_vectors(regions), 2, axis=0)
    both = tf.concat([view_1, view_2], axis=1)
    similarity = tf.matmul(both, both, transpose_b=True) / temperature
    pairs = tf.linalg.diag_part(tf.gather(similarity, terms.positives, axis=2))
    negatives = tf.broadcast_to(tf.constant(terms.negatives)[None], tf.shape(similarity))
    return tf.reduce_mean(tf.nn.softplus(_log_sum_of_negatives(similarity, negatives) - pairs))


def region_vectors(maps: Any, grid: Sequence[int], layer: Any) -> Any:
    """Return the vectors [n, R, 128] of the published regions of maps [n, rows x columns, c].

    Args:
        maps: Projected patch tokens.
        grid: Rows and columns of patches, at least 8 x 8.
        layer: [128, 9 c], applied to the 9 tokens of a region, flattened row by row.
    """
    cells = reference_terms(grid).cells
    flat = tf.reshape(tf.gather(maps, cells.ravel(), axis=1), [-1, cells.shape[1] * maps.shape[-1].value])
    return tf.reshape(tf.matmul(flat, layer, transpose_b=True), [-1, len(cells), layer.shape[0].value])


def reference_local_loss(vectors: Any, grid: Sequence[int], temperature: float) -> Any:
    """Return the local loss of the published code: the mean pair loss over images, 13 regions and both directions.

    Args:
        vectors: [2 B, R, 128] of :func:`region_vectors`; image b is b (view 1) and B + b (view 2).
        grid: Rows and columns of patches.
        temperature: t > 0.
    """
    terms = reference_terms(grid)
    both = tf.concat(tf.split(_unit_vectors(vectors), 2, axis=0), axis=1)
    similarity = tf.matmul(tf.gather(both, terms.anchors, axis=1), both, transpose_b=True) / temperature
    pairs = tf.linalg.diag_part(tf.gather(similarity, terms.positives, axis=2))
    negatives = tf.broadcast_to(tf.constant(terms.negatives)[None], tf.shape(similarity))
    return tf.reduce_mean(tf.nn.softplus(_log_sum_of_negatives(similarity, negatives) - pairs))


def _unit_vectors(vectors: Any) -> Any:
    """Scale the last axis to unit length: x * rsqrt(max(sum of x^2, 1e-12)), in float32 or float64."""
    if vectors.dtype.base_dtype != tf.float64:
        vectors = tf.cast(vectors, tf.float32)
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=_SMALLEST_SQUARE)


def _log_sum_of_negatives(similarity: Any, negatives: Any) -> Any:
    """Return the log of the sum over negatives of e^similarity, [..., n], of similarities [..., n, n]."""
    return tf.reduce_logsumexp(tf.where(negatives, similarity, tf.fill(tf.shape(similarity), _EXCLUDED)), axis=-1)
