"""What the score of a method costs: a sentence per cohort, and the table of seconds, memory and features."""

from __future__ import annotations

import pandas as pd

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study, is_failed
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title

#: What each front is about, by the column that holds it.
FRONT_TITLES = {
    "front_seconds": "time",
    "front_vram": "GPU memory",
    "front_rss": "host memory",
    "front_features": "features",
}


def sentences(study: Study) -> list[str]:
    """Say for every cohort what the fastest arm reaches and whether more time buys more.

    Rules: the fastest method and the one that scores best are the ends of the front of time. The latter is called
    better only where the paired test finds it so. Times on more than one kind of device are not compared.
    """
    return [sentence for cohort in study.budget["cohort"].unique() for sentence in _of_cohort(study, str(cohort))]


def _of_cohort(study: Study, cohort: str) -> list[str]:
    rows = study.budget[(study.budget["cohort"] == cohort) & study.budget["front_seconds"].notna()]
    front = rows[rows["front_seconds"] == "yes"].sort_values("seconds", kind="stable")
    if not len(front):
        return []
    fast, top = front.iloc[0], front.iloc[-1]
    facts = {"cohort": cohort_title(cohort), "fast": method_title(_method(fast)), "fast_facts": _facts(fast)}
    if fast["seconds"] == top["seconds"]:
        found = [tr("On {cohort} no arm is faster or scores better than {fast} ({fast_facts}).", **facts)]
    else:
        text = tr(
            "On {cohort} {fast} is fastest ({fast_facts}), and {top} scores best ({top_facts})",
            top=method_title(_method(top)),
            top_facts=_facts(top),
            **facts,
        )
        found = [f"{text}: {_bought(study, cohort, _method(top), _method(fast))}"]
    devices = sorted(set(rows["device"].dropna().astype(str)))
    if len(devices) > 1:
        found.append(
            tr(
                "On {cohort} the arms ran on different devices ({devices}), so their times cannot be compared fairly.",
                cohort=cohort_title(cohort),
                devices=", ".join(devices),
            )
        )
    return found


def _bought(study: Study, cohort: str, top: Method, fast: Method) -> str:
    pair = study.pairs.row(cohort, top, fast)
    if pair is None:
        return tr("the two were not tested against each other.")
    if pair["verdict"] == "not testable":
        return tr("every fold shows the same difference between the two, so the paired test is not defined.")
    p = numbers.p_equation(pair["p_holm"], study.alpha)
    if pair["verdict"] == "a better":
        return tr("the paired test finds the slower one better (corrected {p}).", p=p)
    if pair["verdict"] == "b better":
        return tr("the paired test favours the faster one (corrected {p}).", p=p)
    return tr("within noise (corrected {p}), so the time is not shown to buy anything.", p=p)


def _facts(row: pd.Series) -> str:
    return tr("{score} in {seconds}", score=numbers.score(row["estimate"]), seconds=numbers.seconds(row["seconds"]))


def _method(row: pd.Series) -> Method:
    return Method(str(row["arm"]), str(row["classifier"]))


def budget(study: Study) -> TableView:
    """What every method took on every cohort; the estimate of a method on the front of time stands out."""
    table = TableView(
        "budget-table",
        tr(
            "What every estimate took, without the work that all arms share. A method is on a front when no other arm "
            "of its cohort is as good for less or better for as much; controls are on none. Seconds are wall time on "
            "the device that the row names, where the classifier always runs on the CPU; GPU memory is 0 on a CPU, and "
            "then has no front."
        ),
        [
            tr("Cohort"),
            tr("Method"),
            tr("Estimate"),
            tr("On the front of"),
            tr("Time"),
            tr("Training"),
            tr("Encoding"),
            tr("Classifier"),
            tr("Device"),
            tr("Peak GPU memory"),
            tr("Peak host memory"),
            tr("Features"),
        ],
    )
    for _, row in study.budget.iterrows():
        fronts = [tr(title) for column, title in FRONT_TITLES.items() if _on(row[column])]
        table.rows.append(
            [
                views.cohort(row["cohort"]),
                views.method(_method(row)),
                _estimate(row),
                Cell(", ".join(fronts) or tr("none")),
                views.number(row["seconds"], numbers.seconds),
                _training(row["seconds_train"]),
                views.number(row["seconds_encode"], numbers.seconds),
                views.number(row["seconds_classify"], numbers.seconds),
                views.text(row["device"]),
                views.number(row["peak_vram_mb"], numbers.mebibytes),
                views.number(row["peak_rss_mb"], numbers.mebibytes),
                views.number(row["n_features"], numbers.count),
            ]
        )
    return table


def _estimate(row: pd.Series) -> Cell:
    if is_failed(str(row["status"])):
        return Cell(tr("failed"), float("-inf"), numeric=True)
    return views.number(row["estimate"], numbers.score, strong=_on(row["front_seconds"]))


def _training(seconds: object) -> Cell:
    """Seconds of training; the word "none" for an arm that is not trained."""
    return Cell(tr("none"), 0.0, numeric=True) if seconds == 0 else views.number(seconds, numbers.seconds)


def _on(front: object) -> bool:
    return not numbers.is_missing(front) and front == "yes"
