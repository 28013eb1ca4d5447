"""The tables a user may rely on: columns documented once, checked on every write and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pandas as pd

from sixgig.atomic import atomic_path
from sixgig.errors import TableError

#: pandas types by the name used in a specification. The capital ``Int64`` allows missing values.
_TYPES = {"string": "string", "integer": "Int64", "number": "float64"}


@dataclass(frozen=True)
class Column:
    """One column: its name, type (``string``, ``integer``, ``number``) and meaning."""

    name: str
    type: str
    description: str
    required: bool = True  # a required column holds no missing value
    optional: bool = False  # an optional column may be absent; it is then filled with missing values


@dataclass(frozen=True)
class Table:
    """A table format: file name, columns in order, and what it holds.

    ``extra_prefix`` allows further number columns whose names start with it (class scores).
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    extra_prefix: str = field(default="")

    @property
    def column_names(self) -> list[str]:
        """The names of the fixed columns, in file order."""
        return [column.name for column in self.columns]

    def check(self, frame: pd.DataFrame, place: object) -> pd.DataFrame:
        """Return ``frame`` with this table's columns, order and types.

        Args:
            frame: The rows.
            place: The file, for the error message.

        Raises:
            TableError: A column is missing, unknown, of another type, or empty where a value is required.
        """
        extra = [name for name in frame.columns if name not in self.column_names]
        unknown = [name for name in extra if not (self.extra_prefix and name.startswith(self.extra_prefix))]
        absent = [column.name for column in self.columns if column.optional and column.name not in frame.columns]
        if absent:
            frame = frame.assign(**dict.fromkeys(absent))
        missing = [name for name in self.column_names if name not in frame.columns]
        if missing or unknown:
            raise TableError(
                place,
                f"{self.name} needs the columns {', '.join(self.column_names)}; "
                f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}",
                "delete the file and run snakemake again, or correct its header if you wrote it yourself",
            )
        checked = frame[self.column_names + extra].copy()
        kinds = {column.name: column.type for column in self.columns} | dict.fromkeys(extra, "number")
        for name, kind in kinds.items():
            try:
                checked[name] = checked[name].astype(_TYPES[kind])  # type: ignore[call-overload]
            except (ValueError, TypeError) as error:
                raise TableError(
                    place, f"column {name!r} is not of type {kind}: {error}", "correct the values in that column"
                ) from error
        for column in self.columns:
            if column.required and checked[column.name].isna().any():
                row = int(checked[column.name].isna().to_numpy().argmax())
                raise TableError(
                    place, f"column {column.name!r} is empty in data row {row + 1}", "fill in the missing value"
                )
        return checked

    def write(self, frame: pd.DataFrame, path: str | PathLike[str]) -> None:
        """Check ``frame`` and write it atomically as CSV with ten significant digits."""
        checked = self.check(frame, path)
        with atomic_path(path) as partial:
            checked.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")

    def read(self, path: str | PathLike[str]) -> pd.DataFrame:
        """Read and check a CSV file of this format.

        Raises:
            TableError: The file is missing, is not CSV, or does not hold these columns.
        """
        text = {column.name: "string" for column in self.columns if column.type == "string"}
        try:
            # Class names such as "NA" or "None" are text, not missing values.
            frame = pd.read_csv(Path(path), dtype=text, keep_default_na=False, na_values=[""])
        except (OSError, ValueError, pd.errors.ParserError) as error:
            raise TableError(path, f"cannot be read as CSV: {error}", "run snakemake to write it again") from error
        return self.check(frame, path)


_COHORT = Column("cohort", "string", "cohort name from the config")
_ARM = Column("arm", "string", "arm or control that computed the features")
_CLASSIFIER = Column("classifier", "string", "classifier fitted to the features")
_METRIC = Column("metric", "string", "metric name, see sixgig.metrics")
_SUBJECT = Column("subject_id", "string", "subject (patient)")

MANIFEST = Table(
    "manifest.csv",
    "one row per image; row i describes row i of images.npy",
    (
        Column("image_id", "string", "unique name of the image"),
        _SUBJECT,
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
        _SUBJECT,
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
        _SUBJECT,
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
        _COHORT,
        _ARM,
        _CLASSIFIER,
        _METRIC,
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "fold, from 0"),
        Column("value", "number", "metric on that fold's test subjects; empty when undefined", required=False),
    ),
)
SUMMARY = Table(
    "summary.csv",
    "one row per cohort, arm, classifier and metric, over pooled out-of-fold predictions",
    (
        _COHORT,
        _ARM,
        _CLASSIFIER,
        _METRIC,
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
        _COHORT,
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
_PAIR = (
    Column("arm_a", "string", "first arm"),
    Column("classifier_a", "string", "first classifier"),
    Column("arm_b", "string", "second arm"),
    Column("classifier_b", "string", "second classifier"),
)
_P_VALUE = Column(
    "p_value", "number", "two-sided p value, uncorrected for multiplicity; empty when not testable", required=False
)
_P_HOLM = Column("p_holm", "number", "p value after Holm's correction over the cohort's testable pairs", required=False)
_VERDICT = Column("verdict", "string", "a better, b better, within noise, or not testable, at the study's alpha")
PAIRWISE = Table(
    "pairwise.csv",
    "Nadeau-Bengio corrected resampled t-tests between two methods (arm and classifier) of one cohort",
    (
        _COHORT,
        _METRIC,
        *_PAIR,
        Column("difference", "number", "mean over folds of a minus b"),
        Column("ci_low", "number", "lower end of the corrected 95% interval of the difference", required=False),
        Column("ci_high", "number", "upper end of the corrected 95% interval of the difference", required=False),
        Column("t", "number", "corrected t statistic; empty when every fold has the same difference", required=False),
        Column("df", "integer", "degrees of freedom, folds x repeats - 1"),
        _P_VALUE,
        _P_HOLM,
        Column("effect_size", "number", "difference over its standard deviation across folds", required=False),
        Column("n_scores", "integer", "paired fold scores compared"),
        Column(
            "detectable",
            "number",
            "true difference found with 80% probability at alpha over the cohort's testable pairs (Bonferroni)",
            required=False,
        ),
        _VERDICT,
    ),
)
BAYESIAN = Table(
    "bayesian.csv",
    "Bayesian correlated t-tests between two methods of one cohort; no probabilities when every fold has the same "
    "difference",
    (
        _COHORT,
        _METRIC,
        *_PAIR,
        Column("rope", "number", "half width of the region of practical equivalence"),
        Column("p_a_better", "number", "posterior probability that a is better by more than the rope", required=False),
        Column("p_equivalent", "number", "posterior probability of a difference inside the rope", required=False),
        Column("p_b_better", "number", "posterior probability that b is better by more than the rope", required=False),
    ),
)
MCNEMAR = Table(
    "mcnemar.csv",
    "exact McNemar tests between two methods of one cohort; each subject counts once, by its class scores averaged "
    "over the repeats",
    (
        _COHORT,
        *_PAIR,
        Column("both_right", "integer", "subjects that both methods get right"),
        Column("only_a_right", "integer", "subjects that only a gets right"),
        Column("only_b_right", "integer", "subjects that only b gets right"),
        Column("both_wrong", "integer", "subjects that both methods get wrong"),
        _P_VALUE,
        _P_HOLM,
        _VERDICT,
    ),
)
DELONG = Table(
    "delong.csv",
    "DeLong tests of the area under the ROC curve between two methods of one cohort with two classes, on class scores "
    "averaged over the repeats",
    (
        _COHORT,
        *_PAIR,
        Column("n_subjects", "integer", "evaluation subjects"),
        Column("auc_a", "number", "area of a's mean scores; not the mean of the folds' areas", required=False),
        Column("auc_b", "number", "area of b's mean scores", required=False),
        Column("difference", "number", "auc_a - auc_b", required=False),
        Column("ci_low", "number", "lower end of the 95% interval of the difference", required=False),
        Column("ci_high", "number", "upper end of the 95% interval of the difference", required=False),
        Column("z", "number", "difference over its standard error; empty without variance", required=False),
        _P_VALUE,
        _P_HOLM,
        _VERDICT,
    ),
)

OMNIBUS = Table(
    "omnibus.csv",
    "do the methods differ over the cohorts: one row, with cohorts as blocks",
    (
        _METRIC,
        Column("test", "string", "friedman, wilcoxon (two methods), or none (fewer)"),
        Column("n_methods", "integer", "arms with their classifiers that have an estimate on every cohort"),
        Column("n_cohorts", "integer", "cohorts on which any arm has an estimate"),
        Column(
            "kendall_w",
            "number",
            "agreement of the cohorts on the ranking, 0 to 1; empty when undefined",
            required=False,
        ),
        Column("chi2", "number", "Friedman's statistic, corrected for ties; empty when undefined", required=False),
        Column("f", "number", "Iman and Davenport's F; empty when undefined or infinite", required=False),
        Column("df_methods", "integer", "first degrees of freedom of F", required=False),
        Column("df_error", "integer", "second degrees of freedom of F", required=False),
        Column("p_value", "number", "p value of F or of Wilcoxon's test; empty without a verdict", required=False),
        Column("alpha", "number", "level of the test and of the critical difference"),
        Column("critical_difference", "number", "Nemenyi's critical difference of average ranks", required=False),
        Column(
            "cd_share",
            "number",
            "critical difference over the greatest possible difference, n_methods - 1",
            required=False,
        ),
        Column(
            "power",
            "number",
            "simulated chance of finding one method better by one standard deviation; empty for one cohort",
            required=False,
        ),
        Column(
            "cohorts_for_power", "integer", "cohorts at which that chance is 0.8; empty when above 160", required=False
        ),
        Column("status", "string", "ok, 'not enough cohorts: n of at least 5', or 'undefined: reason'"),
        Column("verdict", "string", "difference found, within noise, or no verdict"),
    ),
)
RANKS = Table(
    "ranks.csv",
    "ranks of the methods over the cohorts, best first; then controls, then methods that are left out",
    (
        _METRIC,
        _ARM,
        _CLASSIFIER,
        Column("role", "string", "arm, or control (not ranked: the place it would take among the arms)"),
        Column(
            "average_rank", "number", "mean over cohorts of the rank, 1 is the best; ties share ranks", required=False
        ),
        Column("best_rank", "number", "best rank on any cohort", required=False),
        Column("worst_rank", "number", "worst rank on any cohort", required=False),
        Column(
            "groups",
            "string",
            "methods that share a number are not told apart; empty without a verdict",
            required=False,
        ),
        Column("status", "string", "ok, or 'left out: no estimate on cohorts'"),
    ),
)
FACTORS = Table(
    "factors.csv",
    "how much of the variance between the methods of a cohort the arm explains, and how much the classifier",
    (
        _COHORT,
        _METRIC,
        Column("factor", "string", "arm, classifier, or interaction (with noise)"),
        Column("levels", "integer", "arms, classifiers, or cells of the layout"),
        Column("df", "integer", "degrees of freedom"),
        Column("sum_of_squares", "number", "sum of squares about the mean; empty when undefined", required=False),
        Column("eta_squared", "number", "share of the total sum of squares; empty when undefined", required=False),
        Column("lowest", "number", "lowest estimate of an arm on the cohort", required=False),
        Column("highest", "number", "highest estimate of an arm on the cohort", required=False),
        Column("interval_width", "number", "median width of the 95% intervals of the arms' estimates", required=False),
        Column("status", "string", "ok, 'without arms', or 'undefined: reason'"),
    ),
)
_FRONT = "yes on the Pareto front of {} among the arms of the cohort, else no; empty for controls and failed arms"
BUDGET = Table(
    "budget.csv",
    "what the estimate of every method took",
    (
        _COHORT,
        _ARM,
        _CLASSIFIER,
        _METRIC,
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
