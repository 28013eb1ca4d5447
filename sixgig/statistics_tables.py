"""The tables under ``statistics/``: tests of pairs within a cohort, ranks over cohorts, factors, and costs."""

from __future__ import annotations

from sixgig.table_format import ARM, CLASSIFIER, COHORT, METRIC, Column, Table

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
        COHORT,
        METRIC,
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
        COHORT,
        METRIC,
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
        COHORT,
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
        COHORT,
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
        METRIC,
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
        METRIC,
        ARM,
        CLASSIFIER,
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
        COHORT,
        METRIC,
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
