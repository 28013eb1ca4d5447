"""The gate behind training: an arm has learned from what the split allows, by content and not by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.errors import LeakageError
from sixgig.runtime.digests import row_sha256
from sixgig.tables.roles import pretraining_subjects

_SHOWN = 5


def check_training(
    arm: str, seen: pd.DataFrame, manifest: pd.DataFrame, splits: pd.DataFrame, array: npt.NDArray[Any], scope: str
) -> dict[str, Any]:
    """Compare what an arm learned from with what it may learn from.

    Args:
        arm: Name of the arm.
        seen: Rows of :data:`sixgig.tables.training.SEEN`; none when the training failed.
        manifest: Rows of manifest.csv.
        splits: Rows of splits.csv.
        array: images.npy [n_images, ...], or volumes.npy [n_volumes, ...] when the arm learns from volumes.
        scope: ``inductive`` or ``transductive``.

    Returns:
        ``passed``; ``n_seen``, rows that were learned from; ``n_allowed``, rows that might have been.

    Raises:
        LeakageError: A row is of a subject that the arm may not see or that is tested, or is not in the cohort.
    """
    owners = manifest["subject_id"].astype(str).tolist()
    if (seen["array"] == "volumes").any():
        owners = manifest.drop_duplicates("volume_id")["subject_id"].astype(str).tolist()
    if len(seen) and len(owners) != len(array):
        raise LeakageError(
            f"arms.{arm}", f"{len(array)} rows cannot be assigned to {len(owners)} names", "prepare the cohort again"
        )
    allowed = set(pretraining_subjects(splits, scope))
    contents: dict[str, set[str]] = {}
    if len(seen):
        for owner, row in zip(owners, array, strict=True):
            if row.min() != row.max():  # what shows one single value shows nothing of a subject
                contents.setdefault(row_sha256(row), set()).add(owner)
    blank = {row_sha256(row) for row in array[np.asarray(seen["row"], dtype=int)] if row.min() == row.max()}
    wrong = []
    for row, digest in zip(seen["row"], seen["sha256"], strict=True):
        if digest in blank:
            continue
        found = contents.get(str(digest), set())
        if not found:
            wrong.append(f"row {row} is of no subject of the cohort")
        elif not found <= allowed:
            wrong.append(f"row {row} is of subject {', '.join(sorted(found - allowed))}")
    if wrong:
        raise LeakageError(
            f"arms.{arm}",
            f"has learned from {len(wrong)} rows that it may not see: {'; '.join(wrong[:_SHOWN])}",
            "delete the arm's files under pretraining in results and run snakemake again; if this comes back, the arm "
            "reads other rows than the splits give it",
        )
    n_allowed = sum(owner in allowed for owner in owners)
    return {"passed": True, "n_seen": len(seen), "n_allowed": n_allowed}
