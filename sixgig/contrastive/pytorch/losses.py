"""Global and local contrastive losses in PyTorch: with the same formulas as the TensorFlow graphs, term by term.

Both sum the pair loss of :mod:`sixgig.contrastive.pairs` (Chaitanya et al. 2020, arXiv 2006.10511). With
p = s(a, b) / t and L = log of the sum over the negatives of e^{s(a,n)/t}, it is l = softplus(L - p), which neither
overflows nor loses small values, whatever the temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sixgig.contrastive.regions import local_terms, reference_terms

_SMALLEST_SQUARE = 1e-12  # keeps the cosine of an all-zero vector finite
_EXCLUDED = -1e9  # far below any similarity over temperature; finite, so that its gradient is zero and not NaN


def global_loss(z: Tensor, anchors: Any, positives: Any, negatives: Any, weight: float, temperature: float) -> Tensor:
    """Return weight x the sum over pairs of l(anchor, positive), a scalar tensor.

    Args:
        z: Projections [n, d]; half precision is raised to float32, also under autocast.
        anchors: Integers [T], array or tensor: rows of z.
        positives: Integers [T]: rows of z.
        negatives: bool [n, n]; row a: the negatives of anchor a, at least one for every anchor.
        weight: Factor of the sum.
        temperature: t > 0.
    """
    first = torch.as_tensor(anchors, device=z.device).long()
    second = torch.as_tensor(positives, device=z.device).long()
    mask = torch.as_tensor(negatives, device=z.device)
    with torch.autocast(z.device.type, enabled=False):
        unit = _unit_vectors(z)
        similarity = unit @ unit.T / temperature
        against = _log_sum_of_negatives(similarity, mask)[first]
        return weight * functional.softplus(against - similarity[first, second]).sum()


def local_loss(maps: Tensor, grid: Sequence[int], temperature: float) -> Tensor:
    """Return the mean pair loss over images, 13 regions and both directions, a scalar tensor.

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
    cells = torch.as_tensor(terms.cells, device=maps.device).long()
    positives = torch.as_tensor(terms.positives, device=maps.device).long()
    with torch.autocast(maps.device.type, enabled=False):
        unit = _unit_vectors(maps[:, cells].flatten(start_dim=2))
        both = torch.cat(unit.chunk(2), dim=1)
        similarity = both @ both.transpose(1, 2) / temperature
        pairs = similarity.gather(2, positives[None, :, None].expand(len(both), -1, 1))[..., 0]
        against = _log_sum_of_negatives(similarity, torch.as_tensor(terms.negatives, device=maps.device))
        return functional.softplus(against - pairs).mean()


def region_vectors(maps: Tensor, grid: Sequence[int], layer: Tensor) -> Tensor:
    """Return the vectors [n, R, 128] of the published regions of maps [n, rows x columns, c].

    Args:
        maps: Projected patch tokens.
        grid: Rows and columns of patches, at least 8 x 8.
        layer: [128, 9 c], applied to the 9 tokens of a region, flattened row by row.
    """
    cells = torch.as_tensor(reference_terms(grid).cells, device=maps.device).long()
    return functional.linear(maps[:, cells].flatten(start_dim=2), layer)


def reference_local_loss(vectors: Tensor, grid: Sequence[int], temperature: float) -> Tensor:
    """Return the local loss of the published code: the mean pair loss over images, 13 regions and both directions.

    Args:
        vectors: [2 B, R, 128] of :func:`region_vectors`; image b is b (view 1) and B + b (view 2).
        grid: Rows and columns of patches.
        temperature: t > 0.
    """
    terms = reference_terms(grid)
    anchors = torch.as_tensor(terms.anchors, device=vectors.device).long()
    positives = torch.as_tensor(terms.positives, device=vectors.device).long()
    with torch.autocast(vectors.device.type, enabled=False):
        both = torch.cat(_unit_vectors(vectors).chunk(2), dim=1)
        similarity = both[:, anchors] @ both.transpose(1, 2) / temperature
        pairs = similarity.gather(2, positives[None, :, None].expand(len(both), -1, 1))[..., 0]
        against = _log_sum_of_negatives(similarity, torch.as_tensor(terms.negatives, device=vectors.device))
        return functional.softplus(against - pairs).mean()


def _unit_vectors(vectors: Tensor) -> Tensor:
    """Scale the last axis to unit length: x * rsqrt(max(sum of x^2, 1e-12)), in float32 or float64."""
    if vectors.dtype != torch.float64:
        vectors = vectors.float()
    return vectors * vectors.square().sum(dim=-1, keepdim=True).clamp(min=_SMALLEST_SQUARE).rsqrt()


def _log_sum_of_negatives(similarity: Tensor, negatives: Tensor) -> Tensor:
    """Return the log of the sum over negatives of e^similarity, [..., n], of similarities [..., n, n]."""
    return similarity.masked_fill(~negatives, _EXCLUDED).logsumexp(dim=-1)
