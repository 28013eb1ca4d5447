"""The report's table of paired tests on subjects that no method had seen."""

from __future__ import annotations

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study
from sixgig.tables.use import HELD_OUT
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title, metric_title

#: What the tests ask, by their name in the table.
_TITLES = {"bootstrap": "bootstrap", "mcnemar": "McNemar", "delong": "DeLong"}


def tested_on(name: str) -> str:
    """Return what a test set is called."""
    return tr("official test set") if name == HELD_OUT else cohort_title(name)


def pairs(study: Study) -> TableView:
    """Every paired test on held-out test sets and external cohorts; no row when no cohort has any."""
    rows = study.test_pairs
    view = TableView(
        "test-pairs-table",
        tr(
            "Paired tests on subjects that no method had seen, each arm with the classifier that cross-validation "
            "chose. Bootstrap: the difference of the metric over resampled subjects. McNemar: is one right more often. "
            "DeLong: does one rank better (two classes). They test these fitted models, not what another training "
            "would give. Holm's correction for each test set and test apart; the interval has the level of its step."
        ),
        [
            tr("Cohort"),
            tr("Tested on"),
            tr("Test"),
            tr("Metric"),
            "A",
            "B",
            tr("Difference"),
            tr("Interval"),
            "p",
            "p (Holm)",
            tr("Verdict"),
        ],
    )
    several = "seeds_agree" in rows
    if several:
        view.columns.append(tr("Seeds that agree"))
        view.caption += " " + tr(
            "With several seeds the bootstrap compares means over them, with their spread in the interval; McNemar's "
            "and DeLong's tests are those of the first seed, with the number of seeds whose own test has the same "
            "verdict."
        )
    for _, row in rows.iterrows():
        a = Method(str(row["arm_a"]), str(row["classifier_a"]))
        b = Method(str(row["arm_b"]), str(row["classifier_b"]))
        better = {"a better": method_title(a), "b better": method_title(b)}.get(row["verdict"])
        own_metric = row["test"] == "bootstrap"
        view.rows.append(
            [
                views.cohort(row["cohort"]),
                Cell(tested_on(str(row["tested_on"]))),
                Cell(_TITLES[str(row["test"])]),
                Cell(metric_title(str(row["metric"]))),
                views.method(a),
                views.method(b),
                views.number(row["difference"], numbers.difference),
                Cell(numbers.interval(row["ci_low"], row["ci_high"], numbers.difference), numeric=True),
                views.number(row["p_value"], lambda p: numbers.p_value(p, study.alpha)),
                views.number(row["p_holm"], lambda p: numbers.p_value(p, study.alpha)),
                Cell(
                    tr("{method} better", method=better) if better else tr(str(row["verdict"])),
                    strong=own_metric and better is not None,
                ),
                *([views.agreement(row)] if several else []),
            ]
        )
    return view
