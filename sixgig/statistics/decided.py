"""Predictions of two classes turned into decisions and probabilities, on folds or on test subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.classifiers.columns import as_columns
from sixgig.classifiers.probabilities import fit_probabilities
from sixgig.evaluation.metrics import Outcomes, outcomes
from sixgig.evaluation.operating_point import OperatingPoint, held_out_decisions, held_out_folds, threshold_for
from sixgig.evaluation.recalibration import at_prevalence, held_out_probabilities, logits_of

Truths = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """Predictions of one run of a method, as arrays of one length."""

    data: Outcomes
    subjects: NDArray[np.intp]
    repeats: NDArray[np.intp]
    folds: NDArray[np.intp]


class Decided(NamedTuple):
    """What is decided and promised of every row, [n] each unless said otherwise.

    Attributes:
        truth: Whether it is positive.
        decided: Whether it counts as positive.
        scores: The classifier's own score of the positive class.
        promised: Probability of the positive class where the methods are to be used.
        subjects: Subject, as an index.
        repeats: Repeat, or seed and repeat.
        thresholds: Threshold of every fold, or of the test set, [n_folds]; empty where labels decide.
        flat: Whether within every fold all scores are equal.
    """

    truth: Truths
    decided: Truths
    scores: Floats
    promised: Floats
    subjects: NDArray[np.intp]
    repeats: NDArray[np.intp]
    thresholds: Floats
    flat: bool


def read_rows(frame: pd.DataFrame, positive: str | None) -> Rows:
    """Return predictions as arrays.

    Args:
        frame: ``tables.PREDICTIONS`` of one run of a method.
        positive: See ``sixgig.evaluation.metrics.positive_class``.
    """
    _, subjects = np.unique(frame["subject_id"].to_numpy(dtype=str), return_inverse=True)
    repeats, folds = (frame[name].to_numpy(dtype=np.intp) for name in ("repeat", "fold"))
    return Rows(outcomes(frame, positive), subjects, repeats, folds)


def decide(
    rows: Rows, trained: Rows | None, operating_point: Mapping[str, float] | None, prevalence: float | None, own: bool
) -> Decided:
    """Decide on every row, by what is chosen on others.

    Args:
        rows: Out-of-fold predictions, or those of test subjects.
        trained: For test subjects, the out-of-fold predictions of the subjects that the method was trained on; None
            for out-of-fold predictions, of which every fold is decided by the other folds of its repeat.
        operating_point: What the study file says, such as ``{sensitivity: 0.9}``; None for the predicted classes.
        prevalence: Share of positive subjects where the methods are used; None leaves probabilities as they are.
        own: Whether scores are probabilities.
    """
    data, point = rows.data, OperatingPoint.of(operating_point)
    scores, truth = data.scores[:, data.positive], data.true == data.positive
    learned = rows if trained is None else trained
    learned_scores = learned.data.scores[:, learned.data.positive]
    learned_truth = learned.data.true == learned.data.positive
    promised, learned_promised = scores, learned_scores
    if not own and trained is None:
        promised = learned_promised = held_out_probabilities(scores, truth, rows.repeats, rows.folds)
    elif not own:
        sigmoid = fit_probabilities(as_columns(logits_of(learned_scores)), learned_truth.astype(np.intp))
        promised, learned_promised = (
            sigmoid.of(as_columns(logits_of(own_scores)))[:, 1] for own_scores in (scores, learned_scores)
        )
    if prevalence is not None:
        share = float(learned_truth.mean())
        promised, learned_promised = (at_prevalence(each, share, prevalence) for each in (promised, learned_promised))
    thresholds = np.empty(0)
    if point.kind == "labels":
        decided = data.predicted == data.positive
    else:
        ranked, learned_ranked = (promised, learned_promised) if point.kind == "threshold" else (scores, learned_scores)
        if trained is None:
            decided, thresholds = held_out_decisions(ranked, truth, rows.repeats, rows.folds, point)
        else:
            thresholds = np.array([threshold_for(learned_ranked, learned_truth, point)])
            decided = ranked >= thresholds[0]
    # What differs between folds whose scores are all equal is their share of positives.
    flat = not any(np.ptp(scores[fold]) for fold, _ in held_out_folds(rows.repeats, rows.folds))
    return Decided(truth, decided, scores, promised, rows.subjects, rows.repeats, thresholds, flat)


def joined(parts: Sequence[Decided]) -> Decided:
    """Return several seeds as one, their repeats as further repeats."""
    if len(parts) == 1:
        return parts[0]
    repeats = int(parts[0].repeats.max()) + 1
    moved = [part._replace(repeats=part.repeats + place * repeats) for place, part in enumerate(parts)]
    joint = {
        name: np.concatenate([getattr(part, name) for part in moved]) for name in Decided._fields if name != "flat"
    }
    return Decided(**joint, flat=all(part.flat for part in parts))
