"""Which patches are hidden: random masks with an exact ratio, drawn on the CPU so that all devices get the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sixgig.errors import ArmError

if TYPE_CHECKING:  # the memory prediction needs masked_count alone, in processes that need no torch
    from torch import Generator, Tensor


def masked_count(tokens: int, ratio: float, truncated: bool = False) -> int:
    """Return how many of ``tokens`` are masked: the ratio rounded half up, at least one masked and one visible.

    Args:
        tokens: Tokens of an item.
        ratio: Share to mask.
        truncated: Round down instead, as the published code does.

    Raises:
        ArmError: The ratio is not between 0 and 1, or there is only one token.
    """
    if not 0.0 < ratio < 1.0:
        raise ArmError("arms.vit_mim.mask_ratio", f"{ratio} is not between 0 and 1", "choose for example 0.75")
    if tokens < 2:
        raise ArmError("arms.vit_mim.patch", f"{tokens} token cannot be split", "choose a smaller patch")
    wanted = int(tokens * ratio) if truncated else math.floor(tokens * ratio + 0.5)
    return min(max(wanted, 1), tokens - 1)


def random_order(n: int, tokens: int, seeds: Generator | Sequence[int]) -> Tensor:
    """Return n random permutations of the tokens, int64 [n, tokens] on the CPU.

    Args:
        n: Rows.
        tokens: Length of a permutation.
        seeds: A CPU generator, which is advanced; or one seed per row, each of which decides its row alone.

    Raises:
        ValueError: There is not one seed per row.
    """
    import torch

    if isinstance(seeds, torch.Generator):
        keys = torch.rand(n, tokens, generator=seeds, dtype=torch.float64)
    else:
        if len(seeds) != n:
            raise ValueError(f"{len(seeds)} seeds for {n} rows")
        drawn = [torch.rand(tokens, generator=torch.Generator().manual_seed(s), dtype=torch.float64) for s in seeds]
        keys = torch.stack(drawn) if drawn else torch.empty(0, tokens, dtype=torch.float64)
    return keys.argsort(dim=1, stable=True)


def random_masks(
    n: int, tokens: int, ratio: float, generator: Generator | Sequence[int], truncated: bool = False
) -> tuple[Tensor, Tensor]:
    """Split the tokens of n items at random into visible and masked ones.

    Args:
        n: Items.
        tokens: Tokens of an item.
        ratio: Share of tokens to mask; see :func:`masked_count`.
        generator: A CPU generator, which is advanced; or one seed per item.
        truncated: See :func:`masked_count`.

    Returns:
        Indices of visible tokens, int64 [n, tokens - m], and of masked ones, int64 [n, m], both ascending in a row and
        on the CPU; together each row holds every token once.

    Raises:
        ArmError: The ratio or the number of tokens allows no mask.
    """
    masked = masked_count(tokens, ratio, truncated)
    order = random_order(n, tokens, generator)
    # Attention does not care about the order of tokens; ascending rows make gathering and debugging simpler.
    return order[:, masked:].sort(dim=1).values, order[:, :masked].sort(dim=1).values
