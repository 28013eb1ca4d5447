"""Does every arm get a network that it can read and that takes the study's images? Asked before anything is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.errors import WeightsError
from sixgig.plan.asking import answer, learn
from sixgig.plan.questions import arm_questions, model_questions, size_questions


def look_at_networks(config: Mapping[str, Any]) -> None:
    """Get the answers to all that planning and the forecast ask about the networks of a study, at once.

    Args:
        config: The complete study file.

    Raises:
        WeightsError: They could not be asked.
    """
    learn([*model_questions(config["weights"]), *arm_questions(config).values(), *size_questions(config)])


def check_networks(config: Mapping[str, Any]) -> None:
    """Ask every arm about the network of its weights.

    Args:
        config: The complete study file.

    Raises:
        SixgigError: An arm cannot use its network; names the arm's key and the nearest that fits.
    """
    asked = arm_questions(config)
    learn(asked.values())
    for name, question in asked.items():
        place = f"config key arms.{name}"
        try:
            answer(question)
        except WeightsError as error:
            if error.place.startswith(place):
                raise
            raise WeightsError(f"{place}.weights", f"{error.place} {error.reason}", error.next_step) from None
