"""One classifier on one arm: predictions, what was chosen, and what it cost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.errors import SixgigError
from sixgig.evaluation.cross_validation import cross_validate, predict_held_out
from sixgig.evaluation.effects import effects_of, plain, sentence, summed
from sixgig.evaluation.job import ClassifyJob, Seen
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.monitor import CostMeter
from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.predictions import PREDICTIONS, no_predictions

_LOG = logging.getLogger(__name__)


def classify(job: ClassifyJob, seen: Seen, after_folds: Callable[[], None] = lambda: None) -> str:
    """Cross-validate a classifier and write its predictions, and a ``.json`` file of costs and choices.

    Predictions of the held-out test subjects go to ``<name>.test.csv``, which has no rows without such subjects.

    Features of an arm that failed have no rows; the predictions then have none either, and the arm's sidecar keeps the
    reason. When the classifier fails because of the data or its options, the ``.json`` file says so as ``status``.

    Args:
        job: The method.
        seen: What it sees of the arm.
        after_folds: Called between cross-validation and the prediction of held-out test subjects.

    Returns:
        How it failed; empty where it did not.
    """
    nothing, status = (no_predictions(seen.of_images), pd.DataFrame()), ""
    found = held_out = nothing
    with CostMeter(f"classify:{job.classifier}") as meter:
        if job.leaves_out(seen):
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            try:
                known, search = job.arguments(seen)
                found = cross_validate(*known, **search, threads=job.threads, label=job.predictions.stem)
                after_folds()
                held_out = predict_held_out(*known, **search)
            except SixgigError as error:
                status = as_outcome(error)
                _LOG.exception("%s failed", job.predictions.stem)
                say_failed(status)
                found = held_out = nothing
    _write(found, held_out, meter, job.predictions, status)
    return status


def predict_majority(
    splits: Path, seed: int, predictions: Path, manifest: Path | None = None, gate: Path | None = None
) -> None:
    """Write the predictions of the majority-class control, which sees labels of training folds and nothing else.

    Args:
        splits: splits.csv of the cohort.
        seed: The study's seed.
        predictions: Output .csv.
        manifest: manifest.csv of a cohort whose images have classes of their own; else None.
        gate: leakage.json of the cohort; a cohort that failed has no predictions.
    """
    table = SPLITS.read(splits)
    images = None if manifest is None else MANIFEST.read(manifest)
    names = (table["subject_id"].drop_duplicates() if images is None else images["image_id"]).to_numpy(dtype=str)
    nothing = np.zeros((len(names), 1), dtype=np.float32)
    with CostMeter("classify:majority_class") as meter:
        if failed_cohort("", gate):
            say_left_out("the cohort failed, see its own line")
            nothing_found = (no_predictions(images is not None), pd.DataFrame())
            _write(nothing_found, nothing_found, meter, predictions)
            return
        known = (nothing, names.tolist(), table, "majority_class", {})  # type: tuple[Any, ...]
        found = cross_validate(*known, inner_folds=2, seed=seed, images=images, threads=1)
        held_out = predict_held_out(*known, inner_folds=2, seed=seed, images=images)
    _write(found, held_out, meter, predictions)


def _write(
    found: tuple[pd.DataFrame, pd.DataFrame],
    held_out: tuple[pd.DataFrame, pd.DataFrame],
    meter: CostMeter,
    predictions: Path,
    status: str = "",
) -> None:
    """Write predictions, those of test subjects, and a ``.json`` file of costs and choices.

    Args:
        found: What :func:`cross_validate` returned.
        held_out: What :func:`predict_held_out` returned.
        meter: What it cost.
        predictions: Output .csv; the other files stand beside it.
        status: How it failed; empty where it did not.
    """
    PREDICTIONS.write(found[0], predictions)
    PREDICTIONS.write(held_out[0], predictions.with_suffix(".test.csv"))
    facts: dict[str, Any] = {
        "cost": meter.cost().as_dict(),
        "chosen": plain(found[1]).to_dict(orient="records"),
        "chosen_for_test": plain(held_out[1]).to_dict(orient="records"),
    }
    effect = summed([*effects_of(found[1]), *effects_of(held_out[1])])
    if effect is not None:
        facts["effect"] = effect
        _LOG.warning("%s: %s", predictions.stem, sentence(effect))
    write_json(predictions.with_suffix(".json"), facts | ({"status": status} if status else {}))
