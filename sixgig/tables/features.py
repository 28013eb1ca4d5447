"""The file of an arm's features: one row per sample, which is what a classifier takes as one.

A sample is a subject; where the cohort's ``labels_of`` is image, it is an image of a subject, and the file names both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sixgig.runtime.atomic import atomic_path


def write_features(
    path: Path, features: np.ndarray, subject_ids: np.ndarray, image_ids: np.ndarray | None = None
) -> None:
    """Write ``features`` float32 [n_samples, d], ``subject_id`` and, where images are samples, ``image_id`` as .npz.

    The file appears whole. Entries carry no time stamp, so equal features give equal bytes.
    """
    names = {"subject_id": subject_ids.astype(str)}
    if image_ids is not None:
        names["image_id"] = image_ids.astype(str)
    size = 4 * features.size
    with atomic_path(path, size) as partial, partial.open("wb") as stream:
        np.savez(stream, features=features.astype(np.float32), **names)  # type: ignore[arg-type]


def read_features(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read features float32 [n_samples, d] and names of the samples [n_samples]; no rows when the arm failed.

    The names are image ids where images are samples, else subject ids.
    """
    with np.load(path, allow_pickle=False) as archive:
        return archive["features"], archive["image_id" if "image_id" in archive else "subject_id"]
