"""One step of vit_contrastive in plain PyTorch: a timm ViT, a loss written pair by pair, Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sixgig.contrastive.backend import ADAM, initial_heads
from sixgig.contrastive.pairs import Terms
from sixgig.contrastive.settings import Settings


class PlainStep:
    """A step written plainly.

    Args:
        network: timm's ViT; blocks below ``settings.frozen_blocks`` are not trained.
        settings: Of the training.
        rate: Learning rate.
    """

    def __init__(self, network: Any, settings: Settings, rate: float) -> None:
        self._network, self._temperature = network, settings.temperature
        for frozen in (network.patch_embed, *network.blocks[: settings.frozen_blocks]):
            frozen.requires_grad_(False)
        network.cls_token.requires_grad_(False)
        network.pos_embed.requires_grad_(False)
        width = network.embed_dim
        heads = initial_heads(width, width, settings.seed, settings.reference_regions)
        self._heads = [nn.Parameter(torch.from_numpy(heads[f"global_head.{layer}.weight"])) for layer in (0, 1)]
        trained = [value for value in network.parameters() if value.requires_grad]
        betas = (ADAM["beta1"], ADAM["beta2"])
        self._adam = torch.optim.Adam([*trained, *self._heads], lr=rate, betas=betas, eps=ADAM["epsilon"])

    def __call__(self, images: np.ndarray, terms: Terms) -> list[float]:
        """Train one step, and return its loss."""
        tokens = self._network.forward_features(torch.from_numpy(images).permute(0, 3, 1, 2))[:, 0]
        hidden = functional.linear(tokens, self._heads[0]).relu()
        z = functional.normalize(functional.linear(hidden, self._heads[1]), dim=1)
        similarity = (z @ z.T / self._temperature).exp()
        losses: list[Tensor] = []
        for a, b in zip(terms.anchors, terms.positives, strict=True):
            against = similarity[a][torch.from_numpy(terms.negatives[a])].sum()
            losses.append(-torch.log(similarity[a, b] / (similarity[a, b] + against)))
        loss = terms.weight * torch.stack(losses).sum()
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        return [loss.item()]
