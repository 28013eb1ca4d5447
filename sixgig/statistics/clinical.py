"""What clinicians ask of every method: errors at an operating point, predictive values, calibration, net benefit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sixgig.evaluation.runs import Run, read_runs, runs_of
from sixgig.evaluation.seeds import values_spread, widened
from sixgig.statistics.clinical_values import Quantities, each_class, two_classes
from sixgig.statistics.decided import Decided, decide, joined, read_rows
from sixgig.statistics.decision_curve import THRESHOLDS, net_benefit, treat_all
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.format import Table
from sixgig.tables.use import require_two_classes

Key = tuple[str, ...]
#: What a quantity cannot be below or above; the others are unbounded.
_SHARE = (0.0, 1.0)
_BOUNDS = dict.fromkeys(("sensitivity", "specificity", "ppv", "npv"), _SHARE)
_ANY = (-np.inf, np.inf)


class ClinicalTables(NamedTuple):
    """Tables of a study.

    Attributes:
        values: Rows of :data:`sixgig.tables.clinical.CLINICAL`.
        curves: Rows of :data:`sixgig.tables.clinical.DECISION_CURVE`; none for cohorts without two classes.
    """

    values: pd.DataFrame
    curves: pd.DataFrame


@dataclass(frozen=True)
class ClinicalUse:
    """How a cohort's methods are to be used.

    Attributes:
        positive: The positive class; the alphabetically last one when None.
        metrics_of: What is counted: ``subject`` or ``image``.
        operating_point: What the study file says, such as ``{sensitivity: 0.9}``; None for the predicted classes.
        prevalence: Share of positive subjects where methods are used; that of the tested subjects when None.
    """

    positive: str | None = None
    metrics_of: str = "subject"
    operating_point: Mapping[str, float] | None = None
    prevalence: float | None = None


def weigh_clinical_use(
    files: Mapping[Key, Path],
    uses: Mapping[str, ClinicalUse],
    probabilities: Collection[str],
    alpha: float = 0.05,
    tests: Mapping[Key, Path] | None = None,
) -> ClinicalTables:
    """Compute both tables from the predictions of a study.

    An arm of several seeds counts with all of them. They are taken as further repeats, so that shares are means over
    seeds; the intervals hold how far the seeds lie apart (:func:`sixgig.evaluation.seeds.widened`).

    On a test set everything that is chosen or fitted is so on the out-of-fold predictions of the method's own
    evaluation subjects, seed by seed: the threshold of the operating point, and the sigmoid that turns ranks into
    probabilities. A test set that lacks one of two classes has no rows.

    Args:
        files: Out-of-fold predictions by cohort, arm and classifier; an arm of several seeds under a name for each. A
            method without predictions (it failed) has no rows.
        uses: How the methods of each cohort are to be used; those of an external cohort as the cohort that trained
            them says.
        probabilities: Classifiers whose scores are probabilities; those of others are turned into such on the other
            folds where a probability is needed.
        alpha: Intervals are at level 1 - alpha.
        tests: Predictions of test subjects by cohort, test set (``tested_on``), arm and classifier.

    Raises:
        ConfigError: An operating point or a prevalence is asked for on a cohort that does not have two classes.
        TableError: A file is damaged.
    """
    methods = runs_of(files)
    tested = runs_of(tests or {}, place=2)
    found = _Found(several=any(len(runs) > 1 for runs in (*methods.values(), *tested.values())))
    trained: dict[Key, list[Run]] = {}
    for key, runs in methods.items():
        use = uses[key[0]]
        trained[key] = read_runs(files, runs, use.metrics_of, use.positive)
        found.add(key, None, use, trained[key], {}, key[2] in probabilities, alpha)
    for (cohort, tested_on, arm, classifier), runs in tested.items():
        use, key = uses[cohort], (cohort, arm, classifier)
        shown = read_runs(tests or {}, runs, use.metrics_of, use.positive, place=2)
        by_seed = {run.seed: run.predictions for run in trained.get(key, [])}
        shown = [run for run in shown if run.seed in by_seed and _has_all_classes(run, by_seed[run.seed])]
        found.add(key, tested_on, use, shown, by_seed, classifier in probabilities, alpha)
    return found.tables()


def _has_all_classes(run: Run, trained: pd.DataFrame) -> bool:
    return trained["label"].nunique() > 2 or run.predictions["label"].nunique() == 2


class _Found:
    """The rows of both tables, one method after another."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._values: list[dict[str, Any]] = []
        self._curves: list[pd.DataFrame] = []
        self._on_tests = False

    def add(
        self,
        key: Key,
        tested_on: str | None,
        use: ClinicalUse,
        runs: Sequence[Run],
        trained: Mapping[int, pd.DataFrame],
        own: bool,
        alpha: float,
    ) -> None:
        """Add the rows of one method on its own cohort, or on a test set."""
        if not runs:
            return
        named = dict(zip(("cohort", "arm", "classifier"), key, strict=True)) | {"tested_on": tested_on}
        self._on_tests |= tested_on is not None
        rows = {run.seed: read_rows(run.predictions, use.positive) for run in runs}
        classes = next(iter(rows.values())).data.classes
        facts = named | {"scores": "probabilities" if own else "ranks"}
        if len(classes) != 2:
            require_two_classes(vars(use), len(classes), f"cohorts.{key[0]}")
            by_seed = {seed: each_class([one], 1 - alpha) for seed, one in rows.items()} if len(rows) > 1 else {}
            self._values += [
                facts | row for row in self._rows(each_class(list(rows.values()), 1 - alpha), by_seed, alpha)
            ]
            return
        fitted = {seed: read_rows(predictions, use.positive) for seed, predictions in trained.items()}
        decided = {
            seed: decide(one, fitted.get(seed), use.operating_point, use.prevalence, own) for seed, one in rows.items()
        }
        together = joined(list(decided.values()))
        prevalence = float(together.truth.mean()) if use.prevalence is None else use.prevalence
        positive = classes[next(iter(rows.values())).data.positive]

        def quantities(part: Decided) -> Quantities:
            return two_classes(part, positive, use.operating_point, prevalence, 1 - alpha)

        by_seed = {seed: quantities(one) for seed, one in decided.items()} if len(decided) > 1 else {}
        self._values += [facts | row for row in self._rows(quantities(together), by_seed, alpha)]
        self._curves.append(self._curve(together, list(decided.values()), prevalence).assign(**named))

    def _rows(self, whole: Quantities, by_seed: Mapping[int, Quantities], alpha: float) -> Iterator[dict[str, Any]]:
        for place, (row, (estimate, low, high)) in whole.items():
            shown = {"class": place[0], "quantity": place[1], "estimate": estimate, **row}
            if by_seed:
                spread = values_spread({seed: own[place][1].estimate for seed, own in by_seed.items()})
                low, high = widened(estimate, low, high, spread, alpha, _BOUNDS.get(place[1], _ANY))
                shown |= {"n_seeds": spread.n_seeds, "seed_sd": spread.sd}
            elif self._several:
                shown |= {"n_seeds": 1, "seed_sd": np.nan}
            yield shown | {"ci_low": low, "ci_high": high}

    def _curve(self, together: Decided, seeds: Sequence[Decided], prevalence: float) -> pd.DataFrame:
        curve = {
            "threshold": THRESHOLDS,
            "net_benefit": net_benefit(together.promised, together.truth, prevalence),
            "treat_all": treat_all(prevalence),
            "prevalence": prevalence,
        }
        if self._several:
            own = [net_benefit(one.promised, one.truth, prevalence) for one in seeds]
            curve |= {"n_seeds": len(own), "seed_sd": np.std(own, axis=0, ddof=1) if len(own) > 1 else np.nan}
        return pd.DataFrame(curve)

    def tables(self) -> ClinicalTables:
        """Return both tables, checked."""
        return ClinicalTables(
            self._table(CLINICAL, pd.DataFrame(self._values)),
            self._table(DECISION_CURVE, pd.concat(self._curves) if self._curves else pd.DataFrame()),
        )

    def _table(self, table: Table, rows: pd.DataFrame) -> pd.DataFrame:
        rare = ["tested_on"] * self._on_tests + ["n_seeds", "seed_sd"] * self._several
        return table.check(rows.reindex(columns=[*table.column_names, *rare]), table.name)
