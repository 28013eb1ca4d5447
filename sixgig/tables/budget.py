"""What the estimate of every method took."""

from __future__ import annotations

from sixgig.tables.format import ARM, CLASSIFIER, COHORT, METRIC, Column, Table

_FRONT = "yes on the Pareto front of {} among the arms of the cohort, else no; empty for controls and failed arms"

BUDGET = Table(
    "budget.csv",
    "what the estimate of every method took",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        METRIC,
        Column("estimate", "number", "as in summary.csv", required=False),
        Column("ci_low", "number", "as in summary.csv", required=False),
        Column("ci_high", "number", "as in summary.csv", required=False),
        Column("seconds", "number", "wall time of training, encoding and classification together", required=False),
        Column("seconds_train", "number", "wall time of training; 0 for an arm that is not trained", required=False),
        Column("seconds_encode", "number", "wall time of encoding, that of a source arm included", required=False),
        Column("seconds_classify", "number", "wall time of the classifier", required=False),
        Column("device", "string", "where the features were computed: cpu, cuda, or cpu and cuda", required=False),
        Column("peak_vram_mb", "number", "highest peak of GPU memory in MiB; 0 on a CPU", required=False),
        Column("peak_rss_mb", "number", "highest peak of host memory in MiB", required=False),
        Column("n_features", "integer", "features per subject; empty for the majority class", required=False),
        Column("front_seconds", "string", _FRONT.format("time"), required=False),
        Column("front_vram", "string", _FRONT.format("GPU memory") + "; empty unless all ran on a GPU", required=False),
        Column("front_rss", "string", _FRONT.format("host memory"), required=False),
        Column("front_features", "string", _FRONT.format("features"), required=False),
        Column("status", "string", "as in summary.csv"),
    ),
)
