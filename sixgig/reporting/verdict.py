"""The verdict on a cohort of a study: its tables are read here, and judged in :mod:`sixgig.verdicts`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sixgig.arms.instances import instances
from sixgig.errors import ConfigError
from sixgig.results.study import Study
from sixgig.tables.verdicts import VERDICTS
from sixgig.verdicts.judging import Verdict
from sixgig.verdicts.judging import judge as judge_tables
from sixgig.verdicts.tables import CohortTables
from sixgig.words.showing import showing
from sixgig.words.titles import cohort_title

__all__ = ["Verdict", "judge", "judgements", "tables_of", "verdict_rows"]


def judge(study: Study, cohort: str) -> Verdict:
    """Say what one cohort shows on the study's metric.

    Args:
        study: The study.
        cohort: The cohort.
    """
    return judge_tables(tables_of(study, cohort))


def judgements(study: Study) -> list[Verdict]:
    """Return the verdict on every cohort, real cohorts first."""
    return [judge(study, cohort) for cohort in sorted(study.cohorts, key=study.is_simulated)]


def verdict_rows(study: Study) -> pd.DataFrame:
    """Return the rows of ``tables.VERDICTS``, in the language of the study."""
    with showing(study):
        rows = [
            {
                "cohort": found.cohort, "title": cohort_title(found.cohort),
                "images": "simulated" if study.is_simulated(found.cohort) else "real", "level": found.level,
                "headline": found.headline, "sentences": " ".join(found.sentences) or None,
            }
            for found in judgements(study)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=VERDICTS.column_names)


def tables_of(study: Study, cohort: str) -> CohortTables:
    """Return the tables that the verdict on a cohort follows from.

    Args:
        study: The study.
        cohort: The cohort.
    """
    settings: dict[str, Any] = study.config.get("evaluation") or {}
    failure = study.failed_cohort(cohort)
    summary = pd.DataFrame([row for _, row in study.estimates(cohort).items()])
    if failure:
        return CohortTables(cohort, study.metric, summary, failure=failure)
    return CohortTables(
        cohort,
        study.metric,
        summary,
        _own(study.arm_summary, cohort, study.metric),
        _own(study.contrasts, cohort, study.metric),
        alpha=study.alpha,
        relevant=float(settings.get("relevant_difference", 0.05)),
        n_classes=study.n_classes(cohort),
        learning=_learning(study),
        seconds=_seconds(study, cohort),
        test_pairs=_test_pairs(study, cohort),
        test_summary=_own(study.test_summary, cohort, study.metric),
    )


def _own(frame: pd.DataFrame, cohort: str, metric: str) -> pd.DataFrame:
    return frame[(frame["cohort"] == cohort) & (frame["metric"] == metric)].reset_index(drop=True)


def _test_pairs(study: Study, cohort: str) -> pd.DataFrame | None:
    """Paired tests on test sets, for studies that have such a table."""
    if not (study.folder / "statistics" / "test_pairs.csv").exists():
        return None
    return _own(study.test_pairs, cohort, study.metric)


def _learning(study: Study) -> frozenset[str]:
    """Arms that are trained on a cohort; none of kinds that are not here any more."""
    found = set()
    for name, arm in instances(study.config).items():
        try:
            if arm.arm.learns and arm.stands_for is None:
                found.add(name)
        except ConfigError:
            continue
    return frozenset(found)


def _seconds(study: Study, cohort: str) -> dict[str, float]:
    """What every arm took with all its classifiers, which the choice inside needs; only where all of it is known."""
    rows = study.budget[study.budget["cohort"] == cohort]
    found = {}
    for arm, own in rows.groupby("arm", sort=False):
        parts = own[["seconds_train", "seconds_encode", "seconds_classify"]].astype(float)
        if not parts.isna().any(axis=None):
            found[str(arm)] = float(parts.iloc[0, :2].sum() + parts["seconds_classify"].sum())
    return found
