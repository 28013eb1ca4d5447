"""What clinicians ask of every method of a cohort: errors at the operating point, predictive values, calibration."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import classifier_title, cohort_title

#: Columns of cohorts with two classes.
_QUANTITIES = ("sensitivity", "specificity", "ppv", "npv", "calibration_slope", "calibration_intercept")


class Section(NamedTuple):
    """What the page shows of a cohort.

    Attributes:
        table: See :func:`clinical`.
        sentences: See :func:`sentences`.
        curves: Whether there are decision curves.
    """

    table: TableView
    sentences: list[str]
    curves: bool


def section(study: Study, cohort: str) -> Section:
    """Return what the page shows of a cohort."""
    curves = bool(study.decision_curve["cohort"].eq(cohort).any())
    return Section(clinical(study, cohort), sentences(study, cohort), curves)


def rows_of(study: Study, cohort: str) -> dict[Method, pd.DataFrame]:
    """Return the rows of ``clinical.csv`` of every method of a cohort, in display order; none for one that failed."""
    own = study.clinical[study.clinical["cohort"] == cohort]
    found = {}
    for method in study.methods(cohort):
        rows = own[(own["arm"] == method.arm) & (own["classifier"] == method.classifier)]
        if len(rows):
            found[method] = rows
    return found


def clinical(study: Study, cohort: str) -> TableView:
    """One row per method; with more than two classes one per method and class."""
    found = rows_of(study, cohort)
    if any(rows["quantity"].eq("specificity").any() for rows in found.values()):
        return _two_classes(found, cohort, study.alpha)
    return _each_class(found, cohort, study.alpha)


def sentences(study: Study, cohort: str) -> list[str]:
    """Say what operating point and prevalence the table is about, and which scores are no probabilities."""
    found = rows_of(study, cohort)
    if not found:
        return []
    first = next(iter(found.values())).iloc[0]
    if not any(rows["quantity"].eq("specificity").any() for rows in found.values()):
        return [
            tr(
                "Each class against all others, by the predicted classes. A predictive value holds at the share of the "
                "class in this cohort."
            )
        ]
    stanza = (study.config.get("cohorts") or {}).get(cohort) or {}
    share, name = numbers.percent(first["prevalence"]), str(first["class"])
    said = [_point(stanza.get("operating_point"))]
    said.append(
        tr(
            "Predictive values hold at a prevalence of {name} of {share}, as the study file states.",
            name=name,
            share=share,
        )
        if stanza.get("prevalence") is not None
        else tr(
            "Predictive values hold at the share of {name} in this cohort, {share}. Where it is rarer more of those "
            "called {name} are not; state `prevalence` to see.",
            name=name,
            share=share,
        )
    )
    ranks = dict.fromkeys(method.classifier for method, rows in found.items() if rows["scores"].iloc[0] == "ranks")
    if ranks:
        said.append(
            tr(
                "Scores of {classifiers} weigh both classes alike: they rank subjects and are not probabilities. The "
                "decision curve turns them into probabilities on the other folds.",
                classifiers=", ".join(classifier_title(name) for name in ranks),
            )
        )
    return said


def _point(stanza: dict[str, float] | None) -> str:
    if not stanza:
        return tr("No operating point is stated: errors are those of the classes that each classifier predicts.")
    kind, value = next(iter(stanza.items()))
    texts = {
        "sensitivity": tr("The threshold of each fold reaches a sensitivity of {value} on the other folds."),
        "specificity": tr("The threshold of each fold reaches a specificity of {value} on the other folds."),
        "threshold": tr("A subject counts as positive from a probability of {value} on."),
    }
    return texts[kind].replace("{value}", numbers.localised(f"{value:g}"))


def _two_classes(found: dict[Method, pd.DataFrame], cohort: str, alpha: float) -> TableView:
    name = str(next(iter(found.values()))["class"].iloc[0])
    view = TableView(
        f"clinical-{cohort}",
        tr(
            "{cohort}: what is to be expected for the class {name}, from out-of-fold predictions, with {level}% "
            "intervals over subjects for these fitted models. Probabilities keep their promise on average at a "
            "calibration slope of 1 and intercept of 0; a slope below 1 says that they are too extreme, an intercept "
            "below 0 that they promise too much.",
            cohort=cohort_title(cohort),
            name=name,
            level=f"{100 * (1 - alpha):g}",
        ),
        [
            tr("Method"),
            tr("Sensitivity"),
            tr("Specificity"),
            tr("Positive predictive value"),
            tr("Negative predictive value"),
            tr("Calibration slope"),
            tr("Calibration intercept"),
            tr("Scores"),
        ],
    )
    for method, rows in found.items():
        by_quantity = _by_quantity(rows)
        kind = tr("probabilities") if rows["scores"].iloc[0] == "probabilities" else tr("ranks")
        cells = [_cell(by_quantity[quantity]) for quantity in _QUANTITIES]
        view.rows.append([views.method(method), *cells, Cell(kind)])
    return view


def _each_class(found: dict[Method, pd.DataFrame], cohort: str, alpha: float) -> TableView:
    view = TableView(
        f"clinical-{cohort}",
        tr(
            "{cohort}: each class against the rest, from out-of-fold predictions, with {level}% intervals over "
            "subjects for these fitted models.",
            cohort=cohort_title(cohort),
            level=f"{100 * (1 - alpha):g}",
        ),
        [tr("Method"), tr("Class"), tr("Sensitivity"), tr("Positive predictive value")],
    )
    for method, rows in found.items():
        for name, own in rows.groupby("class", sort=True):
            by_quantity = _by_quantity(own)
            cells = [_cell(by_quantity[quantity]) for quantity in ("sensitivity", "ppv")]
            view.rows.append([views.method(method), Cell(str(name)), *cells])
    return view


def _by_quantity(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {str(row["quantity"]): row for _, row in rows.iterrows()}


def _cell(row: pd.Series) -> Cell:
    sort = None if numbers.is_missing(row["estimate"]) else float(row["estimate"])
    return Cell(numbers.with_interval(row["estimate"], row["ci_low"], row["ci_high"]), sort, numeric=True)
