"""The quantities that clinicians ask for, from decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sixgig.evaluation.calibration import design_effects, wilson
from sixgig.evaluation.operating_point import OperatingPoint
from sixgig.evaluation.recalibration import calibration_line
from sixgig.statistics.decided import Decided, Rows, Truths
from sixgig.statistics.predictive_values import Value, predictive_values

_UNKNOWN = Value(float("nan"), float("nan"), float("nan"))
#: Class and quantity -> further columns, and the value with its interval over subjects.
Quantities = dict[tuple[str, str], tuple[dict[str, Any], Value]]


def two_classes(
    part: Decided, positive: str, operating_point: Mapping[str, float] | None, prevalence: float, level: float
) -> Quantities:
    """Return the quantities of the positive class on a cohort with two classes.

    Args:
        part: What is decided of every row, of one seed or of several.
        positive: The positive class.
        operating_point: What the study file says of it.
        prevalence: Share of positive subjects that predictive values hold for.
        level: Level of the intervals.
    """
    found = errors(part.truth, part.decided, part.subjects, part.repeats, prevalence, level)
    threshold = float(part.thresholds.mean()) if len(part.thresholds) else float("nan")
    found["threshold"] = _UNKNOWN._replace(estimate=threshold)
    line = calibration_line(part.scores, part.truth, part.subjects, level)
    found["calibration_slope"] = _UNKNOWN if part.flat else Value(*line.slope)
    found["calibration_intercept"] = Value(*line.intercept)
    facts = {"prevalence": prevalence, "operating_point": OperatingPoint.of(operating_point).name}
    return {(positive, quantity): (facts, value) for quantity, value in found.items()}


def each_class(seeds: Sequence[Rows], level: float) -> Quantities:
    """Return sensitivity and positive predictive value of every class against the rest, from the predicted classes.

    Args:
        seeds: Predictions of each seed, of the same subjects in as many repeats.
        level: Level of the intervals.
    """
    found: Quantities = {}
    n_repeats = int(seeds[0].repeats.max()) + 1
    repeats = np.concatenate([rows.repeats + place * n_repeats for place, rows in enumerate(seeds)])
    subjects, true, predicted = (
        np.concatenate(parts)
        for parts in zip(*((rows.subjects, rows.data.true, rows.data.predicted) for rows in seeds), strict=True)
    )
    for index, name in enumerate(seeds[0].data.classes):
        truth = true == index
        share = float(truth.mean())
        own = errors(truth, predicted == index, subjects, repeats, share, level)
        facts = {"prevalence": share, "operating_point": OperatingPoint().name}
        found |= {(name, quantity): (facts, own[quantity]) for quantity in ("sensitivity", "ppv")}
    return found


def errors(
    truth: Truths,
    decided: Truths,
    subjects: NDArray[np.intp],
    repeats: NDArray[np.intp],
    prevalence: float,
    level: float,
) -> dict[str, Value]:
    """Return sensitivity, specificity and predictive values, each subject (or image) counted once over the repeats.

    Args:
        truth: Which rows are positive, [n].
        decided: Which rows count as positive, [n].
        subjects: Subject of every row, as an index, [n].
        repeats: Repeat of every row, [n].
        prevalence: Share of positive subjects that predictive values hold for.
        level: Level of the intervals.
    """
    shares, numbers, found = [], [], {}
    n_repeats = len(np.unique(repeats))
    for name, chosen in (("sensitivity", truth), ("specificity", ~truth)):
        right = (decided == truth)[chosen]
        if not len(right):
            return dict.fromkeys(("sensitivity", "specificity", "ppv", "npv"), _UNKNOWN)
        n = len(right) / n_repeats
        _, members = np.unique(subjects[chosen], return_inverse=True)
        places = members * (int(repeats.max()) + 1) + repeats[chosen]
        if len(right) > len(np.unique(places)):  # images
            n /= float(design_effects(right, np.zeros(len(right), dtype=np.intp), members, n_repeats)[0])
        share = float(right.mean())
        low, high = wilson(np.array([share]), np.array([n]), level)
        found[name] = Value(share, float(low[0]), float(high[0]))
        shares.append(share)
        numbers.append(n)
    found["ppv"], found["npv"] = predictive_values(shares[0], shares[1], numbers[0], numbers[1], prevalence, level)
    return found
