"""Which subject has which role, and in which fold it is tested. The subject is the unit, never the image.

Under both scopes the roles and folds are the same. The scope says what arms that learn may see, without labels:
``inductive`` the pretraining subjects only, ``transductive`` the evaluation subjects too. Subjects of an official test
set that is held out have the role ``test``: no arm and no classifier sees them before they are scored, once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sixgig.cohorts.checks import require_test_set, require_two
from sixgig.errors import CohortError, ConfigError, LeakageError
from sixgig.evaluation.class_sizes import pretraining_numbers
from sixgig.evaluation.image_splits import deal_subjects, joined_labels, several_images
from sixgig.tables.classes import single_classes
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.roles import EVALUATION, PRETRAINING, ROLES, TEST, check_scope

_OWN_FILE = "correct the splits file, or remove it from the study file to have one drawn"
_SHOWN = 5
_log = logging.getLogger(__name__)


def subject_labels(manifest: pd.DataFrame, labels_of: str = "subject") -> dict[str, str | None]:
    """Return subject -> class (None when unknown), sorted by subject.

    Args:
        manifest: Rows of manifest.csv.
        labels_of: ``subject``, or ``image`` where images have classes of their own; the class of a subject is then
            those of its images, such as ``benign + malignant``.

    Raises:
        CohortError: Images of one subject have different labels, and are not to have classes of their own; or such a
            class has a name that looks like two.
    """
    if labels_of == "image":
        return joined_labels(manifest)
    labels: dict[str, str | None] = {}
    for subject_id, group in manifest.groupby("subject_id", sort=True)["label"]:
        names = {None if pd.isna(label) else str(label) for label in group}
        if len(names) > 1:
            shown = ", ".join(sorted("no label" if name is None else name for name in names))
            raise CohortError(f"subject {subject_id}", f"has several labels: {shown}", "give each subject one label")
        labels[str(subject_id)] = names.pop()
    return labels


def make_splits(
    manifest: pd.DataFrame,
    *,
    folds: int,
    repeats: int,
    pretraining_fraction: float,
    scope: str,
    seed: int,
    hold_out: bool = False,
    labels_of: str = "subject",
) -> pd.DataFrame:
    """Draw roles and folds.

    Unlabelled subjects are always pretraining. Of each class a seeded fraction is pretraining, the rest evaluation;
    every repeat deals the evaluation subjects of each class evenly into the folds. Row order of the manifest does not
    matter. Subjects with several images that have classes of their own are dealt as
    :func:`sixgig.evaluation.image_splits.deal_subjects` says.

    Args:
        manifest: Rows of manifest.csv.
        folds: Test folds of one repeat, at least 2.
        repeats: Repeats, at least 1.
        pretraining_fraction: Fraction of each class that is pretraining, from 0 to below 1.
        scope: ``inductive`` or ``transductive``; checked here, used by :func:`pretraining_subjects`.
        seed: Seed of the draws.
        hold_out: Give the labelled subjects of the official test set the role test, and draw among the others.
        labels_of: What has a class, ``subject`` or ``image``.

    Returns:
        Rows of splits.csv.

    Raises:
        ConfigError: A number or the scope is out of range.
        CohortError: There are fewer than two classes, a class has fewer evaluation subjects than folds, or there is no
            official test set to hold out.
    """
    check_scope(scope)
    for key, value, low in (("folds", folds, 2), ("repeats", repeats, 1)):
        if value < low:
            raise ConfigError(f"evaluation.{key}", f"is {value}", f"give a whole number of at least {low}")
    if not 0.0 <= pretraining_fraction < 1.0:
        raise ConfigError(
            "evaluation.pretraining_fraction", f"is {pretraining_fraction}", "give a number from 0 to below 1"
        )
    everyone = subject_labels(manifest, labels_of)
    held_out = sorted(_official_test(manifest) & {name for name, label in everyone.items() if label is not None})
    if hold_out:
        require_test_set(len(held_out))
    test = set(held_out) if hold_out else set()
    labels = {name: label for name, label in everyone.items() if name not in test}
    joined = {label for label in labels.values() if label is not None}
    classes = sorted(
        {name for label in joined for name in (single_classes(label) if labels_of == "image" else [label])}
    )
    require_two(classes)
    role_seed, *repeat_seeds = np.random.SeedSequence(seed).spawn(1 + repeats)
    pretraining = {subject_id for subject_id, label in labels.items() if label is None}
    drawn = manifest[manifest["subject_id"].isin(labels)]
    if labels_of == "image" and several_images(drawn):
        learned, deals = deal_subjects(drawn, folds, pretraining_fraction, role_seed, repeat_seeds)
    else:
        learned, evaluation = _draw_roles(
            labels, folds, pretraining_fraction, np.random.default_rng(role_seed), held_out=hold_out
        )
        deals = [_deal(evaluation, folds, np.random.default_rng(seed)) for seed in repeat_seeds]
    rows: list[tuple[str, str | None, str, int | None, int | None]] = [
        (subject_id, labels[subject_id], PRETRAINING, None, None) for subject_id in sorted(pretraining | learned)
    ]
    for repeat, fold_of in enumerate(deals):
        rows += [
            (subject_id, labels[subject_id], EVALUATION, repeat, fold_of[subject_id]) for subject_id in sorted(fold_of)
        ]
    rows += [(subject_id, everyone[subject_id], TEST, None, None) for subject_id in sorted(test)]
    return SPLITS.check(pd.DataFrame(rows, columns=SPLITS.column_names), "splits")


def _draw_roles(
    labels: Mapping[str, str | None],
    folds: int,
    pretraining_fraction: float,
    rng: np.random.Generator,
    held_out: bool,
) -> tuple[set[str], dict[str, list[str]]]:
    """Draw the pretraining subjects of every class; return them, and the evaluation subjects by class."""
    evaluation: dict[str, list[str]] = {}
    pretraining: set[str] = set()
    sizes = Counter(label for label in labels.values() if label is not None)
    for name, number in pretraining_numbers(sizes, folds, pretraining_fraction, held_out).items():
        members = [subject_id for subject_id, label in labels.items() if label == name]
        order = [members[index] for index in rng.permutation(len(members))]
        pretraining.update(order[:number])
        evaluation[name] = sorted(order[number:])
    return pretraining, evaluation


def _official_test(manifest: pd.DataFrame) -> set[str]:
    if "official" not in manifest:
        return set()
    return set(manifest.loc[(manifest["official"] == "test").fillna(False), "subject_id"].astype(str))


def _deal(members: dict[str, list[str]], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Deal shuffled subjects into folds, class after class without starting over, so that fold sizes differ by one."""
    fold_of: dict[str, int] = {}
    for name in sorted(members):
        for index in rng.permutation(len(members[name])):
            fold_of[members[name][index]] = len(fold_of) % folds
    return fold_of


def read_own_splits(
    path: Path,
    manifest: pd.DataFrame,
    *,
    folds: int,
    repeats: int,
    rename: Callable[[str], str] | None = None,
    labels_of: str = "subject",
) -> pd.DataFrame:
    """Read and check a splits file that the user gives; see :func:`check_splits`.

    ``rename`` gives a subject's pseudonym where the manifest has pseudonyms; the file may have either.

    Raises:
        SixgigError: Something is wrong with it, or it has another number of folds or repeats than the study file; the
            place is the file.
    """
    try:
        splits = SPLITS.read(path)
        if rename is not None:
            known = set(manifest["subject_id"])
            new = {name: rename(name) for name in splits["subject_id"].unique() if name not in known}
            splits["subject_id"] = splits["subject_id"].replace(new)
        checked = check_splits(splits, manifest, labels_of)
    except (CohortError, LeakageError) as error:
        raise type(error)(path, error.reason, error.next_step) from error
    found = {"folds": int(checked["fold"].nunique()), "repeats": int(checked["repeat"].nunique())}
    for key, wanted in (("folds", folds), ("repeats", repeats)):
        if found[key] != wanted:
            raise CohortError(
                path,
                f"has {found[key]} {key}, and evaluation.{key} is {wanted}",
                f"set evaluation.{key} to {found[key]}",
            )
    return checked


def check_splits(splits: pd.DataFrame, manifest: pd.DataFrame, labels_of: str = "subject") -> pd.DataFrame:
    """Check a splits file that the user gives.

    Subjects that the manifest does not have (left out by ``limit`` or in quarantine) are dropped with a warning.

    Returns:
        The rows of subjects in the manifest, ordered as :func:`make_splits` orders them.

    Raises:
        TableError: The columns are not those of splits.csv.
        CohortError: A subject has no row, a wrong label, no label though it is evaluated, or not one fold per repeat;
            folds or repeats have gaps; a training set lacks a class.
        LeakageError: A subject has two roles, or two folds in one repeat.
    """
    checked = SPLITS.check(splits, SPLITS.name)
    labels = subject_labels(manifest, labels_of)
    known = checked["subject_id"].isin(labels.keys())
    absent = sorted(set(checked.loc[~known, "subject_id"]))
    if absent:
        _log.warning("%d subjects of the splits file are not in the cohort: %s", len(absent), _some(absent))
    checked = checked[known]
    unassigned = sorted(set(labels) - set(checked["subject_id"]))
    if unassigned:
        raise _wrong(f"subjects of the cohort have no row: {_some(unassigned)}")
    roles = set(checked["role"]) - set(ROLES)
    if roles:
        raise _wrong(f"unknown roles: {_some(sorted(roles))}; there are {', '.join(ROLES)}")
    placed = checked["repeat"].notna() & checked["fold"].notna()
    bare = checked["repeat"].isna() & checked["fold"].isna()
    evaluated = checked["role"] == EVALUATION
    odd = checked.loc[~((evaluated & placed) | (~evaluated & bare)), "subject_id"]
    if len(odd):
        raise _wrong(f"evaluation rows need repeat and fold, other rows have neither: {_some(odd.unique())}")
    given = [
        None if missing else str(name) for name, missing in zip(checked["label"], checked["label"].isna(), strict=True)
    ]
    scored = evaluated | (checked["role"] == TEST)
    for subject_id, label, is_scored in zip(checked["subject_id"], given, scored, strict=True):
        if label != labels[subject_id]:
            raise _wrong(f"subject {subject_id} has label {label}, in the manifest {labels[subject_id]}")
        if is_scored and label is None:
            raise _wrong(f"subject {subject_id} is for evaluation or test and has no label")
    check_placement(checked)
    evaluation = checked[checked["role"] == EVALUATION]
    if labels_of == "image":
        evaluation = evaluation.assign(label=evaluation["label"].map(single_classes)).explode("label")
    _check_folds(evaluation)
    order = checked["role"].map({role: place for place, role in enumerate(ROLES)})
    return (
        checked.assign(order=order)
        .sort_values(["order", "repeat", "subject_id"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def check_placement(splits: pd.DataFrame) -> None:
    """Check that no subject has two roles, two folds in one repeat, or the same row twice.

    Raises:
        LeakageError: One has; the message names it.
    """
    n_roles = splits.groupby("subject_id")["role"].nunique()
    if (n_roles > 1).any():
        raise LeakageError(SPLITS.name, f"subjects have two roles: {_some(n_roles.index[n_roles > 1])}", _OWN_FILE)
    twice = splits[splits.duplicated(["subject_id", "repeat"])]
    if len(twice):
        raise LeakageError(
            SPLITS.name,
            f"subjects are in two folds (or twice in one) within a repeat: {_some(twice['subject_id'].unique())}",
            _OWN_FILE,
        )


def _check_folds(evaluation: pd.DataFrame) -> None:
    """Check that repeats and folds count up from 0, hold every subject, and train on every class."""
    classes = set(evaluation["label"])
    if len(classes) < 2:
        raise _wrong(f"evaluation subjects have {len(classes)} class, and a classifier needs two")
    repeats = sorted(int(repeat) for repeat in evaluation["repeat"].unique())
    if repeats != list(range(len(repeats))):
        raise _wrong(f"repeats are {repeats}, not counted from 0 without gaps")
    subjects = set(evaluation["subject_id"])
    n_folds = evaluation["fold"].nunique()
    for repeat, rows in evaluation.groupby("repeat"):
        if lost := subjects - set(rows["subject_id"]):
            raise _wrong(f"repeat {repeat} lacks evaluation subjects: {_some(sorted(lost))}")
        folds = sorted(int(fold) for fold in rows["fold"].unique())
        if folds != list(range(n_folds)) or n_folds < 2:
            raise _wrong(f"folds of repeat {repeat} are {folds}, not 0 to {max(n_folds, 2) - 1}")
        for fold in folds:
            if lacking := classes - set(rows.loc[rows["fold"] != fold, "label"]):
                raise _wrong(f"repeat {repeat}: all subjects of class {_some(sorted(lacking))} are in fold {fold}")


def _wrong(reason: str) -> CohortError:
    return CohortError(SPLITS.name, reason, _OWN_FILE)


def _some(names: object) -> str:
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
