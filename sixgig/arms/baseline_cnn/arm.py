"""Baseline: a convolutional network pretrained on natural images, global average pooled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import Encoder, ImageArm, pretrained_encoder
from sixgig.arms.tokens import require_vector
from sixgig.weights.probing import plain_layout, probe
from sixgig.weights.sizes import is_common_cnn

if TYPE_CHECKING:
    from torch import nn


class BaselineCNN(ImageArm):
    """Features of the last convolutional stage, averaged over positions (He et al. 2016, section 3.3).

    Any network is read by its own pooling: a ViT gives what its authors pool, such as the class token.
    """

    name = "baseline_cnn"
    seed_batch_size = 32
    channels_last = True

    @classmethod
    def check_network(cls, options: Mapping[str, Any], model: str, image_size: int, place: str) -> None:
        """Refuse a network that gives no vector; see :meth:`sixgig.arms.base.Arm.check_network`."""
        if not is_common_cnn(model) and plain_layout(model, image_size) is None:
            require_vector(probe(model, image_size), model, place)

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder:
        """Build the network of a weights file, as it is."""
        return pretrained_encoder(weights, image_size)

    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Return globally averaged features [n, d] (2048-d for ResNet50, 1280-d for EfficientNet-Lite0)."""
        return network(batch)


ARM = BaselineCNN
