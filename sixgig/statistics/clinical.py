"""What clinicians ask of every method: errors at an operating point, predictive values, calibration, net benefit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.evaluation.calibration import design_effects, wilson
from sixgig.evaluation.levels import at_level
from sixgig.evaluation.metrics import Outcomes, outcomes
from sixgig.evaluation.operating_point import OperatingPoint, held_out_decisions, held_out_folds
from sixgig.evaluation.recalibration import at_prevalence, calibration_line, held_out_probabilities
from sixgig.statistics.decision_curve import THRESHOLDS, net_benefit, treat_all
from sixgig.statistics.predictive_values import Value, predictive_values
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.use import require_two_classes

_NAN = float("nan")
Truths = NDArray[np.bool_]


class ClinicalTables(NamedTuple):
    """Tables of a study.

    Attributes:
        values: Rows of :data:`sixgig.tables.clinical.CLINICAL`.
        curves: Rows of :data:`sixgig.tables.clinical.DECISION_CURVE`; none for cohorts without two classes.
    """

    values: pd.DataFrame
    curves: pd.DataFrame


@dataclass(frozen=True)
class ClinicalUse:
    """How a cohort's methods are to be used.

    Attributes:
        positive: The positive class; the alphabetically last one when None.
        metrics_of: What is counted: ``subject`` or ``image``.
        operating_point: What the study file says, such as ``{sensitivity: 0.9}``; None for the predicted classes.
        prevalence: Share of positive subjects where methods are used; that of the cohort when None.
    """

    positive: str | None = None
    metrics_of: str = "subject"
    operating_point: Mapping[str, float] | None = None
    prevalence: float | None = None


class _Rows(NamedTuple):
    """Predictions of one method, as arrays of one length."""

    data: Outcomes
    subjects: NDArray[np.intp]
    repeats: NDArray[np.intp]
    folds: NDArray[np.intp]


def weigh_clinical_use(
    files: Mapping[tuple[str, ...], Path],
    uses: Mapping[str, ClinicalUse],
    probabilities: Collection[str],
    alpha: float = 0.05,
) -> ClinicalTables:
    """Compute both tables from the predictions of a study.

    Args:
        files: Predictions by cohort, arm and classifier. A method without predictions (it failed) has no rows.
        uses: How the methods of each cohort are to be used.
        probabilities: Classifiers whose scores are probabilities; those of others are turned into such on the other
            folds where a probability is needed.
        alpha: Intervals are at level 1 - alpha.

    Raises:
        ConfigError: An operating point or a prevalence is asked for on a cohort that does not have two classes.
        TableError: A file is damaged.
    """
    values: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    for (cohort, arm, classifier), file in files.items():
        use = uses[cohort]
        frame = at_level(PREDICTIONS.read(file), use.metrics_of, use.positive)
        if not len(frame):
            continue
        key = {"cohort": cohort, "arm": arm, "classifier": classifier}
        own = classifier in probabilities
        facts = key | {"scores": "probabilities" if own else "ranks"}
        rows = _rows(frame, use.positive)
        if len(rows.data.classes) == 2:
            found, curve = _two_classes(rows, use, own, 1 - alpha)
            curves.append(pd.DataFrame(key | curve))
        else:
            require_two_classes(vars(use), len(rows.data.classes), f"cohorts.{cohort}")
            found = _each_class(rows, 1 - alpha)
        values += [facts | row for row in found]
    names = DECISION_CURVE.column_names
    return ClinicalTables(
        CLINICAL.check(pd.DataFrame(values, columns=CLINICAL.column_names), CLINICAL.name),
        DECISION_CURVE.check(pd.concat(curves) if curves else pd.DataFrame(columns=names), DECISION_CURVE.name),
    )


def _rows(frame: pd.DataFrame, positive: str | None) -> _Rows:
    _, subjects = np.unique(frame["subject_id"].to_numpy(dtype=str), return_inverse=True)
    repeats, folds = (frame[name].to_numpy(dtype=np.intp) for name in ("repeat", "fold"))
    return _Rows(outcomes(frame, positive), subjects, repeats, folds)


def _two_classes(rows: _Rows, use: ClinicalUse, own: bool, level: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of one method on a cohort with two classes, and the columns of its decision curve."""
    data, point = rows.data, OperatingPoint.of(use.operating_point)
    scores, truth = data.scores[:, data.positive], data.true == data.positive
    share = float(truth.mean())
    prevalence = share if use.prevalence is None else use.prevalence
    promised = scores if own else held_out_probabilities(scores, truth, rows.repeats, rows.folds)
    if use.prevalence is not None:
        promised = at_prevalence(promised, share, prevalence)
    threshold = _NAN
    if point.kind == "labels":
        decided = data.predicted == data.positive
    else:
        ranked = promised if point.kind == "threshold" else scores
        decided, thresholds = held_out_decisions(ranked, truth, rows.repeats, rows.folds, point)
        threshold = float(thresholds.mean())
    found = _errors(rows, decided, truth, prevalence, level)
    found["threshold"] = Value(threshold, _NAN, _NAN)
    line = calibration_line(scores, truth, rows.subjects, level)
    if not any(np.ptp(scores[fold]) for fold, _ in held_out_folds(rows.repeats, rows.folds)):
        line = line._replace(slope=(_NAN, _NAN, _NAN))  # what differs between folds is their share of positives
    found |= {"calibration_slope": Value(*line.slope), "calibration_intercept": Value(*line.intercept)}
    facts = {"prevalence": prevalence, "operating_point": point.name}
    curve = {
        "threshold": THRESHOLDS,
        "net_benefit": net_benefit(promised, truth, prevalence),
        "treat_all": treat_all(prevalence),
        "prevalence": prevalence,
    }
    return list(_quantities(found, data.classes[data.positive], facts)), curve


def _each_class(rows: _Rows, level: float) -> list[dict[str, Any]]:
    """Return sensitivity and positive predictive value of every class against the rest, from the predicted classes."""
    found: list[dict[str, Any]] = []
    for index, name in enumerate(rows.data.classes):
        truth = rows.data.true == index
        share = float(truth.mean())
        own = _errors(rows, rows.data.predicted == index, truth, share, level)
        facts = {"prevalence": share, "operating_point": OperatingPoint().name}
        found += _quantities({key: own[key] for key in ("sensitivity", "ppv")}, name, facts)
    return found


def _errors(rows: _Rows, decided: Truths, truth: Truths, prevalence: float, level: float) -> dict[str, Value]:
    """Return sensitivity, specificity and predictive values, each subject (or image) counted once over the repeats."""
    shares, numbers, found = [], [], {}
    for name, chosen in (("sensitivity", truth), ("specificity", ~truth)):
        right = (decided == truth)[chosen]
        repeats = len(np.unique(rows.repeats))
        n = len(right) / repeats
        _, members = np.unique(rows.subjects[chosen], return_inverse=True)
        if len(right) > len(np.unique(np.column_stack([members, rows.repeats[chosen]]), axis=0)):  # images
            n /= float(design_effects(right, np.zeros(len(right), dtype=np.intp), members, repeats)[0])
        share = float(right.mean())
        low, high = wilson(np.array([share]), np.array([n]), level)
        found[name] = Value(share, float(low[0]), float(high[0]))
        shares.append(share)
        numbers.append(n)
    found["ppv"], found["npv"] = predictive_values(shares[0], shares[1], numbers[0], numbers[1], prevalence, level)
    return found


def _quantities(found: Mapping[str, Value], name: str, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for quantity, (estimate, low, high) in found.items():
        yield {
            "class": name, "quantity": quantity, "estimate": estimate, "ci_low": low, "ci_high": high, **facts,
        }  # fmt: skip
