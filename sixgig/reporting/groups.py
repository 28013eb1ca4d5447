"""Who it works for: metrics within groups of subjects, the differences between them, and how sites were left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sixgig.evaluation.metrics import METRICS
from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.groups import (
    Difference,
    Value,
    differences_of,
    gap_of,
    groups_of,
    leading_method,
    missing_of,
    values_of,
)
from sixgig.results.study import Method, Study
from sixgig.tables.roles import EVALUATION, PRETRAINING
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title, metric_title, metric_words


@dataclass
class GroupSection:
    """What one cohort's groups say: sentences, and a table for each group."""

    cohort: str
    sentences: list[str] = field(default_factory=list)
    tables: list[TableView] = field(default_factory=list)


def sections(study: Study) -> list[GroupSection]:
    """Return a section for every cohort whose groups have results."""
    return [section(study, cohort) for cohort in study.cohorts if groups_of(study, cohort)]


def section(study: Study, cohort: str) -> GroupSection:
    """Say for whom the leading method of a cohort works less well, as far as that is shown; every method in tables."""
    found = GroupSection(cohort, _left_out(study, cohort))
    leading = leading_method(study, cohort)
    for group in groups_of(study, cohort):
        if leading is not None:
            found.sentences += _differences(study, cohort, group, leading)
        found.tables.append(_table(study, cohort, group))
    for group, number in missing_of(study, cohort).items():
        found.sentences.append(
            tr("{number} of the cohort's subjects have no {group}; they are in none of its groups.",
               number=numbers.count(number), group=group)
        )  # fmt: skip
    return found


def _left_out(study: Study, cohort: str) -> list[str]:
    """Say how whole sites were tested, and whether arms that learn had seen them."""
    by = study.group_by(cohort)
    if not by:
        return []
    splits = study.splits(cohort)
    tested = splits[splits["role"] == EVALUATION]
    said = [
        tr(
            "Each {group} was tested once, by what was trained on the others: {number} folds, one repeat. The "
            "estimates are about a new {group}.",
            group=by,
            number=numbers.count(tested["fold"].nunique()),
        )
    ]
    learned = set(splits.loc[splits["role"] == PRETRAINING, "group"].dropna()) & set(tested["group"])
    if learned and study.training.arms(cohort):
        said.append(
            tr(
                "Arms that learn have seen images of every {group} that they are tested on, without labels: for them "
                "it is not wholly new. `pretraining_groups` keeps some apart for learning.",
                group=by,
            )
        )
    return said


def _differences(study: Study, cohort: str, group: str, method: Method) -> list[str]:
    """Say which values differ, or that none is shown to; and which have too few subjects."""
    values = {value.name: value for value in values_of(study, cohort, group, method)}
    said = [
        _lower(study, group, method, values[worse], values[better])
        for difference in differences_of(study, cohort, group, method)
        if difference.is_shown
        for worse, better in [_worse_first(study, difference)]
    ]
    gap = gap_of(study, cohort, group, method)
    if gap is not None and not said:
        said.append(_not_shown(group, gap, values))
    few = [value for value in values.values() if math.isnan(value.estimate)]
    if few:
        shown = ", ".join(f"{value.name} ({numbers.count(value.n_subjects)})" for value in few)
        text = tr("{group}: too few subjects of a class for an estimate in {values}.", group=group, values=shown)
        said.append(text)
    return said


def _worse_first(study: Study, difference: Difference) -> tuple[str, str]:
    first_better = (difference.estimate > 0) == METRICS[study.metric].higher_is_better
    return (difference.second, difference.first) if first_better else (difference.first, difference.second)


def _lower(study: Study, group: str, method: Method, worse: Value, better: Value) -> str:
    facts = {
        "method": method_title(method), "metric": metric_words(study.metric), "group": group, "value": worse.name,
        "other": better.name, "estimate": numbers.score(worse.estimate), "against": numbers.score(better.estimate),
        "number": numbers.count(worse.n_subjects),
    }  # fmt: skip
    return tr(
        "The {metric} of {method} is lower for {group} {value} than for {other} ({estimate} against {against}; "
        "{number} subjects).",
        **facts,
    )


def _not_shown(group: str, gap: Difference, values: dict[str, Value]) -> str:
    facts = {
        "group": group, "first": gap.first, "second": gap.second,
        "high": numbers.score(values[gap.first].estimate), "low": numbers.score(values[gap.second].estimate),
        "interval": numbers.interval(gap.low, gap.high),
    }  # fmt: skip
    return tr(
        "{group}: no difference is shown. The largest, {first} against {second} ({high} and {low}), may be chance; its "
        "interval is {interval}.",
        **facts,
    )


def _table(study: Study, cohort: str, group: str) -> TableView:
    """Every method (rows) within every value of a group (columns), with the largest difference."""
    methods = [method for method in study.methods(cohort) if values_of(study, cohort, group, method)]
    caption = tr(
        "{cohort}: {metric} within each {group}, with intervals (number of subjects in brackets). Pooled out-of-fold "
        "predictions of these trained models: values differ from the estimates above, which are means over folds. "
        "The interval of the largest difference holds for all pairs of values together; the difference itself is too "
        "high on average, since the best and the worst of several differ by chance, too. Groups may differ in more "
        "than their name, such as in how many are ill.",
        cohort=cohort_title(cohort),
        metric=metric_title(study.metric),
        group=group,
    )
    if study.seeds > 1:
        caption += " " + tr("Values are means over seeds, and intervals hold how far these lie apart.")
    own = values_of(study, cohort, group, methods[0]) if methods else []
    columns = [f"{value.name} ({numbers.count(value.n_subjects)})" for value in own]
    view = TableView(f"groups-{cohort}-{group}", caption, [tr("Method"), *columns, tr("Largest difference")])
    for method in methods:
        gap = gap_of(study, cohort, group, method)
        cells = [_cell(value) for value in values_of(study, cohort, group, method)]
        view.rows.append([views.method(method), *cells, _gap(gap)])
    return view


def every(study: Study, cohort: str) -> TableView:
    """Every group and value (rows) for every method, and the largest differences: one table, for a paper."""
    view = TableView(
        f"every-group-{cohort}",
        tr(
            "{cohort}: {metric} within groups of subjects, over pooled out-of-fold predictions of these fitted models, "
            "with intervals; the interval of a largest difference holds for all pairs of values together.",
            cohort=cohort_title(cohort),
            metric=metric_title(study.metric),
        ),
        [tr("Group"), tr("Method"), tr("Value"), tr("Subjects"), metric_title(study.metric)],
    )
    for group in groups_of(study, cohort):
        for method in study.methods(cohort):
            key = [Cell(group), views.method(method)]
            for value in values_of(study, cohort, group, method):
                number = views.number(value.n_subjects, numbers.count)
                view.rows.append([*key, Cell(value.name), number, _cell(value)])
            gap = gap_of(study, cohort, group, method)
            if gap is not None:
                view.rows.append([*key, Cell(tr("Largest difference")), views.number(None, numbers.count), _gap(gap)])
    return view


def _cell(value: Value) -> Cell:
    if math.isnan(value.estimate):
        return Cell(tr("too few"), float("-inf"), numeric=True)
    return Cell(numbers.with_interval(value.estimate, value.low, value.high), value.estimate, numeric=True)


def _gap(gap: Difference | None) -> Cell:
    if gap is None:
        return Cell(numbers.MISSING, float("-inf"), numeric=True)
    text = numbers.with_interval(gap.estimate, gap.low, gap.high)
    return Cell(f"{text} ({gap.first} - {gap.second})", gap.estimate, strong=gap.is_shown, numeric=True)
