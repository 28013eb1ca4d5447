"""One classifier on one arm with fewer labelled subjects: predictions for every fraction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sixgig.errors import SixgigError
from sixgig.evaluation.cross_validation import cross_validate
from sixgig.evaluation.effects import effects_of, plain, sentence, summed
from sixgig.evaluation.job import ClassifyJob, Seen
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.monitor import CostMeter
from sixgig.tables.fractions import FRACTION_PREDICTIONS
from sixgig.tables.predictions import no_predictions

_LOG = logging.getLogger(__name__)


def classify_fractions(job: ClassifyJob, seen: Seen, fractions: Sequence[float]) -> None:
    """Cross-validate a classifier with a fraction of the labels, and write its predictions, and costs and choices.

    Test folds are those of the ordinary run; the training subjects are drawn by :mod:`sixgig.evaluation.labelled`, and
    all that is fitted, hyper-parameters included, is fitted to them. A fraction that cannot be computed has no rows,
    and its reason as ``status`` in the ``.json`` file, under ``fractions``.

    Args:
        job: The method.
        seen: What it sees of the arm.
        fractions: Shares of the training subjects, below 1.
    """
    parts: list[pd.DataFrame] = []
    facts: list[dict[str, Any]] = []
    with CostMeter(f"fractions:{job.classifier}") as meter:
        if job.leaves_out(seen):
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            for fraction in fractions:
                found, said = _with_fraction(job, seen, fraction)
                parts += found
                facts.append({"fraction": fraction, **said})
    nothing = no_predictions(seen.of_images)
    nothing.insert(0, "fraction", [])
    FRACTION_PREDICTIONS.write(pd.concat(parts, ignore_index=True) if parts else nothing, job.predictions)
    write_json(job.predictions.with_suffix(".json"), {"cost": meter.cost().as_dict(), "fractions": facts})


def _with_fraction(job: ClassifyJob, seen: Seen, fraction: float) -> tuple[list[pd.DataFrame], dict[str, Any]]:
    """Return the predictions with one fraction, in a list without any where it cannot be computed, and facts."""
    label = f"{job.predictions.stem}, fraction {fraction:g}"
    try:
        known, search = job.arguments(seen)
        found, chosen = cross_validate(*known, **search, threads=job.threads, label=label, fraction=fraction)
    except SixgigError as error:
        status = as_outcome(error)
        _LOG.exception("%s failed", label)
        say_failed(status)
        return [], {"status": status}
    facts: dict[str, Any] = {"chosen": plain(chosen).to_dict(orient="records")}
    effect = summed(effects_of(chosen))
    if effect is not None:
        facts["effect"] = effect
        _LOG.warning("%s: %s", label, sentence(effect))
    found.insert(0, "fraction", fraction)
    return [found], facts
