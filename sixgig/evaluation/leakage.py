"""The gate between preparation and features: nothing may be both learned from and tested."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.errors import LeakageError
from sixgig.evaluation.splits import check_placement, subject_labels

_SHOWN = 5
#: Bytes hashed before the pages of a memory map are given back.
_RELEASE_BYTES = 64 * 1024 * 1024


def check_leakage(
    manifest: pd.DataFrame, splits: pd.DataFrame, images: npt.NDArray[np.uint8], labels_of: str = "subject"
) -> dict[str, Any]:
    """Check that no subject and no image is on two sides of a split.

    Images are compared by the sha256 of their prepared pixels, so copies of one file under two names are found, and
    near copies (another crop, another compression) are not. Images of one single value show nothing of a subject:
    they are counted, not compared.

    Args:
        manifest: Rows of manifest.csv.
        splits: Rows of splits.csv.
        images: uint8 [n_images, H, W, 3]; row i is row i of the manifest. May be memory-mapped.
        labels_of: ``image`` where images of one subject may be of several classes.

    Returns:
        Counts, and groups of equal images that are harmless: ``duplicates_within_subject`` and
        ``duplicates_within_fold`` (different subjects that are always on the same side), each a list of lists of
        image_id.

    Raises:
        CohortError: A subject has several labels, and its images may not have classes of their own.
        LeakageError: A subject has two roles, two folds in a repeat, or none; equal images belong to subjects in
            different roles or folds; or manifest and images do not match.
    """
    if len(manifest) != len(images):
        raise LeakageError(
            "images.npy",
            f"has {len(images)} images, the manifest {len(manifest)} rows: images cannot be assigned to subjects",
            "delete the cohort's folder in results and run snakemake again",
        )
    twice = manifest.loc[manifest["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise LeakageError("manifest.csv", f"image_id is not unique: {twice.iloc[0]}", "prepare the cohort again")
    subject_labels(manifest, labels_of)
    check_placement(splits)
    sides = _sides(splits)
    image_ids = manifest["image_id"].astype(str).tolist()
    subjects = manifest["subject_id"].astype(str).tolist()
    lost = sorted(set(subjects) - set(sides))
    if lost:
        raise LeakageError(
            "splits.csv",
            f"subjects have no role: {', '.join(lost[:_SHOWN])}",
            "delete splits.csv and run snakemake again",
        )
    rows_of: dict[bytes | None, list[int]] = {}
    for row, digest in enumerate(_digests(images)):
        rows_of.setdefault(digest, []).append(row)
    n_blank = len(rows_of.pop(None, []))
    within_subject, within_fold, leaking = [], [], []
    for rows in (rows for rows in rows_of.values() if len(rows) > 1):
        owners = {subjects[row] for row in rows}
        if len(owners) == 1:
            within_subject.append(rows)
        elif len({sides[owner] for owner in owners}) == 1:
            within_fold.append(rows)
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
            "if these are one subject, give them one subject_id; otherwise remove all but one of each group from the "
            "cohort, or give a splits file that keeps the subjects of a group together",
        )
    return {
        "passed": True,
        "n_subjects": len(set(subjects)),
        "n_images": len(manifest),
        "n_blank_images": n_blank,
        "duplicates_within_subject": [[image_ids[row] for row in rows] for rows in within_subject],
        "duplicates_within_fold": [[image_ids[row] for row in rows] for rows in within_fold],
    }


def _sides(splits: pd.DataFrame) -> dict[str, tuple[object, ...]]:
    """Return for each subject its role and its folds of all repeats; equal values mean always on the same side."""
    ordered = splits.sort_values(["subject_id", "repeat"])
    folds = ordered["fold"].fillna(-1).astype(int)
    sides: dict[str, tuple[object, ...]] = {}
    for subject_id, role, fold in zip(ordered["subject_id"], ordered["role"], folds, strict=True):
        sides[str(subject_id)] = (*sides.get(str(subject_id), (str(role),)), fold)
    return sides


def _digests(images: npt.NDArray[np.uint8]) -> Iterator[bytes | None]:
    """Yield the sha256 of each row, None for a row of one single value."""
    # Pages of a memory map count as memory of the process once read; a cohort may be larger than memory.
    mapped: mmap.mmap | None = getattr(images, "_mmap", None)
    if images.flags.writeable or not hasattr(mmap, "MADV_DONTNEED"):
        mapped = None
    since_release = 0
    for row in images:
        yield None if row.min() == row.max() else hashlib.sha256(np.ascontiguousarray(row).tobytes()).digest()
        since_release += row.nbytes
        if mapped is not None and since_release >= _RELEASE_BYTES:
            mapped.madvise(mmap.MADV_DONTNEED)
            since_release = 0
