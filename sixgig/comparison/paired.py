"""Paired tests between what two studies found with the same method on the same subjects and folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sixgig.errors import SixgigError, TableError
from sixgig.evaluation.fold_scores import fold_scores
from sixgig.evaluation.metrics import METRICS
from sixgig.evaluation.seeds import seed_scores, seed_variance
from sixgig.results.study import Method, Study, is_failed
from sixgig.statistics.bayesian import correlated_t_posterior
from sixgig.statistics.delong import clustered_delong
from sixgig.statistics.mcnemar import clustered_mcnemar, exact_mcnemar
from sixgig.statistics.multiplicity import decide, holm
from sixgig.statistics.resampled import corrected_resampled_t_test
from sixgig.statistics.subjects import SubjectScores, mean_scores
from sixgig.tables.roles import EVALUATION

_NAN = float("nan")
_FEWEST = 2


@dataclass(frozen=True)
class Paired:
    """One method of one cohort in study A and in study B; differences are A minus B.

    Attributes:
        arm: Its arm.
        classifier: Its classifier.
        a: Estimate of the metric in A, as in summary.csv.
        b: Estimate in B.
        difference: Mean difference over the folds.
        ci_low: Lower end of the corrected interval of the difference, at 1 minus alpha of the first study.
        ci_high: Upper end.
        p_value: Of the corrected resampled t-test; NaN when it is not defined.
        p_holm: After Holm's correction over the methods of the cohort that differ.
        verdict: ``a better``, ``b better``, ``within noise`` or ``not testable``.
        p_a_better: Posterior probability that A is better by more than the region of practical equivalence.
        p_equivalent: That the difference lies inside it.
        p_b_better: That B is better by more than it.
        only_a_right: Subjects (or images) that only A gets right.
        only_b_right: Subjects (or images) that only B gets right.
        p_mcnemar: Of McNemar's exact test, uncorrected.
        auc_difference: Difference of the areas under the ROC curves; NaN without two classes.
        p_delong: Of DeLong's test, uncorrected.
    """

    arm: str
    classifier: str
    a: float
    b: float
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    verdict: str
    p_a_better: float
    p_equivalent: float
    p_b_better: float
    only_a_right: int
    only_b_right: int
    p_mcnemar: float
    auc_difference: float
    p_delong: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields, None where a number is not defined."""
        return {n: None if isinstance(v, float) and np.isnan(v) else v for n, v in asdict(self).items()}


@dataclass(frozen=True)
class CohortComparison:
    """What two studies found on one cohort.

    Attributes:
        cohort: Its name.
        n_subjects: Evaluation subjects.
        n_folds: Folds.
        n_repeats: Repeats.
        methods: Methods that both have and that predict something else.
        identical: Methods whose predictions are the same in both; there is nothing to test.
        left_out: Methods that are not compared, each with the reason.
    """

    cohort: str
    n_subjects: int
    n_folds: int
    n_repeats: int
    methods: list[Paired]
    identical: list[str]
    left_out: dict[str, str]


def compare_cohort(a: Study, b: Study, cohort: str) -> CohortComparison:
    """Compare every method that two studies have on a cohort.

    Metric, level and region of practical equivalence are those of A. The tests are those between the methods of one
    study: see :mod:`sixgig.statistics`.

    Args:
        a: The first study.
        b: The second study; its data are the same, see :func:`sixgig.comparison.same_data.common_cohorts`.
        cohort: A cohort of both.

    Raises:
        SixgigError: B has not the metric of A.
    """
    splits = a.splits(cohort)
    evaluation = splits[splits["role"] == EVALUATION]
    n_folds, n_repeats = int(evaluation["fold"].nunique()), int(evaluation["repeat"].nunique())
    if a.metric not in set(b.metrics["metric"]):
        raise SixgigError(b.folder / "metrics.csv", f"has no {a.metric}, the metric of {a.folder}", "run it again")
    of_a, of_b = a.methods(cohort), b.methods(cohort)
    left_out = {_name(method): f"only in {a.folder}" for method in of_a if method not in of_b}
    left_out |= {_name(method): f"only in {b.folder}" for method in of_b if method not in of_a}
    found, identical = [], []
    for method in (method for method in of_a if method in of_b):
        one, other = a.predictions(cohort, method), b.predictions(cohort, method)
        if one is not None and other is not None and one.equals(other):
            identical.append(_name(method))
            continue
        result = _compare(a, b, cohort, method, 1 / (n_folds - 1))
        if isinstance(result, str):
            left_out[_name(method)] = result
        else:
            found.append(result)
    corrected = np.asarray(holm([paired.p_value for paired in found]) if found else [], np.float64)
    better = METRICS[a.metric].higher_is_better
    judged = [
        replace(paired, p_holm=float(p), verdict=decide(paired.difference, float(p), a.alpha, better))
        for paired, p in zip(found, corrected, strict=True)
    ]
    return CohortComparison(cohort, evaluation["subject_id"].nunique(), n_folds, n_repeats, judged, identical, left_out)


def _compare(a: Study, b: Study, cohort: str, method: Method, ratio: float) -> Paired | str:
    """Compare one method, or say why it cannot be compared."""
    rows = [study.estimates(cohort, a.metric)[method] for study in (a, b)]
    for study, row in zip((a, b), rows, strict=True):
        if is_failed(str(row["status"])):
            return f"{row['status']} (in {study.folder})"
    one, other = (_by_fold(study, cohort, method, a.metric) for study in (a, b))
    differences = (one - other).dropna().sort_index().to_numpy(dtype=np.float64)
    predicted = [study.predictions(cohort, method) for study in (a, b)]
    if len(differences) < _FEWEST or predicted[0] is None or predicted[1] is None:
        return "they share fewer than two folds with a defined score"
    spread = None
    if max(a.seeds, b.seeds) > 1:
        spread = seed_variance(
            *(seed_scores(study.metrics, cohort, method.arm, method.classifier, a.metric) for study in (a, b))
        )
    test = corrected_resampled_t_test(differences, ratio, confidence=1 - a.alpha, spread=spread)
    rope = float((a.config.get("evaluation") or {}).get("rope", 0.01))
    below, within, above = correlated_t_posterior(differences, ratio, rope, spread)
    p_a, p_b = (above, below) if METRICS[a.metric].higher_is_better else (below, above)
    first, second = mean_scores(predicted[0]), mean_scores(predicted[1])
    _check_same(first, second, b, cohort, method)
    if first.images is None:
        mcnemar = exact_mcnemar(first.right, second.right)
    else:
        mcnemar = clustered_mcnemar(first.right, second.right, first.subjects)
    auc_difference, p_delong = _delong(first, second)
    return Paired(
        arm=method.arm, classifier=method.classifier, a=float(rows[0]["estimate"]), b=float(rows[1]["estimate"]),
        difference=test.difference, ci_low=test.ci_low, ci_high=test.ci_high, p_value=test.p_value, p_holm=_NAN,
        verdict="", p_a_better=p_a, p_equivalent=within, p_b_better=p_b, only_a_right=mcnemar.only_a,
        only_b_right=mcnemar.only_b, p_mcnemar=mcnemar.p_value, auc_difference=auc_difference, p_delong=p_delong,
    )  # fmt: skip


def _by_fold(study: Study, cohort: str, method: Method, metric: str) -> pd.Series:
    rows = fold_scores(study.metrics, cohort, method.arm, method.classifier, metric)
    return rows.set_index(["repeat", "fold"])["value"]


def _check_same(first: SubjectScores, second: SubjectScores, b: Study, cohort: str, method: Method) -> None:
    same_images = (first.images is None) == (second.images is None)
    if first.images is not None and second.images is not None:
        same_images = np.array_equal(first.images, second.images)
    same = np.array_equal(first.subjects, second.subjects) and np.array_equal(first.true, second.true)
    if not same or not same_images:
        raise TableError(
            b.folder / "predictions" / cohort / f"{method.arm}.{method.classifier}.csv",
            "its subjects or their classes are not those of the other study",
            "run `sixgig verify` on both studies",
        )


def _delong(first: SubjectScores, second: SubjectScores) -> tuple[float, float]:
    if first.scores.shape[1] != 2 or second.scores.shape[1] != 2:
        return _NAN, _NAN
    positive = first.true == 1
    if min(len(np.unique(first.subjects[own])) for own in (positive, ~positive)) < _FEWEST:
        return _NAN, _NAN
    test = clustered_delong(first.scores[:, 1], second.scores[:, 1], positive, first.subjects)
    return test.difference, test.p_value


def _name(method: Method) -> str:
    return f"{method.arm} {method.classifier}"
