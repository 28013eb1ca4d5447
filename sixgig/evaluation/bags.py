"""One classifier of bags of images on one arm: predictions, what was chosen, what it cost, and what it looked at."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.classifiers.bags import Bags, bags_of
from sixgig.errors import ClassifierError, SixgigError
from sixgig.evaluation.classification import write_results
from sixgig.evaluation.cross_validation import cross_validate, predict_held_out
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.attention import ATTENTION
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.predictions import no_predictions

_LOG = logging.getLogger(__name__)


def classify_bags(
    image_features: Path,
    manifest: Path,
    splits: Path,
    classifier: str,
    options: Mapping[str, Any],
    inner_folds: int,
    seed: int,
    threads: int,
    predictions: Path,
    gate: Path | None = None,
    of_volumes: bool = False,
) -> None:
    """Cross-validate a classifier of bags, and write what ``classify_features`` writes and the weights of images.

    Weights go to ``<name>.attention.csv``: those of every evaluation subject in the fold in which it was held out.

    Args:
        image_features: .npy of an arm, a row for every image, or volume; without rows when the arm failed.
        manifest: manifest.csv of the cohort.
        splits: splits.csv of the cohort.
        classifier: Registry name.
        options: The classifier's stanza in the config.
        inner_folds: Folds of the search for hyper-parameters.
        seed: The study's seed.
        threads: Outer folds computed at a time.
        predictions: Output .csv.
        gate: leakage.json of the cohort; a cohort that failed has no predictions.
        of_volumes: Whether the arm has a feature of every volume, and not of every image.
    """
    features = np.load(image_features, mmap_mode="r")
    nothing = (no_predictions(), pd.DataFrame())
    found, held_out, attention, status = nothing, nothing, pd.DataFrame(columns=ATTENTION.column_names), ""
    with CostMeter(f"classify:{classifier}") as meter:
        if len(features) == 0 or failed_cohort("", gate):
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            try:
                bags, names, table = read_bags(features, manifest, of_volumes, image_features)
                known = (np.arange(float(len(bags)))[:, None], names, SPLITS.read(splits), classifier, options)
                search: dict[str, Any] = {"inner_folds": inner_folds, "seed": seed, "place": image_features}
                found = cross_validate(*known, **search, threads=threads, label=predictions.stem, bags=bags)
                attention = attention_of(bags, table)
                held_out = predict_held_out(*known, **search, bags=bags)
            except SixgigError as error:
                status = as_outcome(error)
                _LOG.exception("%s failed", predictions.stem)
                say_failed(status)
                found, held_out, attention = nothing, nothing, attention.iloc[:0]
    ATTENTION.write(attention, predictions.with_suffix(".attention.csv"))
    write_results(found, held_out, meter, predictions, status)


def read_bags(
    features: NDArray[np.floating], manifest: Path, of_volumes: bool, place: Path
) -> tuple[Bags, list[str], pd.DataFrame]:
    """Return the bags of an arm's features, checked, the subject of each, and the row of manifest.csv of each feature.

    Args:
        features: A row for every image, or volume, [n, n_features].
        manifest: manifest.csv of the cohort.
        of_volumes: Whether the rows are of volumes.
        place: The file of the features, for messages.

    Raises:
        ClassifierError: Features are not finite, or there is nothing to give attention to.
    """
    table = MANIFEST.read(manifest)
    if of_volumes:
        table = table.drop_duplicates("volume_id").reset_index(drop=True)
    bags, names = bags_of(features, table)
    _check(bags, place)
    return bags, names, table


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


def _check(bags: Bags, place: Path) -> None:
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
