"""The report's table of planned comparisons: few, named before the results were known, and corrected together."""

from __future__ import annotations

from sixgig.figures.forest import QUESTIONS, of_cohort, verdict_words
from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr


def planned(study: Study, cohort: str) -> TableView:
    """Every planned comparison of one cohort, in the order of the plot."""
    rows = of_cohort(study, cohort)
    table = TableView(
        f"planned-{cohort}",
        tr(
            "Planned comparisons of arms, with the classifier of either chosen inside the training folds; Holm's "
            "correction over {number}. The interval leaves out 0 exactly where a difference is shown. Subjects needed: "
            "how many would show a difference that matters in 80% of such studies.",
            number=numbers.plural(int(rows["p_value"].notna().sum()), "comparison"),
        ),
        [
            tr("Question"),
            "A",
            "B",
            tr("A minus B"),
            tr("Interval"),
            "p",
            "p (Holm)",
            tr("Verdict"),
            tr("Subjects needed"),
        ],
    )
    for _, row in rows.iterrows():
        table.rows.append(
            [
                Cell(tr(QUESTIONS[str(row["question"])])),
                views.arm(row["a"]),
                views.arm(row["b"]),
                views.number(row["difference"], numbers.difference),
                Cell(numbers.interval(row["ci_low"], row["ci_high"], numbers.difference), numeric=True),
                views.number(row["p_value"], lambda p: numbers.p_value(p, study.alpha)),
                views.number(row["p_holm"], lambda p: numbers.p_value(p, study.alpha)),
                Cell(verdict_words(row), strong=row["verdict"] in ("a better", "b better", "equivalent")),
                views.number(row["subjects_needed"], numbers.count),
            ]
        )
    return table
