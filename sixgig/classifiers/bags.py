"""Bags: the images of a subject, each with its features, for classifiers that look at images and not at one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import CohortError

Indices = NDArray[np.intp]


class Stack(NamedTuple):
    """The images of some bags, one after the other.

    Attributes:
        rows: Features, float32 [n_images, n_features].
        parts: Part of every image, [n_images], ascending. A bag has one part for each frame: bag b's are
            b x n_frames to (b + 1) x n_frames - 1.
        n_frames: Frames of every bag; 1 where there are none.
    """

    rows: NDArray[np.float32]
    parts: Indices
    n_frames: int

    @property
    def n_bags(self) -> int:
        """Number of bags."""
        return (int(self.parts[-1]) + 1) // self.n_frames


class Bags:
    """The images of every subject of a cohort, by the number of the subject. Copies are the bags themselves.

    Args:
        features: Features of images, [n_images, n_features]; may be mapped from a file.
        images: Rows of every part: for each subject, and for each of its frames in order, the rows of its images.
        n_frames: Frames of every subject.

    Attributes:
        attended: By repeat and fold, the numbers of the bags that were held out there, [n], and the weights of their
            images, one bag after the other, [n_images]; filled while they are predicted.
    """

    def __init__(self, features: NDArray[np.floating], images: Sequence[Indices], n_frames: int = 1) -> None:
        self.features, self.images, self.n_frames = features, list(images), n_frames
        self.attended: dict[tuple[int, int], tuple[Indices, NDArray[np.float64]]] = {}

    def __len__(self) -> int:
        return len(self.images) // self.n_frames

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Bags:
        return self  # scikit-learn's clone would copy all features for every candidate

    def of(self, number: int) -> Indices:
        """Return the rows of a bag's images, in the order in which :meth:`stack` has them."""
        return np.concatenate(self.images[number * self.n_frames : (number + 1) * self.n_frames])

    def stack(self, numbers: Indices) -> Stack:
        """Return the images of bags, in the order of ``numbers``, which may name a bag twice."""
        frames = [self.images[number * self.n_frames + frame] for number in numbers for frame in range(self.n_frames)]
        rows = np.asarray(self.features[np.concatenate(frames)], dtype=np.float32)
        return Stack(rows, np.repeat(np.arange(len(frames)), [len(each) for each in frames]), self.n_frames)

    @property
    def single(self) -> bool:
        """Whether no part of any bag has more than one image, so that there is nothing to choose between."""
        return all(len(rows) < 2 for rows in self.images)


def bags_of(features: NDArray[np.floating], table: pd.DataFrame) -> tuple[Bags, list[str]]:
    """Return the bags of a cohort and the subject of each, in the order in which they first appear.

    Frames are apart in a bag, in sorted order (ED before ES), as they are where features are pooled.

    Args:
        features: Features of images (or volumes), [n_images, n_features].
        table: A row for each of them: rows of ``tables.MANIFEST``.

    Raises:
        CohortError: Rows do not match, or subjects have different frames.
    """
    if len(features) != len(table):
        raise CohortError(
            "features",
            f"{len(features)} rows of features for {len(table)} images in the manifest",
            "delete the cohort's features and run snakemake again",
        )
    subjects, frames = table["subject_id"].astype(str), table["frame"].fillna("").astype(str)
    known = sorted(set(frames))
    names = list(dict.fromkeys(subjects))
    rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(subjects, frames, strict=True)):
        rows.setdefault(key, []).append(row)
    for name in names:
        for frame in known:
            if (name, frame) not in rows:
                raise CohortError(
                    f"manifest of subject {name}",
                    f"has no images of frame {frame or '(none)'}, which other subjects have",
                    "prepare the cohort again; a subject without all frames belongs in quarantine.csv",
                )
    images = [np.array(rows[name, frame], dtype=np.intp) for name in names for frame in known]
    return Bags(features, images, len(known)), names
