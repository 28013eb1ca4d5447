"""The file of an arm's features: one row per subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sixgig.runtime.atomic import atomic_path


def write_features(path: Path, features: np.ndarray, subject_ids: np.ndarray) -> None:
    """Write ``features`` float32 [n_subjects, d] and ``subject_id`` atomically as .npz.

    Entries carry no time stamp, so equal features give equal bytes.
    """
    with atomic_path(path) as partial, partial.open("wb") as stream:
        np.savez(stream, features=features.astype(np.float32), subject_id=subject_ids.astype(str))


def read_features(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read features float32 [n_subjects, d] and subject ids [n_subjects]; no rows when the arm failed."""
    with np.load(path, allow_pickle=False) as archive:
        return archive["features"], archive["subject_id"]
