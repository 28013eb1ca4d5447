"""What can be said about the folds of a cohort as soon as its subjects are known, before an image is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.cohorts.base import Record
from sixgig.cohorts.checks import require_two
from sixgig.errors import CohortError, ConfigError
from sixgig.evaluation.class_sizes import pretraining_numbers
from sixgig.tables.levels import IMAGE, labels_of, metrics_of

if TYPE_CHECKING:
    import pandas as pd

#: Images of which a trial deal takes about a second.
_MOST_DEALT = 5000


def check_folds(
    records: Sequence[Record], evaluation: Mapping[str, Any], stanza: Mapping[str, Any], cohort: str, seed: int = 0
) -> None:
    """Check that every class has subjects enough for the folds.

    Args:
        records: The subjects that are used.
        evaluation: The section ``evaluation`` of the study file.
        stanza: The cohort's stanza.
        cohort: Name of the cohort, for the message.
        seed: The study's seed.

    Raises:
        ConfigError: A class has too few, for the folds or for a fraction of the labels; the place is the key. Or
            subjects are to be counted, and some have images of several of more than two classes.
        CohortError: There are fewer than two classes.
    """
    hold_out = bool(stanza.get("official_splits"))
    drawn = [record for record in records if record.classes and not (hold_out and record.official == "test")]
    require_two(sorted({str(label) for record in drawn for label in record.labels if label}), f"cohorts.{cohort}")
    folds, fraction = evaluation["folds"], evaluation["pretraining_fraction"]
    if labels_of(stanza) != metrics_of(stanza):
        _check_subject_classes(drawn, fraction, cohort)
    sizes, learning = Counter(str(record.classes) for record in drawn), None
    dealt = None
    try:
        if labels_of(stanza) == IMAGE and any(len(record.items) > 1 for record in drawn):
            dealt = _deal_once(drawn, folds, fraction, seed)
        else:
            learning = pretraining_numbers(sizes, folds, fraction, hold_out)
    except CohortError as error:
        reason = f"is {folds}, and in cohort {cohort} {error.place} {error.reason}"
        raise ConfigError("config key evaluation.folds", reason, error.next_step) from None
    if learning is not None:
        _check_fractions({name: sizes[name] - learning[name] for name in sizes}, evaluation, cohort)
    elif dealt is not None:
        from sixgig.evaluation.labelled import require_enough

        inner = evaluation["inner_folds"]
        require_enough(dealt, evaluation.get("fractions", ()), seed, inner, IMAGE, cohort)


def _check_fractions(sizes: Mapping[str, int], evaluation: Mapping[str, Any], cohort: str) -> None:
    """Refuse a fraction of the labels with which a class has fewer training subjects than there are inner folds."""
    if not evaluation.get("fractions"):
        return
    from sixgig.evaluation.labelled import smallest_fraction, too_few_of, too_small

    folds, inner = evaluation["folds"], evaluation["inner_folds"]
    for share in sorted(evaluation["fractions"]):
        found = too_few_of(sizes, folds, share, inner) if share < 1 else None
        if found is not None:
            least = smallest_fraction(min(sizes.values()), folds, inner)
            raise too_small(share, found, inner, cohort, least)


def _check_subject_classes(records: Sequence[Record], fraction: float, cohort: str) -> None:
    """Refuse subjects of several of more than two classes, of whom there are more than pretraining takes."""
    n_classes = len({label for record in records for label in record.labels if label})
    mixed = [record for record in records if len(record.labels - {None}) > 1]
    if n_classes > 2 and len(mixed) > fraction * len(records):
        from sixgig.evaluation.levels import no_class_of

        raise no_class_of(mixed[0].subject_id, str(mixed[0].classes), n_classes, cohort)


def _deal_once(records: Sequence[Record], folds: int, fraction: float, seed: int) -> pd.DataFrame | None:
    """Draw the splits of the first repeat, where only that says whether it can be done.

    Returns:
        Rows of splits.csv; None for too many images, which are left to the job.
    """
    import pandas as pd

    from sixgig.evaluation.splits import make_splits

    rows = list(_rows(records))
    if len(rows) > _MOST_DEALT:
        return None
    manifest = pd.DataFrame(rows, columns=["subject_id", "label"])
    return make_splits(
        manifest,
        folds=folds,
        repeats=1,
        pretraining_fraction=fraction,
        scope="inductive",
        seed=seed,
        labels_of=IMAGE,
    )


def check_given_splits(
    records: Sequence[Record],
    path: Path,
    evaluation: Mapping[str, Any],
    stanza: Mapping[str, Any],
    cohort: str,
    seed: int,
) -> None:
    """Check a splits file of the user's against the subjects.

    Args:
        records: The subjects that are used.
        path: The file.
        evaluation: The section ``evaluation`` of the study file.
        stanza: The cohort's stanza.
        cohort: Name of the cohort, for the message.
        seed: The study's seed, which says who has a label when few have one.

    Raises:
        ConfigError: A fraction of the labels leaves a class with fewer training subjects than there are inner folds.
        SixgigError: See :func:`sixgig.evaluation.splits.read_own_splits`.
    """
    import pandas as pd

    from sixgig.evaluation.labelled import require_enough
    from sixgig.evaluation.splits import read_own_splits

    manifest = pd.DataFrame(list(_rows(records)), columns=["subject_id", "label"])
    settings = {name: evaluation[name] for name in ("folds", "repeats")}
    splits = read_own_splits(path, manifest, labels_of=labels_of(stanza), **settings)
    require_enough(splits, evaluation.get("fractions", ()), seed, evaluation["inner_folds"], labels_of(stanza), cohort)


def _rows(records: Sequence[Record]) -> Iterator[tuple[str, str | None]]:
    """Yield subject and class of every image or volume, as manifest.csv will have them."""
    for record in records:
        for item in record.items:
            yield record.subject_id, item.label if record.label is None else record.label
