"""Whether probabilities keep their promise on average, and scores turned into probabilities on other folds.

A calibration slope below 1 says that probabilities are too extreme, an intercept below 0 that they promise too much
(Cox, Biometrika 45, 1958; Van Calster et al., BMC Medicine 17:230, 2019: weak calibration).
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from sixgig.classifiers.columns import as_columns
from sixgig.classifiers.probabilities import fit_probabilities
from sixgig.evaluation.operating_point import held_out_folds

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

#: How near to 0 and 1 a probability counts.
_EDGE = 1e-6
#: A standard error above which the subjects do not determine the value: the probabilities separate them perfectly.
_NOTHING = 50.0


class Calibration(NamedTuple):
    """Slope and intercept with intervals; NaN where the probabilities do not determine them.

    Attributes:
        slope: Coefficient of the logit of the probability in a logistic regression of the truth.
        intercept: Intercept of that regression with the slope held at 1 (calibration in the large).
    """

    slope: tuple[float, float, float]
    intercept: tuple[float, float, float]


_UNKNOWN = (float("nan"), float("nan"), float("nan"))


def calibration_line(
    probability: Floats, positive: Truths, subjects: NDArray[np.intp], confidence: float = 0.95
) -> Calibration:
    """Regress the truth on the logit of the probability.

    Intervals are from the sandwich variance over subjects, so that repeats, and images, of one subject do not count as
    further subjects (generalised estimating equations with independence; Liang and Zeger, Biometrika 73, 1986).

    Args:
        probability: Probability of the positive class, [n]; counted as at least 1e-6 from 0 and 1.
        positive: Which rows are positive, [n].
        subjects: Subject of every row, as an index, [n].
        confidence: Level of the intervals.
    """
    logits = logits_of(probability)
    if np.ptp(logits) < _EDGE:
        slope = _UNKNOWN
    else:
        slope = _coefficient(np.column_stack([logits, np.ones_like(logits)]), positive, None, subjects, confidence)
    return Calibration(slope, _coefficient(np.ones((len(logits), 1)), positive, logits, subjects, confidence))


def _coefficient(
    design: Floats, positive: Truths, offset: Floats | None, subjects: NDArray[np.intp], confidence: float
) -> tuple[float, float, float]:
    """Return the first coefficient of a logistic regression, with its interval."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM  # statsmodels.api loads all of it

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # perfect separation shows in the standard error
        model = GLM(positive.astype(np.float64), design, family=Binomial(), offset=offset)
        try:
            found = model.fit(cov_type="cluster", cov_kwds={"groups": subjects})
        except (np.linalg.LinAlgError, ValueError):
            return _UNKNOWN
        value, error = float(found.params[0]), float(found.bse[0])
        plain = float(np.sqrt(found.normalized_cov_params[0, 0]))
    if not np.isfinite([value, error, plain]).all() or plain > _NOTHING:
        return _UNKNOWN
    half = float(ndtri(0.5 * (1 + confidence))) * error
    return value, value - half, value + half


def logits_of(probability: Floats) -> Floats:
    """Return log(p / (1 - p)), with p at least 1e-6 from 0 and 1."""
    result: Floats = logit(np.clip(probability, _EDGE, 1 - _EDGE))
    return result


def held_out_probabilities(
    scores: Floats, positive: Truths, repeats: NDArray[np.intp], folds: NDArray[np.intp]
) -> Floats:
    """Turn the scores of every fold into probabilities by a sigmoid fitted to the other folds of its repeat, [n].

    Args:
        scores: Out-of-fold score of the positive class, between 0 and 1, [n].
        positive: Which rows are positive, [n].
        repeats: Repeat of every row, [n].
        folds: Fold of every row, [n].
    """
    values, found = as_columns(logits_of(scores)), np.empty(len(scores))
    for own, others in held_out_folds(repeats, folds):
        found[own] = fit_probabilities(values[others], positive[others].astype(np.intp)).of(values[own])[:, 1]
    return found


def at_prevalence(probability: Floats, prevalence: float, wanted: float) -> Floats:
    """Move probabilities from one prevalence to another, with the same likelihood ratios (Bayes), [n].

    Args:
        probability: Probability of the positive class at ``prevalence``, [n].
        prevalence: Share of positive subjects where the probabilities were fitted.
        wanted: Share of positive subjects where they are used.
    """
    moved: Floats = expit(logits_of(probability) + logit(wanted) - logit(prevalence))
    return moved
