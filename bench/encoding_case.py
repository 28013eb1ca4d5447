"""What every variant of the row about encoding is given: a network, images, and how many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

    from sixgig.arms.base import ImageArm


@dataclass(frozen=True)
class Case:
    """A network and images of one size.

    Attributes:
        model: timm's name.
        size: Side of the images in pixels.
        network: In evaluation mode, float32, without a head; features are ``network(x)``, [n, d].
        mean: Per channel, of images in [0, 1].
        std: Per channel, likewise.
        images: uint8 [n, size, size, 3].
        batch: Images at a time.
        threads: Threads for computing.
        transformer: Whether it is a ViT; CNNs are computed with channels last.
        arm: How sixgig reads features.
        options: What the arm reads of a study file.
        folder: For files of variants; it is gone after the row.
    """

    model: str
    size: int
    network: nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    images: NDArray[np.uint8]
    batch: int
    threads: int
    transformer: bool
    arm: ImageArm
    options: Mapping[str, Any]
    folder: Path
