"""Who is in a simulated cohort, before it is written: names, classes and frames follow from the stanza alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class PhantomSubject(NamedTuple):
    """A subject of a simulated cohort.

    Attributes:
        name: Name of its folder.
        label: Its class.
        frames: Frame of each of its volumes that are prepared; None for a volume without frames.
    """

    name: str
    label: str
    frames: tuple[str | None, ...]


def phantom_subjects(phantom: Mapping[str, Any]) -> list[PhantomSubject]:
    """Return the subjects that the stanza ``source.phantom`` writes, in their order."""
    seed, numbers = int(phantom["seed"]), range(int(phantom["subjects"]))
    if phantom["kind"] == "brats":
        from sixgig.phantoms import brats

        return [PhantomSubject(brats.subject_name(n), brats.grade_of(seed, n), (None,)) for n in numbers]
    from sixgig.phantoms import acdc

    return [PhantomSubject(acdc.subject_name(n), acdc.group_of(seed, n), ("ED", "ES")) for n in numbers]
