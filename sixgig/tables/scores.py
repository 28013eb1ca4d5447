"""Metrics of every fold, and their summary."""

from __future__ import annotations

from sixgig.tables.format import ARM, CLASSIFIER, COHORT, METRIC, Column, Table
from sixgig.tables.test_pairs import TESTED_ON

METRICS = Table(
    "metrics.csv",
    "one value per metric and test fold",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        METRIC,
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "fold, from 0"),
        Column(
            "value",
            "number",
            "metric on that fold's test subjects or their images; empty when undefined",
            required=False,
        ),
        Column("seed", "integer", "number of the seed, from 0; absent where every arm of the study has one", rare=True),
    ),
)

SUMMARY = Table(
    "summary.csv",
    "one row per cohort, arm, classifier and metric: the procedure, and its pooled out-of-fold predictions",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        METRIC,
        Column(
            "estimate",
            "number",
            "mean of the metric over the test folds of all repeats: the procedure, trained on such a sample",
            required=False,
        ),
        Column(
            "ci_low", "number", "lower end of the procedure's interval at level 1 - evaluation.alpha", required=False
        ),
        Column(
            "ci_high", "number", "upper end of the procedure's interval at level 1 - evaluation.alpha", required=False
        ),
        Column("n_subjects", "integer", "evaluation subjects"),
        Column("status", "string", "ok, 'fallback: what', or 'failed: reason'"),
        Column(
            "ci_method",
            "string",
            "jeffreys, dirichlet, newcombe or log-normal (docs/method.md), or 'none: why'; empty without an estimate",
            required=False,
            optional=True,
        ),
        Column(
            "pooled",
            "number",
            "mean over repeats of the metric on all evaluation subjects or their images at once",
            required=False,
            optional=True,
        ),
        Column(
            "pooled_low",
            "number",
            "lower end of its subject-level bootstrap interval: these fitted models, at level 1 - evaluation.alpha",
            required=False,
            optional=True,
        ),
        Column("pooled_high", "number", "upper end of that interval", required=False, optional=True),
        Column(
            "pooled_method",
            "string",
            "bca, percentile (where BCa is not defined), or 'none: why'; empty without an estimate",
            required=False,
            optional=True,
        ),
        Column(
            "n_images",
            "integer",
            "images that the metric counts; empty where it counts subjects, or each has one image",
            required=False,
            rare=True,
        ),
        Column(
            "undefined_folds",
            "integer",
            "test folds left out of the mean, as the metric is undefined there; empty where there are none",
            required=False,
            rare=True,
        ),
        Column(
            "n_seeds",
            "integer",
            "seeds whose scores are averaged; empty for what failed, absent where every arm of the study has one",
            required=False,
            rare=True,
        ),
        Column(
            "seed_sd",
            "number",
            "standard deviation between seeds of the mean over folds, which the interval holds; empty with one seed",
            required=False,
            rare=True,
        ),
        TESTED_ON,
    ),
)
