"""One classifier of bags of images with fewer labelled subjects: predictions for every fraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.errors import SixgigError
from sixgig.evaluation.bags import read_bags
from sixgig.evaluation.fractions import Curve
from sixgig.runtime.jobs import say_left_out
from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.cohorts import SPLITS


def classify_bag_fractions(
    image_features: Path,
    manifest: Path,
    splits: Path,
    classifier: str,
    options: Mapping[str, Any],
    fractions: Sequence[float],
    inner_folds: int,
    seed: int,
    threads: int,
    predictions: Path,
    gate: Path | None = None,
    of_volumes: bool = False,
) -> None:
    """Do what :func:`sixgig.evaluation.fractions.classify_fractions` does with a classifier of bags.

    Args:
        image_features: .npy of an arm, a row for every image, or volume; without rows when the arm failed.
        manifest: manifest.csv of the cohort.
        splits: splits.csv of the cohort.
        classifier: Registry name.
        options: The classifier's stanza in the config.
        fractions: Shares of the training subjects, below 1.
        inner_folds: Folds of the search for hyper-parameters.
        seed: The study's seed.
        threads: Outer folds computed at a time.
        predictions: Output .csv.
        gate: leakage.json of the cohort; a cohort that failed has no predictions.
        of_volumes: Whether the arm has a feature of every volume, and not of every image.
    """
    features = np.load(image_features, mmap_mode="r")
    left_out = len(features) == 0 or bool(failed_cohort("", gate))
    curve = Curve(predictions, classifier, [] if left_out else fractions)
    with curve.meter:
        if left_out:
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            try:
                bags, names, _ = read_bags(features, manifest, of_volumes, image_features)
            except SixgigError as error:
                curve.fail(error)
            else:
                known = (np.arange(len(bags))[:, None], names, SPLITS.read(splits), classifier, options)
                curve.compute(
                    *known, inner_folds=inner_folds, seed=seed, threads=threads, place=image_features, bags=bags
                )
    curve.write()
