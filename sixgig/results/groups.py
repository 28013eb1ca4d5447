"""What a study says of the groups of its subjects: site, scanner, sex, age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.results.study import Method, Study
from sixgig.tables.groups import DIFFERENCE, GAP


@dataclass(frozen=True)
class Value:
    """A metric of one method within one value of a group; NaN where there is none."""

    name: str
    estimate: float
    low: float
    high: float
    n_subjects: int


@dataclass(frozen=True)
class Difference:
    """The difference between two values of a group, the higher estimate's first where it is a gap."""

    first: str
    second: str
    estimate: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether its interval is on one side of zero."""
        return self.low > 0 or self.high < 0


def groups_of(study: Study, cohort: str) -> list[str]:
    """Return the groups of a cohort that have results, in the order of the study file."""
    rows = study.groups[study.groups["cohort"] == cohort]
    return [str(name) for name in rows["group"].unique()]


def values_of(study: Study, cohort: str, group: str, method: Method, metric: str | None = None) -> list[Value]:
    """Return the study's metric, or another, within every value of a group, in the order of the table."""
    rows = _rows(study, cohort, group, method, metric)
    return [
        Value(str(row.value), *_numbers((row.estimate, row.ci_low, row.ci_high)), int(row.n_subjects))
        for row in _each(rows[~rows["value"].isin((GAP, DIFFERENCE))])
    ]


def differences_of(study: Study, cohort: str, group: str, method: Method) -> list[Difference]:
    """Return the differences between all pairs of values."""
    return _differences(_rows(study, cohort, group, method, None), DIFFERENCE)


def gap_of(study: Study, cohort: str, group: str, method: Method) -> Difference | None:
    """Return the largest difference; None where fewer than two values have an estimate."""
    return next(iter(_differences(_rows(study, cohort, group, method, None), GAP)), None)


def leading_method(study: Study, cohort: str) -> Method | None:
    """Return the method with the best estimate that is no control; None when all failed."""
    return next(iter(leading_methods(study, cohort)), None)


def leading_methods(study: Study, cohort: str) -> list[Method]:
    """Return the method with the best estimate of every arm that is no control, the best first; none that failed."""
    sign = 1 if METRICS[study.metric].higher_is_better else -1
    found = {
        method: sign * float(row["estimate"])
        for method, row in study.estimates(cohort).items()
        if not method.is_control and not pd.isna(row["estimate"])
    }
    ranked = sorted(found, key=lambda method: -found[method])
    return list({method.arm: method for method in reversed(ranked)}.values())[::-1]


def missing_of(study: Study, cohort: str) -> dict[str, int]:
    """Return how many subjects have no value, by group; groups that all subjects have are not in it."""
    rows = study.subject_groups(cohort)
    counts = rows[rows["value"].isna()].groupby("group", sort=False)["subject_id"].nunique()
    return {str(group): int(number) for group, number in counts.items()}


def _rows(study: Study, cohort: str, group: str, method: Method, metric: str | None) -> pd.DataFrame:
    rows = study.groups
    wanted = {
        "cohort": cohort, "group": group, "arm": method.arm, "classifier": method.classifier,
        "metric": metric or study.metric,
    }  # fmt: skip
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def _differences(rows: pd.DataFrame, kind: str) -> list[Difference]:
    names = [str(name) for name in rows["value"] if name not in (GAP, DIFFERENCE)]
    pairs = {f"{a} - {b}": (a, b) for a, b in permutations(names, 2)}  # a name may itself hold a dash
    return [
        Difference(*pairs[str(row.between)], *_numbers((row.estimate, row.ci_low, row.ci_high)))
        for row in _each(rows[rows["value"] == kind])
    ]


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    """Yield rows by their columns' names."""
    return iter(rows.itertuples())


def _numbers(values: Iterable[Any]) -> tuple[float, float, float]:
    estimate, low, high = (float("nan") if pd.isna(value) else float(value) for value in values)
    return estimate, low, high
