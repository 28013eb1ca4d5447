"""What the names and shapes of tensors do not show: a model card's heads and activation against the network's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn


def check_agreement(place: str, model: str, network: Any, configs: Mapping[str, Any]) -> str | None:
    """Refuse a network that a checkpoint fills and that would still compute something else than its authors'.

    Args:
        place: Where the entry stands in the study file.
        model: The timm model.
        network: Its network.
        configs: JSON of the files beside the weights, by name.

    Returns:
        ``tanh`` or ``none`` where the weights were trained with GELU's approximation by tanh and the network has the
        exact one, or the other way round, for :func:`set_gelu`; None where they agree.

    Raises:
        WeightsError: The configuration names another number of heads, or OpenAI's quick GELU where the network has the
            exact one, or the other way round.
    """
    vision, blocks = _vision(configs), getattr(network, "blocks", None)
    if not vision or blocks is None or len(blocks) == 0:
        return None
    heads = getattr(getattr(blocks[0], "attn", None), "num_heads", None)
    if vision["heads"] and heads and int(vision["heads"]) != int(heads):
        raise _other(place, model, "the number of heads", vision["heads"], heads, "the network with as many heads")
    theirs, ours = _kind(vision["activation"]), _kind(getattr(getattr(blocks[0], "mlp", None), "act", None))
    if None in (theirs, ours) or theirs == ours:
        return None
    if "quick" in (theirs, ours):
        wanted = model.replace("_quickgelu", "") if ours == "quick" else model.replace("_clip_", "_clip_quickgelu_")
        raise _other(place, model, "the kind of GELU", theirs, ours, f"`model: {wanted.split('.')[0]}`")
    from torch.nn import GELU

    if not any(isinstance(module, GELU) for module in network.modules()):
        raise _other(place, model, "the kind of GELU", theirs, ours, "another network")
    return "tanh" if theirs == "approximate" else "none"


def set_gelu(network: nn.Module, approximate: str | None) -> None:
    """Give a network the kind of GELU that its weights were trained with.

    Args:
        network: The network.
        approximate: ``tanh``, ``none`` for the exact one, or None to leave it as timm has it.
    """
    from torch.nn import GELU

    for module in network.modules() if approximate else ():
        if isinstance(module, GELU):
            module.approximate = str(approximate)


def _other(place: str, model: str, what: str, theirs: Any, ours: Any, wanted: str) -> WeightsError:
    return WeightsError(
        place,
        f"the tensors would fit {model}, but not what it computes: {what} is {theirs} in the configuration beside the "
        f"weights and {ours} in the network",
        f"use {wanted}",
    )


def _kind(activation: Any) -> str | None:
    """Return which GELU an activation is, a module or a name; None for anything else."""
    name = activation if isinstance(activation, str) else type(activation).__name__
    name = name.lower().replace("_", "")
    if "gelu" not in name or "gated" in name:
        return None
    tanh = "tanh" in name or name == "gelunew" or getattr(activation, "approximate", "none") == "tanh"
    return "quick" if "quick" in name else "approximate" if tanh else "exact"


def _vision(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``heads`` and ``activation`` as a model card's files say them; nothing when they do not."""
    opened = (configs.get("open_clip_config.json") or {}).get("model_cfg") or {}
    tower = opened.get("vision_cfg") or {}
    if tower and "timm_model_name" not in tower and isinstance(tower.get("layers"), int):
        width = tower.get("head_width", 64)
        return {
            "heads": tower["width"] // width if tower.get("width") else None,
            "activation": "quick_gelu" if opened.get("quick_gelu") else "gelu",
        }
    config = configs.get("config.json") or {}
    if "model_type" not in config or opened:
        return {}
    config = config.get("vision_config") or config
    return {"heads": config.get("num_attention_heads"), "activation": config.get("hidden_act")}
