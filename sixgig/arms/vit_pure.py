"""Pure ViT: a pretrained vision transformer as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import Encoder, ImageArm, pretrained_encoder

if TYPE_CHECKING:
    from torch import nn


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


class TokenFeatures:
    """What the arms of ViTs share: features are tokens after the last LayerNorm."""

    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Return token features [n, d]; see :func:`token_features`."""
        tokens = network.forward_features(batch)  # type: ignore[operator]
        return token_features(tokens, int(network.num_prefix_tokens), options["token"])  # type: ignore[arg-type]


class PureViT(TokenFeatures, ImageArm):
    """Class token or mean patch token of a ViT (Dosovitskiy et al. 2021), not trained any further."""

    name = "vit_pure"
    title = "Pure ViT"
    summary = "A pretrained vision transformer, used as it is."
    seed_batch_size = 16
    expected_vram_mb = 3072

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder:
        """See :meth:`ImageArm.load`."""
        return pretrained_encoder(weights, image_size)


ARM = PureViT
