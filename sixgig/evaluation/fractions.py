"""One classifier on one arm's features with fewer labelled subjects: predictions for every fraction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sixgig.errors import SixgigError
from sixgig.evaluation.cross_validation import cross_validate
from sixgig.evaluation.effects import effects_of, plain, sentence, summed
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features
from sixgig.tables.fractions import FRACTION_PREDICTIONS
from sixgig.tables.predictions import no_predictions

_LOG = logging.getLogger(__name__)


def classify_fractions(
    features: Path,
    splits: Path,
    classifier: str,
    options: Mapping[str, Any],
    fractions: Sequence[float],
    inner_folds: int,
    seed: int,
    threads: int,
    predictions: Path,
    manifest: Path | None = None,
    gate: Path | None = None,
) -> None:
    """Cross-validate a classifier with a fraction of the labels, and write its predictions, and costs and choices.

    Test folds are those of the ordinary run; the training subjects are drawn by :mod:`sixgig.evaluation.labelled`, and
    all that is fitted, hyper-parameters included, is fitted to them. A fraction that cannot be computed has no rows,
    and its reason as ``status`` in the ``.json`` file, under ``fractions``.

    Args:
        features: .npz of an arm; without rows when the arm failed.
        splits: splits.csv of the cohort.
        classifier: Registry name.
        options: The classifier's stanza in the config.
        fractions: Shares of the training subjects, below 1.
        inner_folds: Folds of the search for hyper-parameters.
        seed: The study's seed.
        threads: Outer folds computed at a time.
        predictions: Output .csv.
        manifest: manifest.csv of a cohort whose images have classes of their own; else None.
        gate: leakage.json of the cohort; a cohort that failed has no predictions.
    """
    rows, names = read_features(features)
    images = None if manifest is None else MANIFEST.read(manifest)
    parts: list[pd.DataFrame] = []
    facts: list[dict[str, Any]] = []
    with CostMeter(f"fractions:{classifier}") as meter:
        if len(rows) == 0 or failed_cohort("", gate):
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            known = (rows, names.tolist(), SPLITS.read(splits), classifier, options)
            for fraction in fractions:
                label = f"{predictions.stem}, fraction {fraction:g}"
                own: dict[str, Any] = {"fraction": fraction}
                try:
                    found, chosen = cross_validate(
                        *known, inner_folds=inner_folds, seed=seed, images=images, threads=threads, place=features,
                        label=label, fraction=fraction,
                    )  # fmt: skip
                except SixgigError as error:
                    own["status"] = as_outcome(error)
                    _LOG.exception("%s failed", label)
                    say_failed(own["status"])
                else:
                    own["chosen"] = plain(chosen).to_dict(orient="records")
                    effect = summed(effects_of(chosen))
                    if effect is not None:
                        own["effect"] = effect
                        _LOG.warning("%s: %s", label, sentence(effect))
                    found.insert(0, "fraction", fraction)
                    parts.append(found)
                facts.append(own)
    nothing = no_predictions(images is not None)
    nothing.insert(0, "fraction", [])
    FRACTION_PREDICTIONS.write(pd.concat(parts, ignore_index=True) if parts else nothing, predictions)
    write_json(predictions.with_suffix(".json"), {"cost": meter.cost().as_dict(), "fractions": facts})
