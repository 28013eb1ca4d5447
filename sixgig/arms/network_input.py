"""What images a network was made for, and what images it is given: the deviation is recorded, never hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VOLUMES_FILTER = "triangle"


def describe_input(
    data_config: Mapping[str, Any], shape: tuple[int, ...], image_filter: str, image_crop: float | None = None
) -> dict[str, Any]:
    """Compare the preprocessing that a network's authors use with the one of the study.

    Mean and standard deviation are the network's own. The centre is not cut out of images, whatever share the authors
    keep, unless the study asks for it: at the border of a medical image lies evidence. All of it is shown, in its
    aspect ratio, on black.

    Args:
        data_config: What the weights file's provenance says; see :func:`sixgig.weights.loading.data_config`.
        shape: Of the array of images [n, H, W, 3], or of volumes [n, D, H, W, M].
        image_filter: How images were resized.
        image_crop: Share of the shorter side that they show; None for all of it.

    Returns:
        ``network`` and ``given``, each with ``size`` (pixels), ``filter``, ``crop`` (share of the side that is shown)
        and None for what is not known; ``mean`` and ``std``; ``deviations``, sentences.
    """
    names = {"size": "size", "filter": "interpolation", "crop": "crop"}
    network = {name: data_config.get(key) for name, key in names.items()}
    volumes = len(shape) == 5
    given = {
        "size": list(shape[1:4]) if volumes else shape[1],
        "filter": VOLUMES_FILTER if volumes else image_filter,
        "crop": 1.0 if image_crop is None or volumes else image_crop,
    }
    found = {"network": network, "given": given, "mean": data_config.get("mean"), "std": data_config.get("std")}
    if volumes:
        return {**found, "deviations": ["the network that training began with was made for pictures, not for volumes"]}
    deviations = []
    if network["size"] not in (None, given["size"]):
        deviations.append(f"images have {given['size']} pixels a side, the network was made for {network['size']}")
    if network["filter"] not in (None, given["filter"]):
        deviations.append(
            f"images were resized with the filter {given['filter']}, the network's is {network['filter']}"
        )
    if network["crop"] not in (None, given["crop"]):
        shown = "all of an image is" if image_crop is None else f"the centre of an image ({image_crop:g}) is"
        deviations.append(f"{shown} shown, the network's authors show {network['crop']:g} of the shorter side")
    return {**found, "deviations": deviations}
