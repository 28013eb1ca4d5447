"""The report's tables of pairs of methods, none of which decides a verdict: to explore, and tests of fitted models."""

from __future__ import annotations

import pandas as pd

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title, metric_title, metric_words

_OTHER_WAY = {"a better": "b better", "b better": "a better"}
#: Pairs that the page shows; of more it shows those of the method that scored highest. The files have all.
MOST_PAIRS = 80


def pairs(study: Study, cohort: str) -> TableView:
    """Every tested pair of one cohort, smallest corrected p first."""
    return _pairs(study, cohort, brief=False)


def tests(study: Study, cohort: str) -> TableView:
    """Tests between the fitted models of every pair of one cohort, smallest corrected p of McNemar's test first.

    Only cohorts with two classes have DeLong's columns; the caption says why others lack them.
    """
    return _tests(study, cohort, brief=False)


def brief(study: Study, cohort: str) -> tuple[TableView, TableView]:
    """Return pairs and tests for the page: of more than :data:`MOST_PAIRS` only those of the method that leads."""
    return _pairs(study, cohort, brief=True), _tests(study, cohort, brief=True)


def _pairs(study: Study, cohort: str, *, brief: bool) -> TableView:
    rows = study.pairwise[study.pairwise["cohort"] == cohort].sort_values(["p_holm", "p_value"], kind="stable")
    ropes = study.bayesian[study.bayesian["cohort"] == cohort]["rope"]
    caption = tr(
        "{cohort}: every pair of methods, to explore; no verdict rests on it, the planned comparisons answer what was "
        "asked. Corrected resampled t-test (Nadeau and Bengio), Holm's correction over {comparisons}. Difference is A "
        "minus B, of the means of the fold scores; its interval of {level} is for that pair alone. Detectable: the "
        "true difference that this test finds in 80% of such studies, at Bonferroni's level.",
        cohort=cohort_title(cohort),
        level=numbers.level(study.alpha),
        comparisons=numbers.plural(int(rows["p_value"].notna().sum()), "comparison"),
    )
    if len(ropes):
        caption += " " + tr(
            "P: probability after these folds that A or B is better by more than {rope}, or that they are equivalent "
            "within it (Bayesian correlated t-test; not corrected).",
            rope=numbers.score(ropes.iloc[0]),
        )
    table = TableView(
        f"pairs-{cohort}",
        caption,
        [
            "A",
            "B",
            tr("Difference"),
            tr("Interval"),
            "p",
            "p (Holm)",
            tr("P(A better)"),
            tr("P(equivalent)"),
            tr("P(B better)"),
            tr("Effect size"),
            tr("Detectable"),
            tr("Verdict"),
        ],
    )
    rows = _shown(study, cohort, rows, table, "pairs") if brief else rows
    several = rows["metric"].nunique() > 1
    if several:
        table.columns.insert(0, tr("Metric"))
    for _, row in rows.iterrows():
        a, b = _methods(row)
        better = {"a better": method_title(a), "b better": method_title(b)}.get(row["verdict"])
        bayesian = study.pairs.row(cohort, a, b, "bayesian") if row["metric"] == study.metric else None
        cells = [
            views.method(a),
            views.method(b),
            views.number(row["difference"], numbers.difference),
            Cell(numbers.interval(row["ci_low"], row["ci_high"], numbers.difference), numeric=True),
            views.number(row["p_value"], lambda p: numbers.p_value(p, study.alpha)),
            views.number(row["p_holm"], lambda p: numbers.p_value(p, study.alpha)),
            *(
                views.number(None if bayesian is None else bayesian[name], numbers.probability)
                for name in ("p_a_better", "p_equivalent", "p_b_better")
            ),
            views.number(row["effect_size"], numbers.difference),
            views.number(row["detectable"], numbers.score),
            Cell(tr("{method} better", method=better) if better else tr(str(row["verdict"]))),
        ]
        table.rows.append([Cell(metric_title(row["metric"])), *cells] if several else cells)
    return table


def _tests(study: Study, cohort: str, *, brief: bool) -> TableView:
    subjects = study.mcnemar[study.mcnemar["cohort"] == cohort]
    binary = bool((study.delong["cohort"] == cohort).any())
    view = TableView(
        f"tests-{cohort}",
        _tests_caption(study, cohort, binary),
        [
            "A",
            "B",
            tr("Only A right"),
            tr("Only B right"),
            tr("McNemar p (Holm)"),
            *([tr("AUC, A minus B"), tr("DeLong p (Holm)")] if binary else []),
        ],
    )
    several = "seeds_agree" in subjects
    if several:
        view.caption += " " + tr(
            "These tests are about one fitted model each. Where arms were trained with several seeds they are those of "
            "the first seed, 0 of {number}; the last columns say how many seeds have the same verdict.",
            number=numbers.count(study.seeds),
        )
        view.columns += [tr("McNemar, seeds that agree"), *([tr("DeLong, seeds that agree")] if binary else [])]
    subjects = _shown(study, cohort, subjects, view, "tests") if brief else subjects
    rows = []
    for _, mcnemar in subjects.iterrows():
        a, b = _methods(mcnemar)
        delong = study.pairs.row(cohort, a, b, "delong")
        cells = [
            views.method(a),
            views.method(b),
            *(views.number(mcnemar[name], numbers.count) for name in ("only_a_right", "only_b_right")),
            _p_cell(mcnemar, study.alpha),
        ]
        if binary:
            difference = views.number(None if delong is None else delong["difference"], numbers.difference)
            cells += [difference, _p_cell(delong, study.alpha)]
        if several:
            cells += [views.agreement(row) for row in ([mcnemar, delong] if binary else [mcnemar])]
        order = [mcnemar["p_holm"], mcnemar["p_value"]]
        rows.append((tuple(float("inf") if numbers.is_missing(p) else float(p) for p in order), cells))
    view.rows = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    return view


def contradictions(study: Study, cohort: str) -> str:
    """Explain in one sentence where a test of fitted models points the other way than the tests over folds.

    What McNemar's or DeLong's test finds of two methods is held against the planned contrast of their arms, and, where
    that shows nothing, against the t-test of the same two methods.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The sentence; empty where nothing contradicts.
    """
    rows = study.contrasts[(study.contrasts["cohort"] == cohort) & (study.contrasts["metric"] == study.metric)]
    planned = {(str(row["a"]), str(row["b"])): str(row["verdict"]) for _, row in rows.iterrows()}
    planned |= {(b, a): _OTHER_WAY.get(verdict, verdict) for (a, b), verdict in planned.items()}
    found = []
    for name, frame in (("McNemar", study.mcnemar), ("DeLong", study.delong)):
        for _, row in frame[(frame["cohort"] == cohort) & frame["verdict"].isin(_OTHER_WAY)].iterrows():
            a, b = _methods(row)
            folds = study.pairs.row(cohort, a, b)
            words = (planned.get((a.arm, b.arm)), None if folds is None else folds["verdict"])
            shown = next((word for word in words if word in _OTHER_WAY), None)
            if shown == _OTHER_WAY[row["verdict"]]:
                ahead, behind = (a, b) if row["verdict"] == "a better" else (b, a)
                found.append(tr("{test}: {a} before {b}", test=name, a=method_title(ahead), b=method_title(behind)))
    if not found:
        return ""
    return tr(
        "Some point the other way than the comparisons over folds ({pairs}): they count what these fitted models are "
        "right about, each subject alike, and the comparisons ask which arm reaches the higher {metric} when it is "
        "trained on such a sample.",
        pairs="; ".join(found),
        metric=metric_words(study.metric),
    )


def _shown(study: Study, cohort: str, rows: pd.DataFrame, view: TableView, table: str) -> pd.DataFrame:
    """Return the rows that the page shows, and say in the caption which those are when it does not show all."""
    estimates = {
        method: float(row["estimate"])
        for method, row in study.estimates(cohort).items()
        if not method.is_control and not numbers.is_missing(row["estimate"])
    }
    if len(rows) <= MOST_PAIRS or not estimates:
        return rows
    best = max(estimates, key=lambda method: estimates[method])
    view.caption += " " + tr(
        "Shown are the pairs of {method}, which scored highest; all {number} are in tables/{cohort}.{table}.csv.",
        method=method_title(best),
        number=numbers.count(len(rows)),
        cohort=cohort,
        table=table,
    )
    return rows[[best in _methods(row) for _, row in rows.iterrows()]]


def _tests_caption(study: Study, cohort: str, binary: bool) -> str:
    parts = [
        tr(
            "{cohort}: are the predictions of these fitted models different? This is another question than which arm "
            "to train, and no verdict rests on it; Holm's correction for each test apart.",
            cohort=cohort_title(cohort),
        ),
        tr(
            "McNemar and DeLong count each image once, by its class scores averaged over the repeats, and do not take "
            "images of one subject for independent: McNemar's p value is that of changing the signs of whole subjects, "
            "DeLong's has Obuchowski's variance. Only A right: images that A classifies rightly and B does not."
        )
        if study.metrics_of(cohort) == "image"
        else tr(
            "McNemar and DeLong count each subject once, by its class scores averaged over the repeats. Only A right: "
            "subjects that A classifies rightly and B does not."
        ),
    ]
    if binary:
        parts.append(
            tr(
                "AUC is the area of these averaged scores, which is not the mean of the folds' areas in the tables of "
                "metrics. A method that gives all subjects of a fold the same score has no ROC curve to compare."
            )
        )
    elif (classes := study.n_classes(cohort)) is not None and classes != 2:
        parts.append(tr("DeLong's test needs two classes, and this cohort has {number}.", number=classes))
    parts.append(contradictions(study, cohort))
    return " ".join(part for part in parts if part)


def _methods(row: pd.Series) -> tuple[Method, Method]:
    return Method(str(row["arm_a"]), str(row["classifier_a"])), Method(str(row["arm_b"]), str(row["classifier_b"]))


def _p_cell(row: pd.Series | None, alpha: float) -> Cell:
    """The corrected p value of a test; never bold, since no verdict rests on it."""
    if row is None:
        return Cell(numbers.MISSING, numeric=True)
    return views.number(row["p_holm"], lambda p: numbers.p_value(p, alpha))
