"""What classifiers are trained on and tested with: subjects, or images where each image has a class of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import ClassifierError


class Samples(NamedTuple):
    """Samples in order of subject, and of image within a subject.

    Attributes:
        subjects: Subject of every sample, [n]; each once where the subject is the sample.
        labels: Class, [n].
        images: Image, [n]; None where the subject is the sample.
    """

    subjects: NDArray[Any]
    labels: NDArray[Any]
    images: NDArray[Any] | None = None

    @property
    def names(self) -> NDArray[Any]:
        """Unique name of every sample, [n]."""
        return self.subjects if self.images is None else self.images


def evaluation_samples(splits: pd.DataFrame, images: pd.DataFrame | None, place: object) -> Samples:
    """Return the samples of the evaluation subjects.

    Args:
        splits: Rows of splits.csv.
        images: Rows of manifest.csv where images have classes of their own; images without a class are left out.
        place: Where the features come from, for error messages.

    Raises:
        ClassifierError: There are no evaluation subjects, one has no fold or two, or there are fewer than two classes.
    """
    rows = splits[splits["role"] == "evaluation"]
    if rows[["label", "repeat", "fold"]].isna().to_numpy().any() or not len(rows):
        raise ClassifierError(
            place,
            "splits.csv has no evaluation subjects, or one of them without label, repeat or fold",
            "delete splits.csv and run snakemake again; label the subject or give it the role pretraining",
        )
    repeated = rows[rows.duplicated(["subject_id", "repeat"])]
    if len(repeated):
        raise ClassifierError(
            place,
            f"subject {repeated['subject_id'].iloc[0]!r} is in two folds of one repeat in splits.csv",
            "delete splits.csv and run snakemake again",
        )
    table = rows[["subject_id", "label"]].drop_duplicates().sort_values("subject_id")
    subjects, labels = table["subject_id"].to_numpy(dtype=str), table["label"].to_numpy(dtype=str)
    if len(set(subjects)) < len(subjects):
        twice = table["subject_id"][table["subject_id"].duplicated()].iloc[0]
        raise ClassifierError(place, f"subject {twice!r} has two labels in splits.csv", "keep one of them")
    found = Samples(subjects, labels)
    if images is not None:
        own = images[images["label"].notna() & images["subject_id"].isin(subjects)]
        own = own.sort_values(["subject_id", "image_id"])
        found = Samples(*(own[name].to_numpy(dtype=str) for name in ("subject_id", "label", "image_id")))
    if len(set(found.labels)) < 2:
        what = "evaluation subjects" if images is None else "images of evaluation subjects"
        raise ClassifierError(
            place,
            f"all {what} have the label {str(labels[0])!r}",
            "use a cohort with at least two classes",
        )
    return found


def sample_rows(
    features: NDArray[np.floating], names: Sequence[str], samples: Samples, place: object
) -> NDArray[np.float64]:
    """Return the features of the samples as float64, checked, [n, n_features].

    Args:
        features: Features of subjects, or of images, [n_rows, n_features].
        names: Name of every row, [n_rows].
        samples: The samples.
        place: Where the features come from, for error messages.

    Raises:
        ClassifierError: A sample has no row, or one that is not finite; or rows and names do not match.
    """
    unit = "subject" if samples.images is None else "image"
    again = "delete the features file and run snakemake again, so that the arm encodes the cohort again"
    index = {str(name): row for row, name in enumerate(names)}
    if features.ndim != 2 or features.shape[1] == 0 or len(features) != len(index) or len(index) != len(names):
        raise ClassifierError(
            place,
            f"features of shape {features.shape} do not match {len(names)} names of {len(index)} {unit}s",
            again,
        )
    missing = [name for name in samples.names if name not in index]
    if missing:
        raise ClassifierError(
            place, f"{unit} {str(missing[0])!r} is evaluated but has no features ({len(missing)} such {unit}s)", again
        )
    X = features[[index[name] for name in samples.names]].astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(wrong):
        bad = int(np.count_nonzero(~np.isfinite(X[wrong[0]])))
        raise ClassifierError(
            place,
            f"{bad} of {X.shape[1]} features of {unit} {str(samples.names[wrong[0]])!r} are NaN or infinite "
            f"({len(wrong)} such {unit}s)",
            "look at the subject's images, then delete the features file and run the arm again; "
            "if it ran in half precision on a GPU, set device: cpu",
        )
    return X
