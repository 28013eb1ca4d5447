"""Evidence that a network learned: how well it fills in masked patches, compared with simple rules; and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sixgig.mim.crops import Source, item_seeds
from sixgig.mim.geometry import Geometry, patchify, unpatchify
from sixgig.mim.masking import random_masks
from sixgig.mim.network import MaskedAutoencoder, SimMim, reconstruct, select
from sixgig.mim.settings import Settings

#: Items measured at a time. The number is fixed: the result must not depend on the memory of the GPU.
_CHUNK = 2
_MASKS = 11  # stream of random numbers, apart from that of the training's masks

Network = MaskedAutoencoder | SimMim


class Items(NamedTuple):
    """Items to measure on, with their masks.

    Attributes:
        crops: float32 [n, c, *crop].
        visible: Visible tokens, int64 [n, v].
        masked: Masked tokens, int64 [n, m].
        rows: Row of the source's array that each item is from, int64 [n].
    """

    crops: np.ndarray
    visible: Tensor
    masked: Tensor
    rows: np.ndarray


class Pictures(NamedTuple):
    """Middle slices of the three orthogonal planes (axial, coronal, sagittal; for other slices see tables/planes.py).

    Whole images in 2D (one plane).

    Attributes:
        original: One array per plane, float32 [n, c, rows, columns].
        masked: The same, with masked patches filled.
        reconstruction: The same, with masked patches predicted.
    """

    original: tuple[np.ndarray, ...]
    masked: tuple[np.ndarray, ...]
    reconstruction: tuple[np.ndarray, ...]


def fixed_items(source: Source, geometry: Geometry, settings: Settings, begin: int, end: int) -> Items:
    """Return the items ``begin`` to ``end`` - 1 of those that are measured on: the same before and after training.

    Args:
        source: Of the evaluation subjects. The first items are from different rows, as far as there are enough.
        geometry: Of the network.
        settings: Mask ratio and seed.
        begin: First item.
        end: One after the last item.
    """
    crops, rows = source.draw(0, end, begin, end)
    seeds = item_seeds(settings.seed, _MASKS, range(begin, end))
    return Items(
        crops, *random_masks(end - begin, geometry.tokens, settings.mask_ratio, seeds, settings.reference), rows
    )


def measure(network: Network, source: Source, settings: Settings) -> dict[str, float]:
    """Return the mean reconstruction errors over ``settings.evaluation_items`` items, a few in memory at a time.

    Args:
        network: On any device.
        source: Of the evaluation subjects.
        settings: Number of items, mask ratio and seed.

    Returns:
        See :func:`reconstruction_errors`.
    """
    total: dict[str, float] = {}
    for items in _chunks(source, network.encoder.geometry, settings):
        errors = reconstruction_errors(network, items.crops, (items.visible, items.masked))
        share = len(items.crops) / settings.evaluation_items
        total = {name: total.get(name, 0.0) + share * error for name, error in errors.items()}
    return total


def _chunks(source: Source, geometry: Geometry, settings: Settings) -> Iterator[Items]:
    number = settings.evaluation_items
    for begin in range(0, number, _CHUNK):
        yield fixed_items(source, geometry, settings, begin, min(number, begin + _CHUNK))


def reconstruction_errors(
    network: Network, items: np.ndarray | Tensor, masks: tuple[Tensor, Tensor]
) -> dict[str, float]:
    """Compare a network with two ways of filling in that use nothing but the item itself.

    Args:
        network: On any device; computes in float32.
        items: Voxels in [0, 1], [n, c, *crop].
        masks: Visible int64 [n, v] and masked int64 [n, m] tokens.

    Returns:
        Mean absolute error over the masked voxels: ``network``; ``mean_of_visible``, which predicts the mean of the
        visible voxels of the item and channel; ``nearest_visible_patch``, which copies the visible patch that is
        nearest on the grid of patches (Euclidean distance; of several, the lowest token).
    """
    geometry = network.encoder.geometry
    x, visible, masked = _on_device(network, items, masks)
    with torch.no_grad():
        patches = patchify(network.encoder.target(x), geometry)
        target, seen = select(patches, masked), select(patches, visible)
        errors = {"network": _error(network(x, visible, masked).predicted, target)}
        # The values of a patch are ordered (channel, *voxel).
        by_channel = (len(x), -1, geometry.channels, geometry.patch_values // geometry.channels)
        mean = seen.reshape(by_channel).mean(dim=(1, 3), keepdim=True)
        errors["mean_of_visible"] = _error(mean, target.reshape(by_channel))
        errors["nearest_visible_patch"] = _error(select(seen, _nearest(visible, masked, geometry)), target)
        return errors


def _error(predicted: Tensor, target: Tensor) -> float:
    return float((predicted.float() - target).abs_().mean())


def _nearest(visible: Tensor, masked: Tensor, geometry: Geometry) -> Tensor:
    """Return for each masked token the place in ``visible`` of the nearest token, int64 [n, m]."""
    axes = [torch.arange(size, device=visible.device) for size in geometry.grid]
    places = torch.cartesian_prod(*axes).reshape(geometry.tokens, geometry.dimensions)
    apart = places[masked][:, :, None] - places[visible][:, None, :]
    # Whole numbers, so that ties are exact, and the token's own number decides them.
    return ((apart**2).sum(dim=-1) * geometry.tokens + visible[:, None, :]).argmin(dim=2)


def pictures(network: Network, items: np.ndarray | Tensor, masks: tuple[Tensor, Tensor], fill: float = 0.5) -> Pictures:
    """Show how a network fills in masked items.

    Args:
        network: On any device.
        items: Voxels in [0, 1], or z-scores, [n, c, *crop].
        masks: Visible int64 [n, v] and masked int64 [n, m] tokens.
        fill: Value of masked voxels in the masked input.

    Returns:
        Slices with the top of the head, or the base of the heart, at the top of the two vertical planes. Their values
        are those that the network predicts: with a ``reference`` shape, z-scores.
    """
    geometry = network.encoder.geometry
    x, visible, masked = _on_device(network, items, masks)
    shown_as = network.encoder.target(x)
    patches = patchify(shown_as, geometry)
    hidden = patches.scatter(1, masked[..., None].expand(-1, -1, patches.shape[-1]), fill)
    shown = (shown_as, unpatchify(hidden, geometry), reconstruct(network, x, visible, masked))
    return Pictures(*(_planes(voxels.cpu().numpy()) for voxels in shown))


def _planes(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut [n, c, *crop] through the middle, across each axis."""
    if x.ndim == 4:
        return (x,)
    depth, height, width = (size // 2 for size in x.shape[2:])
    # Depth runs from bottom to top, the rows of a picture from top to bottom.
    planes = (x[:, :, depth], x[:, :, ::-1, height], x[:, :, ::-1, :, width])
    return tuple(np.ascontiguousarray(plane) for plane in planes)


def _on_device(
    network: Network, items: np.ndarray | Tensor, masks: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    device = next(network.parameters()).device
    x = torch.as_tensor(items, dtype=torch.float32, device=device)
    return x, masks[0].to(device), masks[1].to(device)
