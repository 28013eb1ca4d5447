"""Names of the layouts that the loader knows, without their rules: a study file may name one as its converter."""

from __future__ import annotations

#: In the order in which they are tried; the rules are in :mod:`sixgig.weights.layouts`.
LAYOUT_NAMES = (
    "timm",
    "dinov2",
    "huggingface_vit",
    "huggingface_clip",
    "open_clip",
    "torchvision_vit",
    "torchvision_swin",
    "torchvision_convnext",
    "sequential",
)
