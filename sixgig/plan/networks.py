"""Does every arm get a network that it can read and that takes the study's images? Asked before anything is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.arms.instances import instances
from sixgig.errors import WeightsError

#: How names of networks begin whose description is on the model hub.
HUB = "hf-hub:"


def check_networks(config: Mapping[str, Any]) -> None:
    """Ask every arm about the network of its weights.

    Networks that the model hub describes are left to the weights stage: planning fetches nothing.

    Args:
        config: The complete study file.

    Raises:
        SixgigError: An arm cannot use its network; names the arm's key and the nearest that fits.
    """
    for name, found in instances(config).items():
        options = found.options
        if "weights" not in options or found.stands_for:
            continue
        model = config["weights"][options["weights"]]["model"]
        if model.startswith(HUB):
            continue
        place = f"config key arms.{name}"
        try:
            found.arm.check_network(options, model, int(config["image"]["size"]), place)
        except WeightsError as error:
            if error.place.startswith(place):
                raise
            raise WeightsError(f"{place}.weights", f"{error.place} {error.reason}", error.next_step) from None
