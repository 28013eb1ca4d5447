"""The feature rule that the arms of vision transformers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.errors import ArmError, SixgigError
from sixgig.weights.probing import Probe, plain_layout, probe
from sixgig.weights.tokens import features_of_layout

if TYPE_CHECKING:
    from torch import nn


class TokenFeatures:
    """What the arms of ViTs share: features are tokens after the last LayerNorm, or the mean of a map's positions."""

    @classmethod
    def check_network(cls, options: Mapping[str, Any], model: str, image_size: int, place: str) -> None:
        """Refuse a network without the asked token; see :meth:`sixgig.arms.base.Arm.check_network`."""
        layout = plain_layout(model, image_size)
        if layout is None:
            probed = probe(model, image_size)
            if options["token"] == "pooled":
                require_vector(probed, model, place)
                return
            if probed.layout is None:
                step = "choose another `model`, or, where the arm knows it, `token: pooled` (its own pooling)"
                raise ArmError(f"{place}.weights", f"{model} {probed.unreadable}", step)
            layout = probed.layout
        layout.require(options["token"], f"{place}.token", model)

    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Return features [n, d]; see :func:`features_of_layout`."""
        made = network.forward_features(batch)  # type: ignore[operator]
        return features_of_layout(network, made, options["token"])


def require_vector(probed: Probe, model: str, place: str) -> None:
    """Refuse a network that gives no vector per image of its own.

    Args:
        probed: What it does.
        model: Its name.
        place: The arm's key in the study file.

    Raises:
        ArmError: It gives something else.
    """
    if not probed.features:
        raise ArmError(f"{place}.weights", f"{model} gives no single vector [n, d] per image", "choose another `model`")


def refuse_untrainable(error: SixgigError, model: str, place: str) -> ArmError:
    """Return the refusal of a network that an arm cannot train, with the place where the study names it."""
    return ArmError(f"{place}.weights", f"the arm cannot train {model}: {error.reason}", error.next_step)
