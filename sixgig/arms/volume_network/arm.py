"""A 3D network of MONAI as it is: SwinUNETR's encoder, ViT, ResNet, DenseNet, SegResNet's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import NetworkArm, VolumeEncoder
from sixgig.weights.storage import read_provenance

if TYPE_CHECKING:
    from torch import nn


class VolumeNetwork(NetworkArm):
    """The encoder of a pretrained 3D network on crops that cover a volume; the mean of their features."""

    name = "volume_network"
    seed_batch_size = 4
    library = "monai"

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str = name) -> None:
        """Raise a ConfigError when network, crop, modalities and volumes do not fit together."""
        from sixgig.arms.volume_network.checks import check

        check(config, name, cls.options_for)

    @classmethod
    def options_for(cls, options: Mapping[str, Any], cohort: str, cohort_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the stanza for one cohort: its crop."""
        own = {key: value for key, value in options.items() if key != "per_cohort"}
        return own | options["per_cohort"].get(cohort, {})

    @classmethod
    def takes_volumes(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm reads volumes: always."""
        return True

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> VolumeEncoder:
        """Build the network of a weights file.

        Raises:
            WeightsError: The file is missing, changed, or does not fit the network.
        """
        from sixgig.weights.loading import load_backbone

        facts = read_provenance(weights)
        return _encoder(load_backbone(weights, image_size), facts, options, facts)

    def load_random(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> VolumeEncoder:
        """Build the network of a weights file with random weights; only architecture and options are read."""
        from sixgig.weights.loading import create_network

        facts = read_provenance(weights)
        network = create_network(facts["model"], None, seed, facts["options"])
        told = {
            "name": "random",
            "sha256": "",
            "source": f"random initialisation, seed {seed}",
            "model": facts["model"],
        }
        return _encoder(network, facts, options, told)


def _encoder(
    network: nn.Module, facts: Mapping[str, Any], options: Mapping[str, Any], told: Mapping[str, Any]
) -> VolumeEncoder:
    from sixgig.arms.volume_network.encoding import describe, encoding

    model, config = facts["model"], facts["data_config"]
    return VolumeEncoder(encoding(network, model, config["channels"], options), model, told, describe(config, options))


ARM = VolumeNetwork
