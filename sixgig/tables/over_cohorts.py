"""Ranks and tests over cohorts, and what arm and classifier explain."""

from __future__ import annotations

from sixgig.tables.format import ARM, CLASSIFIER, COHORT, METRIC, Column, Table

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
        Column("interval_width", "number", "median width of the intervals of the arms' estimates", required=False),
        Column("status", "string", "ok, 'without arms' (or 'classifier name'), or 'undefined: reason'"),
    ),
)
