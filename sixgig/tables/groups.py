"""Tables about groups of subjects: site, scanner, sex, age group."""

from __future__ import annotations

from sixgig.tables.format import ARM, CLASSIFIER, COHORT, METRIC, N_SEEDS, SEED_SD, SUBJECT, Column, Table

#: What stands in place of a group's value in rows about two values, or all of them.
GAP, DIFFERENCE = "gap", "difference"

SUBJECT_GROUPS = Table(
    "groups.csv",
    "the groups that the study file asks for, one row per subject and group",
    (
        SUBJECT,
        Column("group", "string", "what tells the subjects apart, such as site, scanner, sex or age"),
        Column("value", "string", "the subject's value; empty when nothing says it", required=False),
    ),
)

GROUPS = Table(
    "statistics/groups.csv",
    "every metric within every group of subjects, over pooled out-of-fold predictions of these fitted models, and "
    "differences between the values of a group",
    (
        COHORT,
        ARM,
        CLASSIFIER,
        METRIC,
        Column("group", "string", "what tells the subjects apart, such as site, scanner, sex or age"),
        Column(
            "value",
            "string",
            "a value of the group; difference: of the two values that `between` names; gap: the largest difference "
            "between any two",
        ),
        Column(
            "between",
            "string",
            "in rows of differences, the two values with ' - ' between them; in a gap, those that are furthest apart, "
            "the higher first; else empty",
            required=False,
        ),
        Column(
            "estimate",
            "number",
            "mean over repeats of the metric on the subjects with that value; or the first of two values minus the "
            "second. Empty when undefined, or for too few subjects",
            required=False,
        ),
        Column(
            "ci_low",
            "number",
            "lower end of the interval at level 1 - alpha; of differences and gap, of all pairs of the group together",
            required=False,
        ),
        Column("ci_high", "number", "upper end of that interval", required=False),
        Column("n_subjects", "integer", "evaluation subjects with that value, or with any of them"),
        Column(
            "method",
            "string",
            "how the interval was made: wilson, bca, percentile, mover (from the intervals of two values), pairs (from "
            "those of all differences), or 'none: why'",
        ),
        N_SEEDS,
        SEED_SD,
    ),
)
