"""One classifier of bags of images on one arm: predictions, what was chosen, what it cost, and what it looked at."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.classifiers.bags import Bags, bags_of
from sixgig.errors import ClassifierError
from sixgig.evaluation.classification import classify
from sixgig.evaluation.job import ClassifyJob, Seen
from sixgig.tables.attention import ATTENTION
from sixgig.tables.cohorts import MANIFEST


class BagsOfImages(Seen):
    """The features of every image of a subject, or of every volume.

    Args:
        image_features: .npy of the arm, a row for every image, or volume; without rows when the arm failed.
        manifest: manifest.csv of the cohort.
        of_volumes: Whether the arm has a feature of every volume, and not of every image.
    """

    def __init__(self, image_features: Path, manifest: Path, of_volumes: bool = False) -> None:
        self._place, self._manifest, self._of_volumes = image_features, manifest, of_volumes
        self.attention = pd.DataFrame(columns=ATTENTION.column_names)

    @cached_property
    def _rows(self) -> NDArray[np.floating]:
        rows: NDArray[np.floating] = np.load(self._place, mmap_mode="r")
        return rows

    @property
    def empty(self) -> bool:
        """Whether there are no features: the arm failed."""
        return len(self._rows) == 0

    def read(self) -> tuple[Any, list[str], dict[str, Any]]:
        """Return the numbers of the bags in place of features, the subject of each, and the bags.

        Raises:
            ClassifierError: Features are not finite, or there is nothing to give attention to.
        """
        table = MANIFEST.read(self._manifest)
        if self._of_volumes:
            table = table.drop_duplicates("volume_id").reset_index(drop=True)
        bags, names = bags_of(self._rows, table)
        check_bags_of(bags, self._place)
        self._bags, self._table = bags, table
        return np.arange(float(len(bags)))[:, None], names, {"place": self._place, "bags": bags}

    def look(self) -> None:
        """Keep what the classifier looked at in cross-validation, as ``attention``."""
        self.attention = attention_of(self._bags, self._table)


def classify_bags(job: ClassifyJob, seen: BagsOfImages) -> None:
    """Write what :func:`sixgig.evaluation.classification.classify` writes, and the weights of images.

    Weights go to ``<name>.attention.csv``: those of every evaluation subject in the fold in which it was held out.
    """
    status = classify(job, seen, after_folds=seen.look)
    ATTENTION.write(
        seen.attention.iloc[:0] if status else seen.attention, job.predictions.with_suffix(".attention.csv")
    )


def attention_of(bags: Bags, table: pd.DataFrame) -> pd.DataFrame:
    """Return the weights of the images of held-out subjects: rows of ``tables.ATTENTION``.

    Args:
        bags: The bags, after cross-validation.
        table: The row of ``tables.MANIFEST`` of every feature.
    """
    parts = []
    for (repeat, fold), (numbers, weights) in sorted(bags.attended.items()):
        own = table.iloc[np.concatenate([bags.of(number) for number in numbers])][["subject_id", "image_id"]]
        parts.append(own.assign(repeat=repeat, fold=fold, weight=weights))
    order = ["repeat", "subject_id"]
    return pd.concat(parts, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)


def check_bags_of(bags: Bags, place: object) -> None:
    """Check that features of images are finite, and that some subject has several.

    Raises:
        ClassifierError: They are not; ``place`` is where they come from.
    """
    wrong = ~np.isfinite(bags.features).all(axis=1)
    if wrong.any():
        raise ClassifierError(
            place,
            f"{int(wrong.sum())} of {len(wrong)} images have features that are NaN or infinite",
            "look at these images, then delete the features file and run the arm again",
        )
    if bags.single:
        raise ClassifierError(
            place,
            "every subject has a single image (or volume), so that there is nothing to give attention to",
            "use a classifier of one vector of features, which sees the same",
        )
