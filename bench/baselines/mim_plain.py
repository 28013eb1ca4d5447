"""One step of vit_mim in plain PyTorch: attention written out, AdamW not fused, float32 unless a GPU is told otherwise.

Two ways: as He et al. (2022), whose encoder gets the visible tokens alone; and as Xie et al. (2022), where all tokens
go through the encoder, masked ones empty and with their positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sixgig.mim.geometry import patchify
from sixgig.mim.network import MaskedAutoencoder, masked_loss, select


class PlainStep:
    """A step written plainly.

    Args:
        network: With the first weights; it is trained in place.
        device: ``cpu`` or ``cuda``.
        rate: Learning rate.
        all_tokens: Send masked tokens through the encoder, too.
        dtype: Type that a GPU computes in.
    """

    def __init__(
        self,
        network: MaskedAutoencoder,
        device: str,
        rate: float,
        all_tokens: bool,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._all_tokens = all_tokens
        self._network, self._mixed = network.to(device), torch.autocast(device, dtype, dtype is not torch.float32)
        for module in network.modules():
            if hasattr(module, "fused_attn"):
                setattr(module, "fused_attn", False)  # noqa: B010 (nn.Module's attributes have no type)
        self._adam = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.05, foreach=False, fused=False)

    def __call__(self, x: Tensor, visible: Tensor, masked: Tensor) -> list[float]:
        """Train on one batch, and return its loss."""
        with self._mixed:
            loss = (self._of_all if self._all_tokens else self._of_visible)(x, visible, masked)
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return [loss.item()]

    def _of_visible(self, x: Tensor, visible: Tensor, masked: Tensor) -> Any:
        return self._network(x, visible, masked).loss

    def _of_all(self, x: Tensor, visible: Tensor, masked: Tensor) -> Any:
        network, n = self._network, len(x)
        encoder = network.encoder
        patches = patchify(x, encoder.geometry)
        known = encoder.embed(select(patches, visible)) + encoder.patch_positions(visible)
        encoded = encoder.encode(torch.cat([known, encoder.patch_positions(masked)], dim=1))
        positions = network.decoder_positions.expand(n, -1, -1)
        hidden = network.mask_token + select(positions, masked)
        seen = network.to_decoder(encoded[:, : visible.shape[1]]) + select(positions, visible)
        decoded = torch.cat([seen, hidden], dim=1)
        for block in network.decoder_blocks:
            decoded = block(decoded)
        predicted = network.head(network.decoder_norm(decoded[:, -masked.shape[1] :]))
        return masked_loss(predicted, select(patches, masked))
