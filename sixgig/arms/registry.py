"""The arms: ways of turning images into features. One module each, found through this registry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    from sixgig.arms.base import Arm

#: Arms and feature controls in the order in which tables and figures show them.
ARMS = ("baseline_cnn", "vit_pure", "vit_contrastive", "vit_mim", "vit_sparse", "control_random_vit")


def get_arm(name: str) -> type[Arm]:
    """Return the class of an arm.

    Raises:
        ConfigError: There is no such arm.
    """
    if name not in ARMS:
        raise ConfigError(f"arms.{name}", "there is no such arm", f"choose from {', '.join(ARMS)}")
    return import_module(f"sixgig.arms.{name}.arm").ARM
