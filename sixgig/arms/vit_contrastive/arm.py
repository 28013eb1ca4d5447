"""ViT + contrastive pretraining: a pretrained ViT, trained further with domain-specific contrastive losses.

The losses and the sampling are those of Chaitanya et al. 2020 (arXiv 2006.10511), whose encoder was convolutional; here
they train a ViT, as a TensorFlow 1 graph in its own environment or in PyTorch (:mod:`sixgig.contrastive`). The trained
network then encodes as any ViT does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.arms.base import PretrainedArm, Trained
from sixgig.arms.tokens import TokenFeatures, refuse_untrainable
from sixgig.errors import ArmError
from sixgig.weights.probing import plain_layout, probe

if TYPE_CHECKING:
    from sixgig.arms.pretrain_job import PretrainJob


class ContrastiveViT(TokenFeatures, PretrainedArm):
    """Class or mean patch token of a ViT trained further on the pretraining subjects."""

    name = "vit_contrastive"
    seed_batch_size = 8
    environment = "tensorflow1"
    control_kind = "vit_pure"
    process_modules = ("sixgig.contrastive.__main__",)

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str) -> None:
        """Raise a ConfigError when batches do not fit the partitions of a cohort of volumes."""
        from sixgig.arms.vit_contrastive.checks import check

        check(config, name)

    @classmethod
    def check_network(cls, options: Mapping[str, Any], model: str, image_size: int, place: str) -> None:
        """Refuse networks outside the plain family, which alone can be trained."""
        if plain_layout(model, image_size) is None:
            from sixgig.weights.export import require_plain

            try:
                require_plain(probe(model, image_size).network)
            except ArmError as error:
                raise refuse_untrainable(error, model, place) from None
        if options.get("local_steps"):
            from sixgig.arms.vit_contrastive.checks import check_grid

            check_grid(options, plain_layout(model, image_size) or probe(model, image_size).layout, model)
        super().check_network(options, model, image_size, place)

    @classmethod
    def needs_environment(cls, options: Mapping[str, Any]) -> bool:
        """Whether training runs in TensorFlow 1, and not in PyTorch."""
        return bool(options["backend"] == cls.environment)

    def pretrain(self, job: PretrainJob) -> Trained:
        """Train the network; see :func:`sixgig.arms.vit_contrastive.pretraining.pretrain`."""
        from sixgig.arms.vit_contrastive.pretraining import pretrain

        return pretrain(job)


ARM = ContrastiveViT
