"""What can be said about the evaluation of a cohort as soon as its subjects are known, before an image is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Record
from sixgig.cohorts.checks import require_two
from sixgig.errors import CohortError, ConfigError
from sixgig.evaluation.class_sizes import pretraining_numbers


def check_folds(records: Sequence[Record], evaluation: Mapping[str, Any], hold_out: bool, cohort: str) -> None:
    """Check that every class has subjects enough for the folds.

    Args:
        records: The subjects that are used.
        evaluation: The section ``evaluation`` of the study file.
        hold_out: Whether the official test set is held out.
        cohort: Name of the cohort, for the message.

    Raises:
        ConfigError: A class has too few; the place is the key of the folds.
    """
    sizes = Counter(
        record.label for record in records if record.label is not None and not (hold_out and record.official == "test")
    )
    require_two(sorted(map(str, sizes)), f"cohorts.{cohort}")
    try:
        pretraining_numbers(sizes, evaluation["folds"], evaluation["pretraining_fraction"], held_out=hold_out)
    except CohortError as error:
        reason = f"is {evaluation['folds']}, and in cohort {cohort} {error.place} {error.reason}"
        raise ConfigError("config key evaluation.folds", reason, error.next_step) from None


def check_given_splits(records: Sequence[Record], path: Path, evaluation: Mapping[str, Any]) -> None:
    """Check a splits file of the user's against the subjects.

    Args:
        records: The subjects that are used.
        path: The file.
        evaluation: The section ``evaluation`` of the study file.

    Raises:
        SixgigError: See :func:`sixgig.evaluation.splits.read_own_splits`.
    """
    import pandas as pd

    from sixgig.evaluation.splits import read_own_splits

    rows = [(record.subject_id, record.label) for record in records]
    manifest = pd.DataFrame(rows, columns=["subject_id", "label"])
    read_own_splits(path, manifest, folds=evaluation["folds"], repeats=evaluation["repeats"])
