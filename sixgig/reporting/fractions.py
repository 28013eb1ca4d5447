"""How many labelled subjects a method needs: a sentence per cohort, and a table of estimates at every fraction."""

from __future__ import annotations

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.fractions import Point, curves, first_reaching, level_of, reaching
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title, method_title, metric_title, metric_words


def sentence(study: Study, cohort: str) -> str:
    """Say which arm reaches a level with fewest labelled subjects, where the intervals show it."""
    found = reaching(curves(study, cohort))
    if found is None:
        return tr(
            "On {cohort} fewer than two arms have an estimate, so none needs fewest labels.",
            cohort=cohort_title(cohort),
        )
    if not found.n_tried:
        return tr(
            "On {cohort} no method could be trained with fewer than all labels; see what failed.",
            cohort=cohort_title(cohort),
        )
    point = found.point
    facts = {
        "cohort": cohort_title(cohort),
        "metric": metric_words(study.metric),
        "level": _level(found.level),
        "number": numbers.count(point.n_labelled),
        "share": numbers.percent(point.fraction),
    }
    if found.method is not None:
        return tr(
            "On {cohort} {method} reaches a {metric} of {level} with fewest labelled subjects: {number} ({share} of a "
            "training fold), where its {confidence} interval is {interval} and those of all other arms end below "
            "{level}.",
            method=method_title(found.method),
            interval=numbers.interval(point.low, point.high),
            confidence=numbers.level(study.alpha),
            **facts,
        )
    if point.fraction == 1:
        return tr(
            "On {cohort} no arm reaches a {metric} of {level} with fewer than all {number} labelled subjects.", **facts
        )
    return tr(
        "On {cohort} it is not shown which arm reaches a {metric} of {level} with fewest labelled subjects: the first "
        "estimate does with {number} ({share} of a training fold); its {confidence} interval there is {interval}, "
        "and {open} of {arms} arms and controls have intervals that reach that level.",
        interval=numbers.interval(point.low, point.high),
        confidence=numbers.level(study.alpha),
        open=found.n_open,
        arms=found.n_arms,
        **facts,
    )


def estimates(study: Study, cohort: str) -> TableView:
    """Every method (rows) of one cohort at every fraction (columns), and with how many labels it reaches the level."""
    found = curves(study, cohort)
    level = level_of(found)
    points = next(iter(found.values()), [])
    caption = tr(
        "{cohort}: {metric} with the {confidence} interval of the procedure, by the labelled subjects of a training "
        "fold. Every method is trained on the same subjects of a fold, those of a smaller share are "
        "among those of a larger one, and the test folds are the same. All labels: the ordinary run.",
        cohort=cohort_title(cohort),
        metric=metric_title(study.metric),
        confidence=numbers.level(study.alpha),
    )
    columns = [f"{numbers.count(point.n_labelled)} ({numbers.percent(point.fraction)})" for point in points]
    view = TableView(f"fractions-{cohort}", caption, [tr("Method"), *columns])
    if level is not None:
        view.columns.append(tr("Labels to reach {level}", level=_level(level)))
    for method, own in found.items():
        cells = [views.method(method), *(_cell(point) for point in own)]
        if level is not None:
            first = first_reaching(own, level)
            cells.append(views.number(None if first is None else first.n_labelled, numbers.count))
        view.rows.append(cells)
    return view


def _cell(point: Point) -> Cell:
    if point.failed:
        return Cell(tr("failed"), float("-inf"), numeric=True)
    return Cell(numbers.with_interval(point.estimate, point.low, point.high), point.estimate, numeric=True)


def _level(level: float) -> str:
    return numbers.localised(f"{level:.2f}")
