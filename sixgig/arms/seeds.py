"""Names of an arm's trainings with several seeds: ``vit_x`` for the first, ``vit_x-seed1`` for the next, and so on.

No arm of a user's can have such a name, for names of arms hold no hyphen. Files and jobs have these names; tables name
the arm, and number the seed in a column.
"""

from __future__ import annotations

import hashlib
import re

_NAME = re.compile(r"(.+)-seed([1-9][0-9]*)")


def seed_name(arm: str, number: int) -> str:
    """Return the name of an arm's files for a seed, by its number from 0."""
    return f"{arm}-seed{number}" if number else arm


def arm_and_seed(name: str) -> tuple[str, int]:
    """Return arm and number of the seed of such a name; 0 for the name of an arm."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 0)


def spoken(name: str) -> str:
    """Return such a name for people."""
    arm, number = arm_and_seed(name)
    return f"{arm} (seed {number})" if number else arm


def seed_of(seed: int, number: int) -> int:
    """Return the seed that a job draws from: the study's for number 0, others derived from it, below 2**31.

    Derived by a digest, so that studies with neighbouring seeds share no training.
    """
    if number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big") >> 1
