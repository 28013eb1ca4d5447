"""Metrics within groups of subjects for every method of a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from sixgig.evaluation.group_metrics import SEED_COLUMNS, group_metrics
from sixgig.evaluation.runs import joined, read_runs, runs_of, seed_of_repeat
from sixgig.runtime.attempts import fewer
from sixgig.runtime.progress import Progress
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS

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
        predictions: Out-of-fold predictions by cohort, arm and classifier, of cohorts with groups; an arm of several
            seeds under a name for each, over which the metrics are averaged.
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

    methods = runs_of(predictions)
    several = any(len(keys) > 1 for keys in methods.values())
    columns = [*GROUPS.column_names, *(SEED_COLUMNS if several else ())]

    def score(key: Key) -> pd.DataFrame:
        cohort, arm, classifier = key
        runs = read_runs(predictions, methods[key], metrics_of[cohort], positives[cohort])
        if not runs or not len(tables[cohort]):
            return pd.DataFrame(columns=columns)
        found = group_metrics(
            joined(runs), tables[cohort],
            n_resamples=n_resamples, seed=seed, minimum=minima[cohort], alpha=alpha, positive=positives[cohort],
            seeds=seed_of_repeat(runs) if several else None,
        )  # fmt: skip
        return found.assign(cohort=cohort, arm=arm, classifier=classifier)[columns]

    parts: list[pd.DataFrame] = []
    with Progress("score groups", len(methods), "methods") as progress:
        tasks = (delayed(score)(key) for key in methods)
        for part in Parallel(n_jobs=fewer(threads), prefer="threads", return_as="generator")(tasks):
            parts.append(part)
            progress.advance()
    filled = [part for part in parts if len(part)] or [pd.DataFrame(columns=columns)]
    return GROUPS.check(pd.concat(filled, ignore_index=True), "groups")
