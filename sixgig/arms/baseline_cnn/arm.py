"""Baseline: a convolutional network pretrained on natural images, global average pooled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import Encoder, ImageArm, pretrained_encoder

if TYPE_CHECKING:
    from torch import nn


class BaselineCNN(ImageArm):
    """Features of the last convolutional stage, averaged over positions (He et al. 2016, section 3.3)."""

    name = "baseline_cnn"
    seed_batch_size = 32
    channels_last = True

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder:
        """Build the network of a weights file, as it is."""
        return pretrained_encoder(weights, image_size)

    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Return globally averaged features [n, d] (2048-d for ResNet50, 1280-d for EfficientNet-Lite0)."""
        return network(batch)


ARM = BaselineCNN
