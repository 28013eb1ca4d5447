"""Which subjects of a training fold have labels when only a fraction of them may: the label-fraction curve.

The draw depends on the study's seed, the repeat, the fold and the subjects alone, so every arm and classifier is
trained on the same subjects and their curves are paired. Within a fold the subjects of a smaller fraction are among
those of a larger one. Test folds stay whole. Subjects are drawn, never images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import ConfigError
from sixgig.tables.classes import AND, single_classes
from sixgig.tables.roles import EVALUATION

#: Keeps the draw apart from others of the same seed, repeat and fold.
_STREAM = 0x1ABE1
_DIGITS = 9


class TooFew(NamedTuple):
    """A class of which a fraction leaves fewer subjects than the inner folds need.

    Attributes:
        label: The class.
        left: Its subjects in the smallest of the training folds.
        repeat: Repeat of that fold; -1 for any.
        fold: The fold; -1 for any.
    """

    label: str
    left: int
    repeat: int = -1
    fold: int = -1


def kept_number(members: int, fraction: float, offset: float = 0.5) -> int:
    """Return how many of a class's subjects a fraction keeps: rounded half up, at every offset never fewer for more.

    Args:
        members: Subjects of the class.
        fraction: Above 0 to 1.
        offset: What is added before rounding down, from 0 to below 1.
    """
    return min(members, math.floor(round(fraction * members, _DIGITS) + offset))


def labelled_subjects(
    subjects: Sequence[str] | NDArray[np.str_],
    labels: Sequence[str] | NDArray[np.str_],
    fraction: float,
    seed: int,
    repeat: int,
    fold: int,
) -> NDArray[np.str_]:
    """Draw the labelled subjects of one training fold, [n_labelled], sorted.

    Every class keeps its share, rounded half up. Subjects whose images are of several classes are classes of their own
    here (``benign + malignant``), and often few: their share is rounded at random, up or down, so that it is right on
    average over the folds.

    Args:
        subjects: Subjects of the training fold, [n]; their order does not matter.
        labels: Their class in splits.csv, [n].
        fraction: Above 0 to 1.
        seed: The study's seed.
        repeat: The repeat.
        fold: The fold that is tested.
    """
    names, classes = np.asarray(subjects, dtype=str), np.asarray(labels, dtype=str)
    generator = np.random.default_rng(np.random.SeedSequence([seed, repeat, fold, _STREAM]))
    chosen: list[str] = []
    for label in np.unique(classes):
        members = np.sort(names[classes == label])
        order, offset = generator.permutation(len(members)), generator.random()
        number = kept_number(len(members), fraction, offset if AND in label else 0.5)
        chosen += members[order[:number]].tolist()
    return np.array(sorted(chosen), dtype=str)


def labelled_folds(splits: pd.DataFrame, fraction: float, seed: int) -> Iterator[tuple[int, int, NDArray[np.str_]]]:
    """Yield repeat, fold and labelled training subjects of every outer fold.

    Args:
        splits: Rows of splits.csv.
        fraction: Above 0 to 1.
        seed: The study's seed.
    """
    rows = splits[splits["role"] == EVALUATION]
    names, labels = rows["subject_id"].to_numpy(dtype=str), rows["label"].to_numpy(dtype=str)
    repeats, folds = rows["repeat"].to_numpy(dtype=int), rows["fold"].to_numpy(dtype=int)
    for repeat in np.unique(repeats).tolist():
        for fold in np.unique(folds[repeats == repeat]).tolist():
            train = (repeats == repeat) & (folds != fold)
            yield repeat, fold, labelled_subjects(names[train], labels[train], fraction, seed, repeat, fold)


def mean_labelled(splits: pd.DataFrame, fraction: float, seed: int) -> float:
    """Return the number of labelled training subjects, mean over repeats and folds; NaN without evaluation subjects."""
    numbers = [len(found) for *_, found in labelled_folds(splits, fraction, seed)]
    return float(np.mean(numbers)) if numbers else float("nan")


def too_few_in(
    splits: pd.DataFrame, fraction: float, seed: int, inner_folds: int, labels_of: str = "subject"
) -> TooFew | None:
    """Return the class of which a fraction leaves the fewest subjects in a training fold, if too few; else None.

    Args:
        splits: Rows of splits.csv.
        fraction: Above 0 to 1.
        seed: The study's seed.
        inner_folds: Folds of the inner search, each of which needs a subject of every class.
        labels_of: What has a class, ``subject`` or ``image``; a subject with images of several counts for each.
    """
    rows = splits[splits["role"] == EVALUATION].drop_duplicates("subject_id")
    held = {
        str(name): set(single_classes(str(label)) if labels_of == "image" else [str(label)])
        for name, label in zip(rows["subject_id"], rows["label"], strict=True)
    }
    classes = sorted(set().union(*held.values()))
    found = [
        TooFew(name, sum(name in held[subject] for subject in subjects.tolist()), repeat, fold)
        for repeat, fold, subjects in labelled_folds(splits, fraction, seed)
        for name in classes
    ]
    worst = min(found, key=lambda one: one.left, default=None)
    return worst if worst is not None and worst.left < inner_folds else None


def too_few_of(classes: Mapping[str, int], folds: int, fraction: float, inner_folds: int) -> TooFew | None:
    """Return the same before subjects are dealt, from the number of evaluation subjects of every class.

    A class is dealt evenly, so the smallest training fold lacks as many of it as the fullest test fold holds.

    Args:
        classes: Class to its evaluation subjects, each of one class.
        folds: Outer folds.
        fraction: Above 0 to 1.
        inner_folds: Folds of the inner search.
    """
    left = {name: kept_number(number - math.ceil(number / folds), fraction) for name, number in sorted(classes.items())}
    worst = min(left, key=lambda name: left[name])
    return TooFew(worst, left[worst]) if left[worst] < inner_folds else None


def smallest_fraction(members: int, folds: int, inner_folds: int) -> float | None:
    """Return the smallest fraction, in percent steps, that leaves enough of a class's subjects; None when none does.

    Args:
        members: Evaluation subjects of the class.
        folds: Outer folds.
        inner_folds: Folds of the inner search.
    """
    train = members - math.ceil(members / folds)
    return next((p / 100 for p in range(1, 101) if kept_number(train, p / 100) >= inner_folds), None)


def require_enough(
    splits: pd.DataFrame, fractions: Sequence[float], seed: int, inner_folds: int, labels_of: str, cohort: str
) -> None:
    """Refuse a fraction that leaves a class with fewer training subjects than there are inner folds.

    Args:
        splits: Rows of splits.csv.
        fractions: ``evaluation.fractions``.
        seed: The study's seed.
        inner_folds: Folds of the inner search.
        labels_of: What has a class, ``subject`` or ``image``.
        cohort: Name of the cohort, for the message.

    Raises:
        ConfigError: One leaves too few.
    """
    for share in sorted(fractions):
        found = too_few_in(splits, share, seed, inner_folds, labels_of) if share < 1 else None
        if found is not None:
            raise too_small(share, found, inner_folds, cohort, None)


def too_small(share: float, found: TooFew, inner_folds: int, cohort: str, least: float | None) -> ConfigError:
    """Return the error of a fraction that leaves too few; ``least`` is the smallest that does not, where known."""
    steps = ["set evaluation.inner_folds lower", "use a larger cohort"]
    steps.insert(0, "leave it out" if least is None else f"use at least {least:g}")
    return ConfigError(
        "config key evaluation.fractions",
        f"holds {share:g}, which leaves {found.left} subjects of class {found.label!r} of cohort {cohort} to train on "
        f"in a fold; {inner_folds} inner folds need {inner_folds}",
        ", or ".join(steps),
    )
