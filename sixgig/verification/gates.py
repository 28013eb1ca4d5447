"""Splits and gates of a study, tried again on its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from sixgig.arms.instances import instances
from sixgig.arms.seeds import arm_and_seed
from sixgig.errors import SixgigError
from sixgig.evaluation.leakage import check_leakage
from sixgig.evaluation.learned import check_training
from sixgig.evaluation.splits import check_placement
from sixgig.results.files import read_object, read_table
from sixgig.results.study import Study
from sixgig.tables.roles import EVALUATION, ROLES
from sixgig.tables.training import SEEN
from sixgig.verification.findings import ERROR, NOTE, OK, Finding


def check_splits(study: Study, cohort: str) -> Iterator[Finding]:
    """Check from splits.csv and manifest.csv alone that every subject is on one side, and that none is missing."""
    place = f"cohorts/{cohort}/splits.csv"
    if study.failed_cohort(cohort):
        return
    splits, manifest = study.splits(cohort), study.manifest(cohort)
    check_placement(splits)
    subjects, split = set(manifest["subject_id"].astype(str)), set(splits["subject_id"].astype(str))
    evaluation = splits[splits["role"] == EVALUATION]
    problems = [
        ("has no role", sorted(subjects - split)),
        ("is not in manifest.csv", sorted(split - subjects)),
        ("has an unknown role", sorted(splits.loc[~splits["role"].isin(ROLES), "subject_id"].unique())),
        ("is evaluated and has no fold", sorted(evaluation.loc[evaluation["fold"].isna(), "subject_id"].unique())),
        ("is not in every repeat", _not_in_every_repeat(evaluation)),
    ]
    for reason, names in problems:
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            yield Finding("splits", ERROR, f"{place}: subject {names[0]}{more} {reason}", place)
    if not any(names for _, names in problems):
        numbers = splits.drop_duplicates("subject_id")["role"].value_counts()
        counts = ", ".join(f"{numbers[role]} {role}" for role in ROLES if role in numbers)
        yield Finding("splits", OK, f"{cohort}: no subject is on two sides ({counts})", place)


def _not_in_every_repeat(evaluation: pd.DataFrame) -> list[str]:
    counts = evaluation.groupby("subject_id")["repeat"].nunique()
    return [str(name) for name in sorted(counts.index[counts != evaluation["repeat"].nunique()])]


def check_gate(study: Study, cohort: str) -> Iterator[Finding]:
    """Run the leakage gate again, and the gates behind trainings, and compare with what they once said."""
    failed = study.failed_cohort(cohort)
    if failed:
        place = f"cohorts/{cohort}/leakage.json"
        n_values = int((study.metrics["cohort"] == cohort).sum())
        yield Finding("gate", NOTE, f"{cohort}: failed, and nothing was computed on it: {failed}", place)
        if n_values or study.summary[study.summary["cohort"] == cohort]["estimate"].notna().any():
            yield Finding("gate", ERROR, f"{cohort}: failed, and yet there are metrics of it", place)
        return
    images, volumes = study.images(cohort), study.volumes(cohort)
    if images is None or volumes is None:
        yield Finding("gate", NOTE, f"{cohort}: its images were deleted, so the gate cannot be tried again")
        return
    stanza = study.config["cohorts"][cohort]
    manifest, splits = study.manifest(cohort), study.splits(cohort)
    found = check_leakage(
        manifest, splits, images, study.labels_of(cohort), n_volumes=len(volumes), duplicates=stanza["duplicates"]
    )
    yield _as_recorded(found, lambda: study.leakage(cohort), cohort, f"cohorts/{cohort}/leakage.json")
    for arm in study.training.runs(cohort):
        gate = f"pretraining/{cohort}/{arm}.gate.json"
        seen = read_table(SEEN, study.folder / "pretraining" / cohort / f"{arm}.seen.csv")
        from_volumes = bool((seen["array"] == "volumes").any()) if len(seen) else _takes_volumes(study, cohort, arm)
        array = volumes if from_volumes else images
        try:
            own = check_training(arm, seen, manifest, splits, np.asarray(array), study.scope)
        except SixgigError as error:
            yield Finding("gate", ERROR, f"{cohort}: {error.place} {error.reason}", gate)
            continue
        yield _as_recorded(own, lambda gate=gate: read_object(study.folder / gate), f"{cohort} {arm}", gate)  # type: ignore[misc]


def _takes_volumes(study: Study, cohort: str, arm: str) -> bool:
    found = instances(study.config)[arm_and_seed(arm)[0]]
    options = found.arm.options_for(found.options, cohort, study.config["cohorts"][cohort])
    return bool(found.arm.takes_volumes(options))


def _as_recorded(found: dict[str, Any], record: Callable[[], dict[str, Any]], what: str, place: str) -> Finding:
    recorded = record()
    different = [name for name in sorted(found.keys() | recorded.keys()) if found.get(name) != recorded.get(name)]
    if different:
        return Finding("gate", ERROR, f"{place}: the gate now finds another {', '.join(different)}", place)
    said = "passes" if found["passed"] else "finds the near copies in different folds that it found before"
    return Finding("gate", OK, f"{what}: the gate tried again {said}", place)
