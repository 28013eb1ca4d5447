"""Every pair of methods of a cohort, compared on the same subjects: McNemar's and DeLong's tests."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import TableError
from sixgig.evaluation.levels import joint_class
from sixgig.evaluation.metrics import outcomes
from sixgig.evaluation.runs import read_runs, runs_of
from sixgig.statistics.delong import clustered_delong
from sixgig.statistics.fold_differences import Pair
from sixgig.statistics.mcnemar import clustered_mcnemar, exact_mcnemar
from sixgig.statistics.multiplicity import decide, holm
from sixgig.statistics.seed_verdicts import AGREEMENT, of_seed, seeds_in, tell_agreement
from sixgig.tables.format import Table
from sixgig.tables.pairs import DELONG, MCNEMAR
from sixgig.tables.predictions import IMAGE, SCORE

#: Digits of a mean score that count; predictions are written with as many. The order in which repeats are added up
#: must not break ties.
_DIGITS = 10
#: Scores that differ by less are equal.
_SAME = 1e-9


#: Arm and classifier.
Method = tuple[str, str]


class SubjectTests(NamedTuple):
    """Tables of tests over subjects.

    Attributes:
        mcnemar: Rows of :data:`sixgig.tables.pairs.MCNEMAR`.
        delong: Rows of :data:`sixgig.tables.pairs.DELONG`; none for cohorts that do not have two classes.
    """

    mcnemar: pd.DataFrame
    delong: pd.DataFrame


class SubjectScores(NamedTuple):
    """Mean scores of one method, one row per subject, or per image where images are counted.

    Attributes:
        subjects: Names of the subjects in sorted order, [n]; of images, those of their subjects.
        true: Index of the true class, [n].
        scores: Mean class scores, [n, n_classes], classes in sorted order.
        predicted: Index of the class that the repeats come to, [n].
        images: Names of the images, [n]; None where subjects are counted, or each has one image.
    """

    subjects: NDArray[np.str_]
    true: NDArray[np.intp]
    scores: NDArray[np.float64]
    predicted: NDArray[np.intp]
    images: NDArray[np.str_] | None = None

    @property
    def counted(self) -> str:
        """``subject`` or ``image``."""
        return "subject" if self.images is None else "image"

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the class that the repeats come to is the true one, [n]."""
        found: NDArray[np.bool_] = self.predicted == self.true
        return found


def compare_subjects(
    files: Mapping[tuple[str, ...], Path],
    alpha: float = 0.05,
    positives: Mapping[str, str | None] | None = None,
    metrics_of: Mapping[str, str] | None = None,
) -> SubjectTests:
    """Compare all pairs of methods of every cohort over its evaluation subjects.

    Where images are counted, those of a subject are not taken for independent: see
    :func:`sixgig.statistics.mcnemar.clustered_mcnemar` and :func:`sixgig.statistics.delong.clustered_delong`.
    Every seed of an arm is a fitted model with tests of its own: see :mod:`sixgig.statistics.seed_verdicts`.

    Args:
        files: Predictions by cohort, arm and classifier, an arm of several seeds under a name for each. Each cohort is
            a family of its own for Holm's correction; a method without predictions (its arm failed) is in no pair.
        alpha: Level at which Holm's p value decides the verdict.
        positives: Positive class of a cohort, which decides on subjects whose images are of both; None for the default.
        metrics_of: What metrics count on a cohort, ``subject`` or ``image``; subjects when a cohort is not named.

    Raises:
        TableError: A file is damaged, or two methods of a cohort predict different subjects.
    """
    mcnemar: list[dict[str, Any]] = []
    delong: list[dict[str, Any]] = []
    methods = runs_of(files)
    for cohort in dict.fromkeys(key[0] for key in methods):
        found: dict[Method, dict[int, SubjectScores]] = {}
        constant: set[tuple[Method, int]] = set()
        for (_, arm, classifier), keys in ((key, keys) for key, keys in methods.items() if key[0] == cohort):
            counted = (metrics_of or {}).get(cohort, "subject")
            for run in read_runs(files, keys, counted, (positives or {}).get(cohort)):
                own = found.setdefault((arm, classifier), {})
                own[run.seed] = mean_scores(run.predictions)
                if is_constant(run.predictions):
                    constant.add(((arm, classifier), run.seed))
                _check_same_subjects(next(iter(next(iter(found.values())).values())), own[run.seed], files[keys[0]])
        family = _Family(cohort, found, constant, alpha)
        seeds = seeds_in(found.values())
        mcnemar += tell_agreement(family.mcnemar, seeds)
        if all(scores.scores.shape[1] == 2 for own in found.values() for scores in own.values()):
            delong += tell_agreement(family.delong, seeds)
    return SubjectTests(_table(MCNEMAR, mcnemar), _table(DELONG, delong))


class _Family(NamedTuple):
    """The methods of a cohort by number of the seed, with those that are constant in one."""

    cohort: str
    found: dict[Method, dict[int, SubjectScores]]
    constant: set[tuple[Method, int]]
    alpha: float

    def of_seed(self, seed: int | None, *, varying: bool) -> dict[Method, SubjectScores]:
        """Return the methods in one seed, the first for None; ``varying``: only those that are not constant."""
        numbers = {method: of_seed({number: number for number in own}, seed) for method, own in self.found.items()}
        return {
            method: self.found[method][number]
            for method, number in numbers.items()
            if number is not None and not (varying and (method, number) in self.constant)
        }

    def mcnemar(self, seed: int | None) -> dict[Any, dict[str, Any]]:
        """Return McNemar's tests by pair."""
        own = self.of_seed(seed, varying=False)
        rows = {(a, b): _mcnemar(Pair(self.cohort, a, b), own[a], own[b]) for a, b in combinations(own, 2)}
        return _judged(rows, self.alpha)

    def delong(self, seed: int | None) -> dict[Any, dict[str, Any]]:
        """Return DeLong's tests by pair."""
        own = self.of_seed(seed, varying=True)
        rows = {(a, b): _delong(Pair(self.cohort, a, b), own[a], own[b], self.alpha) for a, b in combinations(own, 2)}
        return _judged(rows, self.alpha)


def is_constant(predictions: pd.DataFrame) -> bool:
    """Whether a method gives all subjects of a test fold the same scores, as the majority class does.

    Between folds its scores differ with the training subjects, so that pooled they seem to rank subjects, in the wrong
    direction: the area under that curve says nothing.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort and method.
    """
    columns = [name for name in predictions.columns if name.startswith(SCORE)]
    spread = predictions.groupby(["repeat", "fold"])[columns].agg(["min", "max"])
    return bool(all((spread[name]["max"] - spread[name]["min"] <= _SAME).all() for name in columns))


def mean_scores(predictions: pd.DataFrame) -> SubjectScores:
    """Average the class scores of every subject over the repeats, so that each subject counts once.

    The class that they come to (:func:`sixgig.evaluation.levels.joint_class`) may differ from the one that a single
    repeat predicts. The area under the
    curve of mean scores is not the mean of the folds' areas either: scores of several models are ranked together, and
    averaging takes noise out of them.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort and method.

    Raises:
        TableError: A class has no score column.
    """
    columns = [name for name in predictions.columns if name.startswith(SCORE)]
    names = ["subject_id", IMAGE] if IMAGE in predictions else ["subject_id"]
    # Sorted by repeat, so that equal scores are added up in one order whatever that of the rows.
    by_subject = predictions.sort_values([*names, "repeat"], kind="stable").groupby(names, sort=True)
    mean = by_subject[columns].mean().round(_DIGITS)
    predicted = joint_class(predictions, names, mean)
    mean["label"], mean["predicted"] = by_subject["label"].first(), predicted
    found = outcomes(mean)
    subjects, *images = (mean.index.get_level_values(name).to_numpy(dtype=str) for name in names)
    if len(np.unique(subjects)) == len(subjects):  # each has one image, so that either may be said to be counted
        return SubjectScores(subjects, found.true, found.scores, found.predicted)
    return SubjectScores(subjects, found.true, found.scores, found.predicted, *images)


def _check_same_subjects(first: SubjectScores, latest: SubjectScores, file: Path) -> None:
    same_images = first.images is latest.images or np.array_equal(first.images, latest.images)  # type: ignore[arg-type]
    if (
        not np.array_equal(first.subjects, latest.subjects)
        or not np.array_equal(first.true, latest.true)
        or not same_images
    ):
        raise TableError(
            file,
            "its subjects or their classes are not those of the cohort's other predictions",
            "delete the folder of predictions of this cohort and run snakemake again",
        )


def _mcnemar(pair: Pair, a: SubjectScores, b: SubjectScores) -> dict[str, Any]:
    test = exact_mcnemar(a.right, b.right) if a.images is None else clustered_mcnemar(a.right, b.right, a.subjects)
    counts = {"both_right": test.both, "only_a_right": test.only_a, "only_b_right": test.only_b}
    return pair.columns() | counts | {"both_wrong": test.neither, "p_value": test.p_value, "counted": a.counted}


def _delong(pair: Pair, a: SubjectScores, b: SubjectScores, alpha: float) -> dict[str, Any]:
    names = ("auc_a", "auc_b", "difference", "ci_low", "ci_high", "z", "p_value")
    positive = a.true == 1
    facts = pair.columns() | {"n_subjects": len(np.unique(a.subjects)), "counted": a.counted}
    if min(len(np.unique(a.subjects[own])) for own in (positive, ~positive)) < 2:
        return facts | dict.fromkeys(names, float("nan"))
    test = clustered_delong(a.scores[:, 1], b.scores[:, 1], positive, a.subjects, 1 - alpha)
    return facts | {name: getattr(test, name) for name in names}


def _judged(family: dict[Any, dict[str, Any]], alpha: float) -> dict[Any, dict[str, Any]]:
    """Return the rows of one cohort with Holm's correction over them."""
    for row, p_holm in zip(family.values(), holm([row["p_value"] for row in family.values()]), strict=True):
        difference = row["difference"] if "difference" in row else row["only_a_right"] - row["only_b_right"]
        row |= {"p_holm": p_holm, "verdict": decide(difference, p_holm, alpha)}
    return family


def _table(table: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = table.column_names + (["counted"] if any(row["counted"] == "image" for row in rows) else [])
    columns += [name for name in AGREEMENT if any(name in row for row in rows)]
    return table.check(pd.DataFrame(rows, columns=columns), table.name)
