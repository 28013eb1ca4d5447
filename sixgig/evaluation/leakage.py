"""The gate between preparation and features: nothing may be both learned from and tested."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.cohorts.copies import NEAR, Link, clusters, find_copies
from sixgig.cohorts.looks import Looks, look
from sixgig.cohorts.treatment import STOP
from sixgig.errors import CohortError, LeakageError
from sixgig.evaluation.site_folds import check_sites
from sixgig.evaluation.splits import check_placement, subject_labels

_SHOWN = 5
_PREPARE_AGAIN = "delete the cohort's folder in results and run snakemake again"
_LISTED = "copies.csv in the cohort's folder lists them"
_log = logging.getLogger(__name__)


def check_leakage(
    manifest: pd.DataFrame,
    splits: pd.DataFrame,
    images: npt.NDArray[np.uint8],
    labels_of: str = "subject",
    *,
    n_volumes: int = 0,
    duplicates: str = STOP,
    sites: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Check that no subject and no image is on two sides of a split.

    Images are compared by the sha256 of their prepared pixels, and by likeness in eight orientations
    (:mod:`sixgig.cohorts.likeness`); in a cohort of volumes, volumes are. Images of one single value show nothing of a
    subject: they are counted, not compared.

    Args:
        manifest: Rows of manifest.csv.
        splits: Rows of splits.csv.
        images: uint8 [n_images, H, W, 3]; row i is row i of the manifest. May be memory-mapped.
        labels_of: ``image`` where images of one subject may be of several classes.
        n_volumes: Rows of volumes.npy, 0 when the study keeps no volumes.
        duplicates: What the study file says about copies. Near copies on two sides fail the gate when they should have
            been treated; else they are counted, and the gate has not passed.
        sites: Subject -> site, where whole sites are tested: each may be in one fold alone.

    Returns:
        Counts; groups of equal images that are harmless, ``duplicates_within_subject`` and ``duplicates_within_fold``
        (different subjects that are always on the same side); ``near_copies_within_fold``, and
        ``near_copies_across``, groups on two sides. Each is a list of lists of image_id, near copies in cohorts of
        volumes of volume_id. ``passed`` is false when there are near copies on two sides. Where whole sites are tested,
        ``n_sites`` and ``n_sites_learned_from``: those of them that have pretraining subjects, too.

    Raises:
        CohortError: A subject has several labels, and its images may not have classes of their own; or identical images
            have different labels.
        LeakageError: A subject has two roles, two folds in a repeat, or none; identical images belong to subjects in
            different roles or folds; a volume belongs to two subjects; a site is on both sides of a fold;
            or manifest, images and volumes do not match.
    """
    _check_names(manifest, len(images), n_volumes)
    subject_labels(manifest, labels_of)
    check_placement(splits)
    of_sites = {} if sites is None else check_sites(splits, sites)
    sides = _sides(splits)
    subjects = manifest["subject_id"].astype(str).tolist()
    lost = sorted(set(subjects) - set(sides))
    if lost:
        raise LeakageError(
            "splits.csv",
            f"subjects have no role: {', '.join(lost[:_SHOWN])}",
            "delete splits.csv and run snakemake again",
        )
    looks = look(manifest, images)
    within_subject, within_fold = _identical(manifest, looks, sides)
    near_within, near_across = _near(looks, sides, duplicates)
    return {
        "passed": not near_across,
        "n_subjects": len(set(subjects)),
        "n_images": len(manifest),
        "n_blank_images": looks.n_blank,
        "n_flat_images": looks.n_flat,
        "duplicates_within_subject": within_subject,
        "duplicates_within_fold": within_fold,
        "near_copies_within_fold": near_within,
        "near_copies_across": near_across,
        **of_sites,
    }


def _check_names(manifest: pd.DataFrame, n_images: int, n_volumes: int) -> None:
    """Check that images and volumes can be told apart by their names, and that there are as many as names."""
    if len(manifest) != n_images:
        raise LeakageError(
            "images.npy",
            f"has {n_images} images, the manifest {len(manifest)} rows: images cannot be assigned to subjects",
            _PREPARE_AGAIN,
        )
    named = manifest.dropna(subset=["volume_id"])
    owners = named.groupby("volume_id", sort=False)["subject_id"].unique()
    shared = owners[owners.map(len) > 1]
    if len(shared):
        raise LeakageError(
            "manifest.csv",
            f"volume {shared.index[0]} belongs to several subjects: {', '.join(map(str, shared.iloc[0]))}",
            "give the subjects names of which none is another one's with a number behind it, and prepare the cohort "
            "again",
        )
    runs = [name for name, _ in groupby(named["volume_id"].tolist())]
    torn = next((name for name, number in Counter(runs).items() if number > 1), None)
    if torn is not None:
        raise LeakageError("manifest.csv", f"the slices of volume {torn} do not follow each other", _PREPARE_AGAIN)
    places = named.dropna(subset=["slice"])
    twice = places[places.duplicated(["volume_id", "slice"])]
    if len(twice):
        raise LeakageError(
            "manifest.csv",
            f"volume {twice['volume_id'].iloc[0]} has slice {twice['slice'].iloc[0]} twice: two volumes have this name",
            "give every volume a name of its own, and prepare the cohort again",
        )
    if n_volumes and n_volumes != len(owners):
        raise LeakageError(
            "volumes.npy",
            f"has {n_volumes} volumes, the manifest names {len(owners)}: volumes cannot be assigned to subjects",
            _PREPARE_AGAIN,
        )
    again = manifest.loc[manifest["image_id"].duplicated(), "image_id"]
    if len(again):
        raise LeakageError("manifest.csv", f"image_id is not unique: {again.iloc[0]}", "prepare the cohort again")


def _identical(
    manifest: pd.DataFrame, looks: Looks, sides: dict[str, tuple[object, ...]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Return groups of identical images of one subject, and of subjects on one side; fail on others."""
    image_ids = manifest["image_id"].astype(str).tolist()
    subjects = manifest["subject_id"].astype(str).tolist()
    rows_of: dict[bytes, list[int]] = {}
    for row, digest in sorted(looks.digest_of.items()):
        rows_of.setdefault(digest, []).append(row)
    copies = [rows for rows in rows_of.values() if len(rows) > 1]
    within_subject, within_fold, leaking = [], [], []
    for rows in copies:
        owners = {subjects[row] for row in rows}
        if len(owners) == 1:
            within_subject.append([image_ids[row] for row in rows])
        elif len({sides[owner] for owner in owners}) == 1:
            within_fold.append([image_ids[row] for row in rows])
        else:
            leaking.append(rows)
    if leaking:
        shown = "; ".join(
            " = ".join(f"{image_ids[row]} (subject {subjects[row]})" for row in rows[:_SHOWN])
            for rows in leaking[:_SHOWN]
        )
        raise LeakageError(
            "images.npy",
            f"{len(leaking)} groups of identical images belong to subjects in different roles or folds: {shown}",
            f"set `duplicates` of this cohort in the study file to group (copies are one subject) or drop (copies are "
            f"left out); {_LISTED}",
        )
    _check_labels(manifest, copies)
    return within_subject, within_fold


def _check_labels(manifest: pd.DataFrame, copies: list[list[int]]) -> None:
    """Fail when identical images have different labels: one of the two is wrong."""
    labels = manifest["label"]
    wrong = [rows for rows in copies if labels.iloc[rows].nunique() > 1]
    if wrong:
        shown = "; ".join(
            " = ".join(f"{manifest['image_id'].iloc[row]} ({labels.iloc[row]})" for row in rows[:_SHOWN])
            for rows in wrong[:_SHOWN]
        )
        raise CohortError(
            "manifest.csv",
            f"{len(wrong)} groups of identical images have different labels: {shown}",
            f"correct the labels, or set `duplicates` of this cohort to drop or group: such images are then left out; "
            f"{_LISTED}",
        )


def _near(
    looks: Looks, sides: dict[str, tuple[object, ...]], duplicates: str
) -> tuple[list[list[str]], list[list[str]]]:
    """Return groups of near copies of subjects on one side, and of those on two; log the latter, or fail on them."""
    names, subjects = looks.items["image_id"].tolist(), looks.items["subject_id"].tolist()
    links = [link for link in find_copies(looks) if link.kind == NEAR]
    across = [link for link in links if sides[subjects[link.first]] != sides[subjects[link.second]]]
    within = [link for link in links if sides[subjects[link.first]] == sides[subjects[link.second]]]

    def groups(links: list[Link]) -> list[list[str]]:
        return [[names[item] for item in group] for group in clusters(len(names), links)]

    if across:
        shown = "; ".join(
            f"{names[link.second]} (subject {subjects[link.second]}) is {names[link.first]} "
            f"(subject {subjects[link.first]}) {link.orientation}, r = {link.r:.3f}"
            for link in across[:_SHOWN]
        )
        reason = f"{len(groups(across))} groups of near copies lie in different roles or folds: {shown}"
        if duplicates != STOP:
            raise LeakageError("images.npy", reason, _PREPARE_AGAIN)
        _log.warning(
            "%s. Estimates are too high by what is learned from copies. Next step: look at copies.csv in the cohort's "
            "folder, and set `duplicates` of this cohort to group (copies are one subject) or drop (they are left out)",
            reason,
        )
    return groups(within), groups(across)


def _sides(splits: pd.DataFrame) -> dict[str, tuple[object, ...]]:
    """Return for each subject its role and its folds of all repeats; equal values mean always on the same side."""
    ordered = splits.sort_values(["subject_id", "repeat"])
    folds = ordered["fold"].fillna(-1).astype(int)
    sides: dict[str, tuple[object, ...]] = {}
    for subject_id, role, fold in zip(ordered["subject_id"], ordered["role"], folds, strict=True):
        sides[str(subject_id)] = (*sides.get(str(subject_id), (str(role),)), fold)
    return sides
