"""What the report says about trainings with several seeds: how far their scores lie apart, or that nobody knows it."""

from __future__ import annotations

import pandas as pd

from sixgig.arms.instances import instances
from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_title, cohort_title, method_title, metric_title, metric_words


def sentences(study: Study) -> list[str]:
    """Say what the scores of arms that learn, and of random networks, are about; nothing where none draws."""
    drawing = _drawing(study)
    if not drawing:
        return []
    names = ", ".join(arm_title(arm) for arm in drawing)
    if "n_seeds" not in study.summary:
        return [
            tr(
                "One seed: the results of {arms} are about this trained network, or these random weights. Another "
                "training may give others; evaluation.seeds: 3 shows by how much.",
                arms=names,
            )
        ]
    said = [
        tr(
            "The results of {arms} are means over {number} seeds: each was trained, or drawn, that often, and "
            "evaluated on the same folds. The spread between seeds is part of the intervals.",
            arms=names,
            number=numbers.count(study.seeds),
        )
    ]
    return [*said, *filter(None, (_widest(study, cohort) for cohort in study.cohorts))]


def seeds(study: Study) -> TableView:
    """One row per cohort and method with more than one seed; no row in a study with one."""
    table = TableView(
        "seeds-table",
        tr(
            "How far the scores of trainings with different seeds lie apart: {metric}, mean over the folds of each "
            "seed.",
            metric=metric_words(study.metric),
        ),
        [
            tr("Cohort"),
            tr("Method"),
            tr("Seeds"),
            metric_title(study.metric),
            tr("SD between seeds"),
            tr("Lowest and highest seed"),
        ],
    )
    for cohort in study.cohorts:
        for method, row in _several(study, cohort).items():
            means = _means(study, cohort, method)
            table.rows.append(
                [
                    views.cohort(cohort),
                    views.method(method),
                    views.number(row["n_seeds"], numbers.count),
                    views.number(row["estimate"], numbers.score),
                    views.number(row["seed_sd"], numbers.score, strong=True),
                    Cell(numbers.interval(means.min(), means.max()), float(means.min()), numeric=True),
                ]
            )
    return table


def _drawing(study: Study) -> list[str]:
    """Return the arms and controls of which another seed gives other features."""
    if not study.config.get("arms"):
        return []  # a study without study.json
    found = instances(study.config)
    return [arm for arm in study.looks if arm in found and found[arm].draws]


def _several(study: Study, cohort: str) -> dict[Method, pd.Series]:
    if "n_seeds" not in study.summary:
        return {}
    rows = study.estimates(cohort)
    return {method: row for method, row in rows.items() if pd.notna(row["n_seeds"]) and row["n_seeds"] > 1}


def _means(study: Study, cohort: str, method: Method) -> pd.Series:
    """Return the mean over folds of the study's metric by seed."""
    table = study.metrics
    own = table[(table["cohort"] == cohort) & (table["metric"] == study.metric)]
    own = own[(own["arm"] == method.arm) & (own["classifier"] == method.classifier)]
    return own.groupby("seed")["value"].mean()


def _widest(study: Study, cohort: str) -> str:
    """Say which method differs most between seeds; empty where none has several."""
    known = {method: float(row["seed_sd"]) for method, row in _several(study, cohort).items()}
    known = {method: sd for method, sd in known.items() if not numbers.is_missing(sd)}
    if not known:
        return ""
    method = max(known, key=lambda name: known[name])
    return tr(
        "{cohort}: the {metric} of {method} differs most between seeds, with a standard deviation of {sd}.",
        cohort=cohort_title(cohort),
        metric=metric_words(study.metric),
        method=method_title(method),
        sd=numbers.score(known[method]),
    )
