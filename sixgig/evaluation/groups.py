"""Metrics within groups of subjects for every method of a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from sixgig.evaluation.group_metrics import group_metrics
from sixgig.evaluation.levels import at_level
from sixgig.runtime.attempts import fewer
from sixgig.runtime.progress import Progress
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS
from sixgig.tables.predictions import PREDICTIONS

#: Cohort, arm, classifier.
Key = tuple[str, ...]


def score_groups(
    predictions: Mapping[Key, Path],
    groups: Mapping[str, Path],
    minima: Mapping[str, int],
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    *,
    n_resamples: int,
    seed: int,
    alpha: float,
    threads: int = 1,
) -> pd.DataFrame:
    """Score every method within the groups of every cohort that has some.

    Args:
        predictions: Out-of-fold predictions by cohort, arm and classifier, of cohorts with groups.
        groups: groups.csv by cohort.
        minima: Subjects of each class that a value of a group needs, by cohort.
        positives: Positive class by cohort, or None.
        metrics_of: What metrics count, by cohort: ``subject`` or ``image``.
        n_resamples: Resamples of subjects behind each bootstrap interval.
        seed: The study's seed.
        alpha: One minus the level of the intervals.
        threads: Methods scored at a time.

    Returns:
        Rows of ``tables.GROUPS``; none of a method or cohort that failed.
    """
    tables = {cohort: SUBJECT_GROUPS.read(path) for cohort, path in groups.items()}

    def score(key: Key) -> pd.DataFrame:
        cohort, arm, classifier = key
        rows = PREDICTIONS.read(predictions[key])
        if not len(rows) or not len(tables[cohort]):
            return pd.DataFrame(columns=GROUPS.column_names)
        found = group_metrics(
            at_level(rows, metrics_of[cohort], positives[cohort]), tables[cohort],
            n_resamples=n_resamples, seed=seed, minimum=minima[cohort], alpha=alpha, positive=positives[cohort],
        )  # fmt: skip
        return found.assign(cohort=cohort, arm=arm, classifier=classifier)[GROUPS.column_names]

    parts: list[pd.DataFrame] = []
    with Progress("score groups", len(predictions), "methods") as progress:
        tasks = (delayed(score)(key) for key in predictions)
        for part in Parallel(n_jobs=fewer(threads), prefer="threads", return_as="generator")(tasks):
            parts.append(part)
            progress.advance()
    filled = [part for part in parts if len(part)] or [pd.DataFrame(columns=GROUPS.column_names)]
    return GROUPS.check(pd.concat(filled, ignore_index=True), "groups")
