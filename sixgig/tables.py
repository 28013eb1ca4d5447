"""The tables a user may rely on: columns documented once, checked on every write and read."""

from __future__ import annotations

from sixgig.statistics_tables import BAYESIAN, BUDGET, DELONG, FACTORS, MCNEMAR, OMNIBUS, PAIRWISE, RANKS
from sixgig.table_format import ARM, CLASSIFIER, COHORT, METRIC, SUBJECT, Column, Table

__all__ = [
    "ALL_TABLES",
    "BAYESIAN",
    "BUDGET",
    "COSTS",
    "DELONG",
    "FACTORS",
    "MANIFEST",
    "MCNEMAR",
    "METRICS",
    "OMNIBUS",
    "PAIRWISE",
    "PREDICTIONS",
    "QUARANTINE",
    "RANKS",
    "SPLITS",
    "SUMMARY",
    "TRAINING",
    "Column",
    "Table",
]

MANIFEST = Table(
    "manifest.csv",
    "one row per image; row i describes row i of images.npy",
    (
        Column("image_id", "string", "unique name of the image"),
        SUBJECT,
        Column("label", "string", "class of the subject; empty when unknown", required=False),
        Column("volume_id", "string", "volume the slice was cut from; empty for 2D cohorts", required=False),
        Column("frame", "string", "cardiac frame, ED or ES; empty when there is none", required=False),
        Column(
            "slice",
            "integer",
            "axial index in the volume in RAS orientation, from 0; empty for 2D cohorts",
            required=False,
        ),
        Column("partition", "integer", "equal axial partition, from 0 at the bottom; empty for 2D", required=False),
        Column("source", "string", "input file, relative to the cohort's folder"),
        Column(
            "official",
            "string",
            "training or test where the cohort's authors published sets; else empty",
            required=False,
            optional=True,
        ),
    ),
)
SPLITS = Table(
    "splits.csv",
    "one row per subject and repeat; pretraining and test subjects have one row without repeat and fold",
    (
        SUBJECT,
        Column("label", "string", "class of the subject; empty when unknown", required=False),
        Column("role", "string", "pretraining, evaluation, or test (held out, scored once)"),
        Column("repeat", "integer", "repeat of the cross-validation, from 0", required=False),
        Column("fold", "integer", "fold in which the subject is tested, from 0", required=False),
    ),
)
QUARANTINE = Table(
    "quarantine.csv",
    "inputs left out",
    (
        Column("file", "string", "input file, relative to the cohort's folder"),
        Column("subject_id", "string", "subject (patient)", required=False),
        Column("reason", "string", "why the input cannot be used"),
    ),
)
PREDICTIONS = Table(
    "predictions",
    "out-of-fold predictions, one row per evaluation subject and repeat",
    (
        SUBJECT,
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "fold in which the subject was tested, from 0"),
        Column("label", "string", "true class"),
        Column("predicted", "string", "predicted class"),
    ),
    extra_prefix="score_",
)
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
        Column("value", "number", "metric on that fold's test subjects; empty when undefined", required=False),
    ),
)
SUMMARY = Table(
    "summary.csv",
    "one row per cohort, arm, classifier and metric, over pooled out-of-fold predictions",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        METRIC,
        Column("estimate", "number", "mean over repeats of the metric on all evaluation subjects", required=False),
        Column("ci_low", "number", "lower end of the 95% subject-level bootstrap interval", required=False),
        Column("ci_high", "number", "upper end of the 95% subject-level bootstrap interval", required=False),
        Column("n_subjects", "integer", "evaluation subjects"),
        Column("status", "string", "ok, 'fallback: what', or 'failed: reason'"),
        Column(
            "ci_method",
            "string",
            "bca, percentile (where BCa is not defined), or 'none: why'; empty without an estimate",
            required=False,
            optional=True,
        ),
    ),
)
COSTS = Table(
    "costs.csv",
    "what each stage took",
    (
        COHORT,
        Column("arm", "string", "arm; empty for work shared by all arms", required=False),
        Column("stage", "string", "prepare, pretrain, encode, or classify:<classifier>"),
        Column("seconds", "number", "wall time"),
        Column("images_per_second", "number", "images over seconds; empty when no images were encoded", required=False),
        Column("peak_vram_mb", "number", "peak GPU memory in MiB; 0 on a CPU"),
        Column("peak_rss_mb", "number", "peak resident host memory of the process in MiB"),
        Column("batch_size", "integer", "batch size used; empty when there is none", required=False),
        Column("device", "string", "cuda or cpu"),
    ),
)
TRAINING = Table(
    "training.csv",
    "loss of every step while an arm learned from the pretraining subjects",
    (
        Column("step", "integer", "step, from 1"),
        Column("stage", "string", "part of the training, such as global or local"),
        Column("loss", "number", "loss of the step's batch"),
        Column("learning_rate", "number", "learning rate of the step"),
    ),
)
#: What names a pair of methods in the tables of tests within a cohort.

#: Every table format, for the documentation in results/README.md and the tests.
ALL_TABLES = (
    MANIFEST,
    SPLITS,
    QUARANTINE,
    PREDICTIONS,
    METRICS,
    SUMMARY,
    COSTS,
    TRAINING,
    PAIRWISE,
    BAYESIAN,
    MCNEMAR,
    DELONG,
    OMNIBUS,
    RANKS,
    FACTORS,
    BUDGET,
)
