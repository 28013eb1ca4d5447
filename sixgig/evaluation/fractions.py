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
    left_out = len(rows) == 0 or bool(failed_cohort("", gate))
    curve = Curve(predictions, classifier, [] if left_out else fractions, images is not None)
    with curve.meter:
        if left_out:
            say_left_out("the arm or the cohort failed, see its own line")
        else:
            known = (rows, names.tolist(), SPLITS.read(splits), classifier, options)
            curve.compute(*known, inner_folds=inner_folds, seed=seed, images=images, threads=threads, place=features)
    curve.write()


class Curve:
    """Predictions of one method with every fraction, and what is said of them.

    Args:
        predictions: Output .csv.
        classifier: Registry name.
        fractions: Shares of the training subjects, below 1.
        of_images: Whether images have classes of their own.
    """

    def __init__(self, predictions: Path, classifier: str, fractions: Sequence[float], of_images: bool = False) -> None:
        self._output, self._fractions, self._of_images = predictions, fractions, of_images
        self.meter = CostMeter(f"fractions:{classifier}")
        self._parts: list[pd.DataFrame] = []
        self._facts: list[dict[str, Any]] = []

    def compute(self, *known: Any, **search: Any) -> None:
        """Cross-validate with every fraction; the arguments are those of ``cross_validate``."""
        for fraction in self._fractions:
            label = f"{self._output.stem}, fraction {fraction:g}"
            try:
                found, chosen = cross_validate(*known, **search, label=label, fraction=fraction)
            except SixgigError as error:
                self.fail(error, [fraction])
            else:
                facts: dict[str, Any] = {"fraction": fraction, "chosen": plain(chosen).to_dict(orient="records")}
                effect = summed(effects_of(chosen))
                if effect is not None:
                    facts["effect"] = effect
                    _LOG.warning("%s: %s", label, sentence(effect))
                self._facts.append(facts)
                found.insert(0, "fraction", fraction)
                self._parts.append(found)

    def fail(self, error: SixgigError, fractions: Sequence[float] | None = None) -> None:
        """Note that fractions cannot be computed, all of them when none is named."""
        for fraction in self._fractions if fractions is None else fractions:
            status = as_outcome(error)
            _LOG.error("%s with fraction %g failed", self._output.stem, fraction, exc_info=error)
            say_failed(status)
            self._facts.append({"fraction": fraction, "status": status})

    def write(self) -> None:
        """Write the files."""
        nothing = no_predictions(self._of_images)
        nothing.insert(0, "fraction", [])
        found = pd.concat(self._parts, ignore_index=True) if self._parts else nothing
        FRACTION_PREDICTIONS.write(found, self._output)
        write_json(self._output.with_suffix(".json"), {"cost": self.meter.cost().as_dict(), "fractions": self._facts})
