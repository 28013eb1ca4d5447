"""Families of networks, by architecture: each family of a study has a control with random weights."""

from __future__ import annotations

import re

#: Families whose names people write otherwise.
_TITLES = {
    "vit": "ViT", "resnet": "ResNet", "resnext": "ResNeXt", "efficientnet": "EfficientNet", "convnext": "ConvNeXt",
    "swin": "Swin", "densenet": "DenseNet", "mobilenet": "MobileNet", "regnet": "RegNet", "vgg": "VGG", "eva": "EVA",
    "beit": "BEiT",
}  # fmt: skip
#: Names of plain ViTs and of ResNets that do not say so at their beginning.
_SAME = {"deit": "vit", "wide": "resnet", "seresnet": "resnet"}
_FAMILY = re.compile(r"(?:tf_|test_)?([a-z]+?)(?:v\d+)?(?=[\d_.-]|$)")
_MONAI = "monai:"


def family_of(model: str) -> str:
    """Return the family of a network: letters, digits and underscores, for the name of its control.

    The family is the word that the timm name begins with, without a version: ``resnet`` for ``resnet50.a1_in1k``,
    ``convnext`` for ``convnextv2_tiny``. A network of MONAI is a family of its own: ``monai_swinunetr`` for
    ``monai:SwinUNETR``.
    """
    if model.startswith(_MONAI):
        return "monai_" + re.sub(r"[^a-z0-9_]", "", model.removeprefix(_MONAI).lower())
    name = model.rpartition("/")[2].lower()  # after the owner of a repository
    found = _FAMILY.match(name)
    word = found[1] if found else re.sub(r"[^a-z0-9]+", "_", name).strip("_")
    return _SAME.get(word, word)


def family_title(family: str, model: str = "") -> str:
    """Return a family's name for people; a network of MONAI is called as MONAI calls it, where it is given."""
    if model.startswith(_MONAI):
        return model_title(model)
    return _TITLES.get(family, family.removeprefix("monai_"))


def model_title(model: str) -> str:
    """Return a network's name for people: without the tag of its weights, or ``monai:``."""
    return model.removeprefix(_MONAI) if model.startswith(_MONAI) else model.rpartition("/")[2].partition(".")[0]
