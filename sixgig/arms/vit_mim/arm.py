"""ViT + masked image modelling: a ViT trained to fill in masked patches of volumes or slices (Chen et al. 2023).

MIM-Med3D (arXiv 2204.11716) trains a 3D ViT with MAE (He et al. 2022) or SimMIM (Xie et al. 2022). Here it may begin
with a 2D network inflated to 3D, and the last LayerNorm is applied in training as in encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import Encoder, PretrainedArm, Trained, VolumeEncoder, pretrained_encoder, training_facts
from sixgig.arms.tokens import TokenFeatures, refuse_untrainable
from sixgig.errors import ArmError
from sixgig.weights.probing import plain_layout, probe
from sixgig.weights.storage import read_provenance

if TYPE_CHECKING:
    from sixgig.arms.pretrain_job import PretrainJob


class MaskedViT(TokenFeatures, PretrainedArm):
    """Mean patch token (or class token) of a ViT trained by masked image modelling on the pretraining subjects."""

    name = "vit_mim"
    seed_batch_size = 4
    control_kind = "vit_pure"

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str) -> None:
        """Raise a ConfigError when crops do not fit patches or volumes."""
        from sixgig.arms.vit_mim.checks import check

        check(config, name, cls.options_for)

    @classmethod
    def check_network(cls, options: Mapping[str, Any], model: str, image_size: int, place: str) -> None:
        """Refuse networks that cannot be inflated, from which sizes and first weights come."""
        if plain_layout(model, image_size) is None:
            network = probe(model, image_size).network
            from sixgig.mim.inflation import shape_of

            try:
                shape_of(network)
            except ArmError as error:
                raise refuse_untrainable(error, model, place) from None
        super().check_network(options, model, image_size, place)

    @classmethod
    def options_for(cls, options: Mapping[str, Any], cohort: str, cohort_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the stanza for one cohort: its crop, its patch, and the mode that `auto` means there."""
        own = {name: value for name, value in options.items() if name != "per_cohort"}
        own |= options["per_cohort"].get(cohort, {})
        if own["mode"] == "auto":
            own["mode"] = "volume" if "volume" in cohort_options else "slices"
        return own

    @classmethod
    def takes_volumes(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm trains on volumes and encodes them."""
        return bool(options["mode"] == "volume")

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder | VolumeEncoder:
        """Build the trained network, for images or for crops of volumes."""
        facts = training_facts(weights)
        if facts["mode"] == "slices":
            encoder = pretrained_encoder(weights, image_size)
            if facts.get("reference"):
                from sixgig.mim.network import publish_norms

                publish_norms(encoder.network)
            return encoder
        from sixgig.arms.vit_mim.pretraining import volume_encoding

        provenance = read_provenance(weights)
        encode = volume_encoding(weights, facts["encoder"], facts["modalities"], options["token"])
        return VolumeEncoder(encode, provenance["model"], provenance)

    def pretrain(self, job: PretrainJob) -> Trained:
        """Train the network; see :func:`sixgig.arms.vit_mim.pretraining.pretrain`."""
        from sixgig.arms.vit_mim.pretraining import pretrain

        return pretrain(job)


ARM = MaskedViT
