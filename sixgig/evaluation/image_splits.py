"""Roles and folds of subjects whose images have classes of their own: a subject stays whole, classes are evened out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sixgig.classifiers.dealing import count_classes, deal, deal_folds
from sixgig.errors import CohortError
from sixgig.tables.classes import AND, joined_classes


def joined_labels(manifest: pd.DataFrame) -> dict[str, str | None]:
    """Return the classes of every subject's images as one name (None when all are unknown), sorted by subject.

    Raises:
        CohortError: The name of a class looks like two.
    """
    names = manifest["label"].astype(object).where(manifest["label"].notna(), None)
    unclear = sorted({str(name) for name in names if name is not None and AND in name})
    if unclear:
        raise CohortError(
            f"class {unclear[0]!r}",
            f"holds {AND!r}, which stands between the classes of a subject whose images are of several",
            "rename the class with `classes` in the cohort's stanza",
        )
    by_subject = names.groupby(manifest["subject_id"], sort=True)
    return {str(subject_id): joined_classes(group) for subject_id, group in by_subject}


def several_images(manifest: pd.DataFrame) -> bool:
    """Whether any subject has more than one image with a class; without any, subjects are dealt by their class."""
    labelled = manifest[manifest["label"].notna()]
    return bool(labelled["subject_id"].duplicated().any())


def deal_subjects(
    manifest: pd.DataFrame,
    folds: int,
    pretraining_fraction: float,
    role_seed: np.random.SeedSequence,
    repeat_seeds: list[np.random.SeedSequence],
) -> tuple[set[str], list[dict[str, int]]]:
    """Draw the pretraining subjects, and deal the others into folds, once for every repeat.

    Both the images of every class and the subjects that hold it are evened out; every fold tests every class, and every
    training set has it in two subjects at least.

    Args:
        manifest: Rows of manifest.csv of the subjects to draw among; unlabelled images do not count.
        folds: Folds of a repeat.
        pretraining_fraction: Share of the subjects that is for pretraining, from 0 to below 1.
        role_seed: Seed of the roles.
        repeat_seeds: Seed of every repeat.

    Returns:
        The pretraining subjects with labelled images, and fold by subject for every repeat.

    Raises:
        CohortError: A class is held by too few evaluation subjects, or no deal gives every fold every class.
    """
    rows = manifest[manifest["label"].notna()]
    classes, label = np.unique(rows["label"].to_numpy(dtype=str), return_inverse=True)
    names, subject = np.unique(rows["subject_id"].to_numpy(dtype=str), return_inverse=True)
    counts = count_classes(label, subject)
    evaluated = np.ones(len(names), dtype=bool)
    if pretraining_fraction > 0:
        shares = np.array([pretraining_fraction, 1 - pretraining_fraction])
        evaluated = deal(counts, shares, np.random.default_rng(role_seed)) == 1
    held = (counts > 0).sum(axis=0)
    kept = (counts[evaluated] > 0).sum(axis=0)
    needed = max(folds, math.ceil(2 * folds / (folds - 1)))
    for name, number, everyone in zip(classes, kept, held, strict=True):
        if number < needed:
            raise _too_few(str(name), int(number), int(everyone - number), folds, needed, pretraining_fraction)
    deals = []
    for seed in repeat_seeds:
        fold = deal_folds(counts[evaluated], folds, np.random.default_rng(seed))
        if fold is None:
            raise CohortError(
                "labels",
                f"no way was found to deal {evaluated.sum()} subjects into {folds} folds that each test images of all "
                f"{len(classes)} classes, with every subject in one fold",
                "set evaluation.folds lower, merge rare classes with `classes`, or give a splits_file",
            )
        deals.append(dict(zip(map(str, names[evaluated]), map(int, fold), strict=True)))
    return set(map(str, names[~evaluated])), deals


def _too_few(name: str, n_evaluation: int, n_pretraining: int, folds: int, needed: int, fraction: float) -> CohortError:
    steps = [f"set evaluation.folds to at most {n_evaluation}"] if 3 <= n_evaluation < folds else []
    steps.append("add subjects with images of this class (or raise the cohort's limit)")
    if n_pretraining:
        steps.append(f"make evaluation.pretraining_fraction (now {fraction:g}) smaller")
    return CohortError(
        f"class {name!r}",
        f"is held by {n_evaluation} evaluation subjects (and {n_pretraining} for pretraining), whose images stay "
        f"together; {folds} folds need {needed}",
        ", or ".join(steps),
    )
