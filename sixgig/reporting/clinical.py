"""What clinicians ask of every method of a cohort: errors at the operating point, predictive values, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from sixgig.reporting import views
from sixgig.reporting.test_sets import tested_on
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


def rows_of(study: Study, cohort: str, test_set: str = "") -> dict[Method, pd.DataFrame]:
    """Return the rows of ``clinical.csv`` of every method of a cohort, in display order; none for one that failed.

    Args:
        study: The study.
        cohort: The cohort.
        test_set: A test set; empty for out-of-fold predictions.
    """
    table = study.clinical_tests if test_set else study.clinical
    own = table[table["cohort"] == cohort]
    own = own[own["tested_on"] == test_set] if test_set else own
    found = {}
    for method in study.methods(cohort):
        rows = own[(own["arm"] == method.arm) & (own["classifier"] == method.classifier)]
        if len(rows):
            found[method] = rows
    return found


def clinical(study: Study, cohort: str) -> TableView:
    """One row per method; with more than two classes one per method and class. Then the same of every test set."""
    tested = study.clinical_tests
    names = tested.loc[tested["cohort"] == cohort, "tested_on"].drop_duplicates().astype(str)
    found = {"": rows_of(study, cohort)} | {name: rows_of(study, cohort, name) for name in names}
    two_classes = any(rows["quantity"].eq("specificity").any() for rows in found[""].values())
    view = (_two_classes if two_classes else _each_class)(found, cohort, study.alpha)
    if study.seeds > 1:
        view.caption += " " + tr("Values are means over seeds, and intervals hold how far these lie apart.")
    return view


def sentences(study: Study, cohort: str) -> list[str]:
    """Say what operating point and prevalence the table is about, and which scores are no probabilities."""
    found = rows_of(study, cohort)
    if not found:
        return []
    first = next(iter(found.values())).iloc[0]
    on_tests = [
        tr(
            "On a test set the threshold is the one chosen on the out-of-fold predictions of the training subjects, "
            "and so are probabilities where scores are none. Predictive values hold at the stated prevalence, or else "
            "at the share of the class in that test set."
        )
    ] * bool(study.clinical_tests["cohort"].eq(cohort).any())
    if not any(rows["quantity"].eq("specificity").any() for rows in found.values()):
        return [
            tr(
                "Each class against all others, by the predicted classes. A predictive value holds at the share of the "
                "class in this cohort."
            ),
            *on_tests,
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
    return said + on_tests


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


#: Rows of every method by test set; those of out-of-fold predictions under an empty name.
_Found = dict[str, dict[Method, pd.DataFrame]]


def _two_classes(found: _Found, cohort: str, alpha: float) -> TableView:
    name = str(next(iter(found[""].values()))["class"].iloc[0])
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
            *_heading(found),
            tr("Sensitivity"),
            tr("Specificity"),
            tr("Positive predictive value"),
            tr("Negative predictive value"),
            tr("Calibration slope"),
            tr("Calibration intercept"),
            tr("Scores"),
        ],
    )
    for on, method, rows in _each(found):
        by_quantity = _by_quantity(rows)
        kind = tr("probabilities") if rows["scores"].iloc[0] == "probabilities" else tr("ranks")
        cells = [_cell(by_quantity[quantity]) for quantity in _QUANTITIES]
        view.rows.append([views.method(method), *on, *cells, Cell(kind)])
    return view


def _heading(found: _Found) -> list[str]:
    return [tr("Tested on")] if len(found) > 1 else []


def _each(found: _Found) -> Iterator[tuple[list[Cell], Method, pd.DataFrame]]:
    """Yield the cell that names a test set, where there are any, with the rows of every method on it."""
    for name, own in found.items():
        shown = tested_on(name) if name else tr("cross-validation")
        for method, rows in own.items():
            yield [Cell(shown)] if len(found) > 1 else [], method, rows


def _each_class(found: _Found, cohort: str, alpha: float) -> TableView:
    view = TableView(
        f"clinical-{cohort}",
        tr(
            "{cohort}: each class against the rest, from out-of-fold predictions, with {level}% intervals over "
            "subjects for these fitted models.",
            cohort=cohort_title(cohort),
            level=f"{100 * (1 - alpha):g}",
        ),
        [tr("Method"), *_heading(found), tr("Class"), tr("Sensitivity"), tr("Positive predictive value")],
    )
    for on, method, rows in _each(found):
        for name, own in rows.groupby("class", sort=True):
            by_quantity = _by_quantity(own)
            cells = [_cell(by_quantity[quantity]) for quantity in ("sensitivity", "ppv")]
            view.rows.append([views.method(method), *on, Cell(str(name)), *cells])
    return view


def _by_quantity(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {str(row["quantity"]): row for _, row in rows.iterrows()}


def _cell(row: pd.Series) -> Cell:
    sort = None if numbers.is_missing(row["estimate"]) else float(row["estimate"])
    return Cell(numbers.with_interval(row["estimate"], row["ci_low"], row["ci_high"]), sort, numeric=True)
