"""Pure ViT: a pretrained vision transformer as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.base import Encoder, ImageArm, pretrained_encoder
from sixgig.arms.tokens import TokenFeatures


class PureViT(TokenFeatures, ImageArm):
    """Class token or mean patch token of a ViT (Dosovitskiy et al. 2021), not trained any further."""

    name = "vit_pure"
    seed_batch_size = 16

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder:
        """Build the network of a weights file, as it is."""
        return pretrained_encoder(weights, image_size)


ARM = PureViT
