"""Whether two studies tested the same subjects in the same folds: only then can their results be paired."""

from __future__ import annotations

import pandas as pd

from sixgig.errors import SixgigError
from sixgig.results.study import Study
from sixgig.tables.predictions import IMAGE

_SHOWN = 3
_STEP = "compare studies that were split alike: give both the same cohort, seed and evaluation, or one splits_file"


def common_cohorts(a: Study, b: Study) -> list[str]:
    """Return the cohorts that both studies have, in the order of the first; their data are checked to be the same.

    Raises:
        SixgigError: There are none; or images, classes, roles or folds of one differ.
    """
    there = set(b.cohorts)
    common = [cohort for cohort in a.cohorts if cohort in there]
    if not common:
        reason = f"has the cohorts {', '.join(b.cohorts)}, and {a.folder} has {', '.join(a.cohorts)}: none is in both"
        raise SixgigError(b.folder, reason, "compare studies that have a cohort of one name")
    for cohort in common:
        _check(a, b, cohort)
    return common


def _check(a: Study, b: Study, cohort: str) -> None:
    one, other = (
        study.manifest(cohort)[[IMAGE, "subject_id", "label"]].astype("string").fillna("") for study in (a, b)
    )
    if not one.equals(other):
        raise SixgigError(b.cohort_folder(cohort) / "manifest.csv", _manifests(one, other, a), _STEP)
    for name in ("labels_of", "metrics_of"):
        if getattr(a, name)(cohort) != getattr(b, name)(cohort):
            reason = f"{name} is {getattr(b, name)(cohort)}, and {getattr(a, name)(cohort)} in {a.folder}"
            raise SixgigError(f"{b.folder}: cohorts.{cohort}", reason, "compare studies that count the same")
    if a.positive(cohort) != b.positive(cohort):
        reason = f"positive is {b.positive(cohort)}, and {a.positive(cohort)} in {a.folder}"
        raise SixgigError(f"{b.folder}: cohorts.{cohort}", reason, "compare studies about the same class")
    if a.splits_sha256(cohort) != b.splits_sha256(cohort):
        raise SixgigError(b.cohort_folder(cohort) / "splits.csv", _splits(a, b, cohort), _STEP)


def _manifests(one: pd.DataFrame, other: pd.DataFrame, a: Study) -> str:
    images, others = set(one[IMAGE]), set(other[IMAGE])
    if images != others:
        more, fewer = len(others - images), len(images - others)
        return f"{more} images are not in {a.folder}, and {fewer} of its images are not here"
    labels = one.set_index(IMAGE).compare(other.set_index(IMAGE).loc[one[IMAGE]])
    if len(labels):
        return f"{len(labels)} images have another subject or class than in {a.folder}: {_some(labels.index)}"
    return f"its images are in another order than in {a.folder}"


def _splits(a: Study, b: Study, cohort: str) -> str:
    sides = []
    for study in (a, b):
        splits = study.splits(cohort)
        texts = splits[["role", "repeat", "fold"]].astype("string").fillna("").agg(" ".join, axis=1)
        sides.append(texts.groupby(splits["subject_id"].astype(str)).agg(lambda own: "; ".join(sorted(own))))
    names = sides[0].index.union(sides[1].index)
    one, other = (side.reindex(names, fill_value="") for side in sides)
    differ = list(names[(one != other).to_numpy()])
    digests = f"sha256 {b.splits_sha256(cohort)[:12]}..., and {a.splits_sha256(cohort)[:12]}... in {a.folder}"
    if not differ:
        return f"is not the same file: {digests}"
    return f"{len(differ)} subjects have another role or fold: {_some(differ)} ({digests})"


def _some(names: pd.Index | list[str]) -> str:
    return ", ".join(map(str, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
