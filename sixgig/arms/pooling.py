"""From one feature vector per image to one per sample: a subject, or an image where the class is that of the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sixgig.errors import CohortError

#: How the images of one subject (and frame) become one vector, by config name.
POOLINGS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], ...]] = {
    "mean": (lambda rows: rows.mean(axis=0),),
    "max": (lambda rows: rows.max(axis=0),),
    "mean_max": (lambda rows: rows.mean(axis=0), lambda rows: rows.max(axis=0)),
    "mean_std": (lambda rows: rows.mean(axis=0), lambda rows: rows.std(axis=0)),
    "concat": (lambda rows: rows.reshape(-1),),
}
#: Needs as many images of every subject, and has them in the order of their slices.
_CONCAT = "concat"


def pool_samples(
    image_features: np.ndarray, manifest: pd.DataFrame, pooling: str, labels_of: str = "subject"
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Pool image features per subject, or per image alone where each has a class of its own.

    Args:
        image_features: See :func:`pool_subjects`.
        manifest: See :func:`pool_subjects`.
        pooling: A key of :data:`POOLINGS`; an image alone is pooled as the only image of a subject would be.
        labels_of: ``subject`` or ``image``.

    Returns:
        features: float32 [n_samples, ...], see :func:`pool_subjects`.
        subject_ids: str [n_samples].
        image_ids: str [n_samples]; None when samples are subjects.

    Raises:
        CohortError: See :func:`pool_subjects`.
    """
    if labels_of == "subject":
        return *pool_subjects(image_features, manifest, pooling), None
    alone = manifest.assign(subject_id=manifest["image_id"])
    pooled, image_ids = pool_subjects(image_features, alone, pooling)
    return pooled, manifest["subject_id"].to_numpy(dtype=str), image_ids


def check_pooling(manifest: pd.DataFrame, pooling: str, labels_of: str = "subject") -> None:
    """Refuse a pooling that the images of a cohort do not allow, before anything is encoded.

    Args:
        manifest: See :func:`pool_subjects`.
        pooling: A key of :data:`POOLINGS`.
        labels_of: ``subject`` or ``image``; an image alone can be pooled in every way.

    Raises:
        CohortError: Images are to be concatenated, and subjects (or their frames) have different numbers of them.
    """
    if pooling != _CONCAT or labels_of == "image" or not len(manifest):
        return
    keys = [manifest["subject_id"].astype(str), manifest["frame"].fillna("").astype(str)]
    numbers = manifest.groupby(keys, sort=False).size()
    usual = int(numbers.mode().iloc[0])
    others = numbers[numbers != usual]
    if len(others):
        (subject, frame), number = others.index[0], int(others.iloc[0])
        of_frame = f" of frame {frame}" if frame else ""
        raise CohortError(
            "pooling: concat",
            f"subject {subject} has {number} images{of_frame} and most have {usual} "
            f"({len(others)} of {len(numbers)} differ), so that their features would not be equally long",
            "write `slices: {count: N}` in the cohort's stanza, or `pooling: mean`, `max`, `mean_max` or `mean_std`",
        )


def pool_subjects(image_features: np.ndarray, manifest: pd.DataFrame, pooling: str) -> tuple[np.ndarray, np.ndarray]:
    """Pool image features per subject; frames are pooled apart and concatenated in sorted order (ED before ES).

    ``concat`` puts the images of a subject (and frame) one after the other: volume by volume, in the order of slices.

    Args:
        image_features: Float array [n_images, d]; row i belongs to row i of the manifest.
        manifest: Rows of :data:`sixgig.tables.cohorts.MANIFEST`.
        pooling: A key of :data:`POOLINGS`.

    Returns:
        features: float32 [n_subjects, d x (vectors of the pooling; images for ``concat``) x (frames)].
        subject_ids: str [n_subjects], in the order in which subjects first appear in the manifest.

    Raises:
        CohortError: Rows and manifest do not match, or subjects have different frames; see :func:`check_pooling` too.
    """
    if len(image_features) != len(manifest):
        raise CohortError(
            "features",
            f"{len(image_features)} rows of features for {len(manifest)} images in the manifest",
            "delete the cohort's features and run snakemake again",
        )
    check_pooling(manifest, pooling)
    if pooling == _CONCAT:
        order = _slice_order(manifest)
        image_features, manifest = image_features[order], manifest.iloc[order]
    frames = manifest["frame"].fillna("").to_numpy(dtype=str)
    subjects = manifest["subject_id"].to_numpy(dtype=str)
    expected = sorted(set(frames))
    subject_ids = np.array(list(dict.fromkeys(subjects)), dtype=str)
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(subjects, frames, strict=True)):
        rows_of.setdefault(key, []).append(row)
    vectors = []
    for subject in subject_ids:
        parts = []
        for frame in expected:
            rows = rows_of.get((subject, frame))
            if rows is None:
                raise CohortError(
                    f"manifest of subject {subject}",
                    f"has no images of frame {frame or '(none)'}, which other subjects have",
                    "prepare the cohort again; a subject without all frames belongs in quarantine.csv",
                )
            block = np.asarray(image_features[rows], dtype=np.float64)
            parts += [statistic(block) for statistic in POOLINGS[pooling]]
        vectors.append(np.concatenate(parts))
    return np.asarray(vectors, dtype=np.float32), subject_ids


def _slice_order(manifest: pd.DataFrame) -> np.ndarray:
    """Return rows with the slices of every volume in ascending order, [n_images]; subjects stay where they come first.

    Images without volumes and slices stay as they are in the manifest.
    """
    table = pd.DataFrame({"subject": pd.factorize(manifest["subject_id"])[0]})
    for column in ("volume_id", "slice"):
        known = manifest[column] if column in manifest else pd.Series([None] * len(manifest))
        table[column] = pd.factorize(known, sort=True)[0]
    order: np.ndarray = np.lexsort((table["slice"], table["volume_id"], table["subject"]))
    return order
