"""From the tokens of a vision transformer to one vector per image."""

from __future__ import annotations

from typing import Any


def token_features(tokens: Any, prefix_tokens: int, token: str) -> Any:
    """Turn the tokens after the last LayerNorm into one vector per image.

    Args:
        tokens: Tensor [n, prefix + patches, width].
        prefix_tokens: Tokens before the patches (class token, registers).
        token: ``cls``, ``mean`` (of patch tokens) or ``cls_mean`` (both, concatenated).

    Returns:
        Tensor [n, width], or [n, 2 x width] for ``cls_mean``. A ViT without class token has only ``mean``.
    """
    import torch

    mean = tokens[:, prefix_tokens:].mean(dim=1)
    if token == "mean" or prefix_tokens == 0:
        return mean
    if token == "cls":
        return tokens[:, 0]
    return torch.cat([tokens[:, 0], mean], dim=1)
