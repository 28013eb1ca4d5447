"""Estimates and intervals of methods on other cohorts than the one that trained them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sixgig.evaluation.levels import at_level
from sixgig.evaluation.metrics import fold_metrics
from sixgig.evaluation.runs import Run, by_seed, joined, runs_of, seed_number, status_of, with_spread
from sixgig.evaluation.summary import summarise
from sixgig.runtime.atomic import read_json
from sixgig.runtime.outcomes import failed_status
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.predictions import IMAGE, PREDICTIONS
from sixgig.tables.roles import EVALUATION
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.tables.use import HELD_OUT

_NOTHING = pd.DataFrame(columns=METRICS.column_names)


def with_external(
    test: pd.DataFrame,
    predictions: Mapping[tuple[str, ...], Path],
    facts: Mapping[tuple[str, ...], Path],
    splits: Mapping[tuple[str, ...], Path],
    positives: Mapping[str, str | None],
    metrics_of: Mapping[str, str],
    bootstrap_samples: int,
    seed: int,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Add the rows of external cohorts to those of held-out test sets.

    Args:
        test: ``tables.SUMMARY`` on held-out test sets.
        predictions: Predictions by cohort, external cohort, arm and classifier, an arm of several seeds under a
            name for each; none leaves ``test`` as it is.
        facts: What :func:`sixgig.evaluation.external.classify_external` says of them, by the same.
        splits: splits.csv by cohort, ``(cohort,)``.
        positives: Positive class by cohort; that of the cohort that trained counts.
        metrics_of: What metrics count by cohort.
        bootstrap_samples: Resamples of subjects.
        seed: The study's seed.
        alpha: 1 minus the level of the intervals.

    Returns:
        Rows of ``tables.SUMMARY``, with ``tested_on`` where there are external cohorts.
    """
    parts = [test.assign(tested_on=HELD_OUT)] if len(test) else []
    methods = runs_of(predictions, place=2)
    several = any(len(keys) > 1 for keys in methods.values())
    for (cohort, other, arm, classifier), keys in methods.items():
        raw = [PREDICTIONS.read(predictions[key]) for key in keys]
        runs = []
        for key, rows in zip(keys, raw, strict=True):
            status = str(read_json(facts[key]).get("status", "ok"))
            kept = rows.iloc[:0] if failed_status({"status": status}) else rows
            level = at_level(kept, metrics_of.get(cohort, "subject"), positives[cohort])
            runs.append(Run(seed_number(key, place=2), level, status))
        found = joined(runs)
        table = SPLITS.read(splits[other,])
        tested = table[table["label"].notna()].drop_duplicates("subject_id")
        labels_of = "image" if IMAGE in raw[0] else "subject"
        good = [run for run in runs if not run.failed]
        summary = summarise(
            found if good else None, cohort, arm, classifier, status_of(runs),
            splits=tested.assign(role=EVALUATION, repeat=0, fold=0), n_resamples=bootstrap_samples, seed=seed,
            positive=positives[cohort], labels_of=labels_of, alpha=alpha, seeds=max(1, len(good)),
        )  # fmt: skip
        if several:
            own = fold_metrics(found, cohort, arm, classifier, positive=positives[cohort]) if good else _NOTHING
            summary = with_spread(summary, by_seed(own, runs), alpha)
        parts.append(summary.assign(tested_on=other))
    if not predictions:
        return test
    return SUMMARY.check(pd.concat(parts, ignore_index=True), SUMMARY.name)
