"""What a plan asks about its networks, as data that another process can answer too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sixgig.arms.instances import Instance, instances
from sixgig.arms.registry import get_arm
from sixgig.weights.monai_networks import is_monai

#: How names of networks begin whose description is on the model hub.
HUB = "hf-hub:"
#: A question: what is asked, and what about, as JSON.
Question = str


def model_question(model: str, place: str, options: Mapping[str, Any] | None) -> Question:
    """Ask whether there is a network, see :func:`sixgig.weights.loading.check_model`."""
    return json.dumps(["model", model, place, options])


def arm_question(name: str, found: Instance, config: Mapping[str, Any]) -> Question:
    """Ask whether an arm can use its network, see :meth:`sixgig.arms.base.Arm.check_network`."""
    model = config["weights"][found.options["weights"]]["model"]
    size = int(config["image"]["size"])
    return json.dumps(["arm", model, f"config key arms.{name}", found.kind, dict(found.options), size])


def size_question(entry: Mapping[str, Any], image_size: int) -> Question:
    """Ask how large the network of an entry of ``weights`` is, see :class:`sixgig.gpu.work.NetworkSize`."""
    if is_monai(entry["model"]):
        return json.dumps(["volumes", entry["model"], json.dumps(entry.get("options") or {})])
    return json.dumps(["images", entry["model"], image_size])


def model_questions(weights: Mapping[str, Any]) -> list[Question]:
    """Return what is asked of every entry of ``weights``."""
    return [
        model_question(entry["model"], f"config key weights.{name}.model", entry.get("options"))
        for name, entry in weights.items()
    ]


def arm_questions(config: Mapping[str, Any]) -> dict[str, Question]:
    """Return what every arm is asked about its network, by the arm's name.

    Controls have the network of the arm that they stand for. Networks that the model hub describes are left to the
    weights stage: planning fetches nothing.
    """
    return {
        name: arm_question(name, found, config)
        for name, found in instances(config).items()
        if "weights" in found.options
        and not found.stands_for
        and not config["weights"][found.options["weights"]]["model"].startswith(HUB)
    }


def size_questions(config: Mapping[str, Any]) -> list[Question]:
    """Return what is asked of the size of every network that an arm uses."""
    used = dict.fromkeys(found.options["weights"] for found in instances(config).values() if "weights" in found.options)
    entries = [config["weights"][name] for name in used]
    size = int(config["image"]["size"])
    return [size_question(entry, size) for entry in entries if not entry["model"].startswith(HUB)]


def subject(question: Question) -> str:
    """Return the name of the network that a question is about."""
    return str(json.loads(question)[1])


def respond(question: Question) -> Any:
    """Answer a question.

    Returns:
        The numbers of a size; None to other questions: the network is there, the arm can use it.

    Raises:
        SixgigError: There is no such network, or the arm cannot use it.
        NotBuiltError: It takes torch, timm or MONAI, inside :func:`sixgig.weights.building.nothing_built`.
    """
    from sixgig.weights.loading import check_model
    from sixgig.weights.model_names import is_surely_known
    from sixgig.weights.monai_sizes import volume_network_size
    from sixgig.weights.sizes import network_size

    asked, model, *further = json.loads(question)
    if asked == "model":
        if not is_surely_known(model):
            check_model(model, *further)
        return None
    if asked == "arm":
        place, kind, options, size = further
        get_arm(kind).check_network(options, model, size, place)
        return None
    return asdict((volume_network_size if asked == "volumes" else network_size)(model, *further))
