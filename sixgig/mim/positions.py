"""The positions that training starts from: sines and cosines, which are similar for neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

#: Longest wavelength over shortest, in patches (Vaswani et al. 2017, arXiv 1706.03762, section 3.5).
_SPREAD = 10000.0


def sine_cosine(grid: tuple[int, ...], width: int) -> Tensor:
    """Return sine-cosine positions of the patches of a grid (He et al. 2022, section 4, for any number of dimensions).

    Every dimension has an equal, even share of the width: sines, then cosines, of the coordinate times frequencies
    from 1 down to 1 / 10,000. The rest of the width is zero.

    Args:
        grid: Patches along each dimension.
        width: Width of a token.

    Returns:
        float32 [1, tokens, width], in the order of the patches.
    """
    pairs = width // len(grid) // 2
    frequencies = _SPREAD ** -(torch.arange(pairs, dtype=torch.float32) / max(1, pairs))
    axes = torch.meshgrid(*(torch.arange(size, dtype=torch.float32) for size in grid), indexing="ij")
    angles = [axis.reshape(-1, 1) * frequencies for axis in axes]
    positions = torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1)
    return torch.nn.functional.pad(positions, (0, width - positions.shape[1]))[None]
