"""Whether the classes of a cohort can be split as the study file asks; no table is needed to say so."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sixgig.cohorts.checks import require_two
from sixgig.errors import CohortError


def pretraining_numbers(
    classes: Mapping[str, int], folds: int, pretraining_fraction: float, held_out: bool = False
) -> dict[str, int]:
    """Return how many subjects of each class are for pretraining.

    Args:
        classes: Class -> its subjects that have a role to be drawn: all but those of a test set that is held out.
        folds: Test folds of one repeat.
        pretraining_fraction: Fraction of each class that is pretraining.
        held_out: Whether an official test set was taken out before, for the message.

    Raises:
        CohortError: There are fewer than two classes, or a class has fewer evaluation subjects than folds.
    """
    require_two(sorted(classes))
    numbers = {}
    for name, members in sorted(classes.items()):
        numbers[name] = n_pretraining = int(pretraining_fraction * members + 0.5)
        # Every fold tests the class, and every training set keeps two of it: the inner search needs one on either side.
        needed = max(folds, math.ceil(2 * folds / (folds - 1)))
        if members - n_pretraining < needed:
            raise _too_few(name, members - n_pretraining, n_pretraining, folds, needed, pretraining_fraction, held_out)
    return numbers


def _too_few(
    name: str, n_evaluation: int, n_pretraining: int, folds: int, needed: int, fraction: float, held_out: bool
) -> CohortError:
    steps = ["add subjects of this class (or raise the cohort's limit)"]
    if 3 <= n_evaluation < folds:
        steps.insert(0, f"set evaluation.folds to at most {n_evaluation}")
    if n_pretraining:
        steps.append(f"make evaluation.pretraining_fraction (now {fraction:g}) smaller")
    if held_out:
        steps.append("leave out official_splits")
    return CohortError(
        f"class {name!r}",
        f"has {n_evaluation} evaluation subjects (and {n_pretraining} for pretraining); {folds} folds need {needed}",
        ", or ".join(steps),
    )
