"""The planned contrasts of a cohort: few questions, asked before the scores were seen, with one correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.evaluation.metrics import METRICS
from sixgig.evaluation.seeds import SeedSpread
from sixgig.statistics.detectable import detectable_difference
from sixgig.statistics.multiplicity import decide, holm, holm_levels
from sixgig.statistics.resampled import (
    CorrectedMean,
    corrected_mean,
    corrected_resampled_t_test,
    least_deviation,
    ratio_of,
)
from sixgig.statistics.selection import procedure_spreads
from sixgig.tables.contrasts import CONTRASTS, NOT_TESTABLE


class Contrast(NamedTuple):
    """One planned comparison.

    Attributes:
        question: Why it is planned, see ``tables.QUESTIONS``.
        a: An arm.
        b: The arm or control that it is compared with.
    """

    question: str
    a: str
    b: str


@dataclass(frozen=True)
class Settings:
    """How contrasts are judged.

    Attributes:
        n_test_over_n_train: Test subjects over training subjects in a fold, 1 / (k - 1) for k folds; or the same by
            cohort.
        alpha: Level of the cohort's contrasts together.
        rope: Half width of the region of practical equivalence.
        relevant: The true difference that ``subjects_needed`` is about.
    """

    n_test_over_n_train: float | Mapping[str, float]
    alpha: float = 0.05
    rope: float = 0.01
    relevant: float = 0.05


def weigh_contrasts(
    scores: pd.DataFrame,
    planned: Sequence[tuple[str, str, str]],
    metric: str,
    settings: Settings,
    n_subjects: Mapping[str, int],
    metrics: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Test the planned contrasts of every cohort between arms that choose their classifier inside.

    The test is that of Nadeau and Bengio on differences of fold scores. Holm's correction covers the cohort's testable
    contrasts. The interval of a contrast stands at the level at which Holm's procedure compares it, so that it excludes
    zero exactly where the verdict says ``better`` (for such intervals see Guilbaud, Biometrical Journal 50, 2008; they
    are not simultaneous ones). Equivalence is shown by two one-sided tests (Schuirmann, Journal of Pharmacokinetics and
    Biopharmaceutics 15, 1987) against plus and minus the rope, with a correction of Holm's of their own.

    Args:
        scores: ``tables.ARM_SCORES``.
        planned: Question, a and b of every contrast, the same for all cohorts.
        metric: The metric.
        settings: How contrasts are judged.
        n_subjects: Evaluation subjects of every cohort.
        metrics: ``tables.METRICS``, for the spread between seeds; may be left out where there is one seed.

    Returns:
        Rows of ``tables.CONTRASTS``; none for cohorts without scores.
    """
    rows: list[dict[str, Any]] = []
    spread = procedure_spreads(scores, pd.DataFrame() if metrics is None else metrics, metric)
    for cohort, own in scores.groupby("cohort", sort=False):
        values = own.pivot(index=["repeat", "fold"], columns="arm", values="value").astype(float)
        ratio, seeds = ratio_of(settings.n_test_over_n_train, str(cohort)), partial(spread, str(cohort))
        asked = [Contrast(*contrast) for contrast in planned]
        least = least_deviation(_differences(values, contrast) for contrast in asked)
        family = [_compare(values, contrast, ratio, settings.rope, seeds, least) for contrast in asked]
        fixed = {"cohort": cohort, "metric": metric, "rope": settings.rope}
        rows += [fixed | row for row in _judged(family, metric, settings, n_subjects[str(cohort)])]
    return CONTRASTS.check(pd.DataFrame(rows, columns=CONTRASTS.column_names), f"contrasts by {metric}")


def subjects_needed(n_subjects: int, detectable: float, relevant: float) -> int:
    """Return the subjects with which the same study would find a relevant true difference with 80% probability.

    A study of n subjects finds a true difference d with that probability; d is proportional to the standard error of
    the difference, and the squared error, which comes from the subjects that were tested, is taken to be proportional
    to 1/n. So n (d / relevant)^2 subjects are needed, rounded up.

    It is a rule of thumb. Folds and repeats stay the same. The error itself is estimated from few folds, so the number
    may be off by half. More subjects also train better models, which can change the difference; and the part of the
    error that comes from training runs does not shrink with subjects.

    Args:
        n_subjects: Evaluation subjects of the study.
        detectable: The true difference that it finds with the wanted probability.
        relevant: The difference to be found.
    """
    return ceil(n_subjects * (detectable / relevant) ** 2 - 1e-9)


def equivalence(found: CorrectedMean, rope: float) -> float:
    """Return the p value of two one-sided tests that the true difference lies within plus and minus the rope.

    Args:
        found: Mean difference with its corrected error.
        rope: Half width of the region.

    Returns:
        The larger p value of the two; NaN when every fold shows the same difference.
    """
    from scipy.stats import t as student

    if found.error == 0:
        return float("nan")
    return float(student.sf((rope - abs(found.mean)) / found.error, found.df))


def _differences(values: pd.DataFrame, contrast: Contrast) -> NDArray[np.float64]:
    """Return the differences of two arms on the folds where both have a score; none where one is missing."""
    if contrast.a not in values or contrast.b not in values:
        return np.empty(0)
    return (values[contrast.a] - values[contrast.b]).dropna().to_numpy(np.float64)


def _compare(
    values: pd.DataFrame,
    contrast: Contrast,
    ratio: float,
    rope: float,
    spread: Callable[[str, str], SeedSpread | None],
    least: float,
) -> dict[str, Any]:
    """Return what one contrast shows by itself."""
    row: dict[str, Any] = contrast._asdict()
    nothing: dict[str, Any] = dict.fromkeys(("difference", "standard_error", "p_value", "p_equivalence"), float("nan"))
    nothing |= {"df": None, "error": 0.0}
    absent = [arm for arm in (contrast.a, contrast.b) if arm not in values or values[arm].isna().all()]
    differences = _differences(values, contrast)
    if absent:
        return row | nothing | {"why": f"{' and '.join(absent)} without scores"}
    if len(differences) < 2:
        return row | nothing | {"why": "fewer than two shared folds"}
    seeds = spread(contrast.a, contrast.b)
    test = corrected_resampled_t_test(differences, ratio, spread=seeds, least=least)
    found = corrected_mean(differences, ratio, seeds, least)
    return row | {
        "difference": test.difference,
        "standard_error": test.error,
        "df": test.df,
        "p_value": test.p_value,
        "p_equivalence": equivalence(found, rope),
        "error": test.error,
        "why": "every fold shows the same difference" if np.isnan(test.p_value) else "",
    }


def _judged(family: list[dict[str, Any]], metric: str, settings: Settings, n_subjects: int) -> list[dict[str, Any]]:
    """Return the rows of one cohort, completed by what depends on their number."""
    from scipy.stats import t as student

    p_values = [row["p_value"] for row in family]
    corrected, levels = holm(p_values), holm_levels(p_values, settings.alpha)
    equal = holm([row["p_equivalence"] for row in family])
    n_family = int(np.isfinite(p_values).sum())
    for row, p_holm, level, same in zip(family, corrected, levels, equal, strict=True):
        error, why = row.pop("error"), row.pop("why")
        row |= {"p_holm": p_holm, "level": 1 - level, "n_family": n_family, "p_equivalence_holm": same}
        row |= {"ci_low": float("nan"), "ci_high": float("nan"), "detectable": float("nan"), "subjects_needed": None}
        if why:
            row["verdict"] = NOT_TESTABLE + why
            continue
        row["ci_low"] = row["ci_high"] = row["difference"]  # no width where all differences are zero
        if error > 0:
            half = float(student.isf(level / 2, row["df"])) * error
            row |= {"ci_low": row["difference"] - half, "ci_high": row["difference"] + half}
            row["detectable"] = detectable_difference(error, row["df"], settings.alpha, n_family)
            row["subjects_needed"] = subjects_needed(n_subjects, row["detectable"], settings.relevant)
        verdict = decide(row["difference"], p_holm, settings.alpha, METRICS[metric].higher_is_better)
        if verdict == "within noise":
            verdict = "equivalent" if same < settings.alpha else "undecided"
        row["verdict"] = verdict
    return family
