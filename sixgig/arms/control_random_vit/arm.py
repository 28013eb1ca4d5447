"""Control: the ViT of vit_pure with random weights. What it reaches owes nothing to pretraining."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.base import Encoder
from sixgig.arms.vit_pure.arm import PureViT
from sixgig.weights.storage import read_provenance


class RandomViT(PureViT):
    """The architecture, images and feature rule of ``vit_pure``; the weights as timm initialises them."""

    name = "control_random_vit"
    stands_for = PureViT.name

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder:
        """Build the network of a weights file with random values; only architecture and normalisation are read."""
        provenance = read_provenance(weights)
        config, model = provenance["data_config"], provenance["model"]
        from sixgig.weights.loading import random_backbone

        network = random_backbone(model, image_size, seed)
        facts = {"name": "random", "sha256": "", "source": f"random initialisation, seed {seed}", "model": model}
        return Encoder(network, tuple(config["mean"]), tuple(config["std"]), model, facts)


ARM = RandomViT
