"""Errors of the contrastive arm. They cross the border between two environments, so they depend on nothing else."""

from __future__ import annotations


class ContrastiveError(Exception):
    """A problem the user can solve.

    Args:
        place: The file, config key or job where the problem is.
        reason: What is wrong there.
        next_step: What to do about it, as an instruction.
    """

    def __init__(self, place: object, reason: str, next_step: str) -> None:
        super().__init__(place, reason, next_step)
        self.place = str(place)
        self.reason = reason
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}\n  Next step: {self.next_step}"


class NotFiniteError(ContrastiveError):
    """The loss became infinite or not a number."""
