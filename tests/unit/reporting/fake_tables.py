"""The tables of tests that the made-up study of ``fake_study`` has beside its predictions and scores."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from sixgig.statistics.budget import weigh_budget
from sixgig.statistics.clinical import ClinicalUse, weigh_clinical_use
from sixgig.statistics.factors import explain_variance
from sixgig.statistics.omnibus import compare_over_cohorts
from sixgig.statistics.pairwise import weigh_pairs
from sixgig.statistics.subjects import compare_subjects
from sixgig.statistics.test_sets import compare_on_test_sets
from sixgig.tables.budget import BUDGET
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.contrasts import ARM_SCORES, ARM_SUMMARY, BEST, CONTRASTS
from sixgig.tables.costs import COSTS
from sixgig.tables.feature_map import FEATURE_MAP
from sixgig.tables.format import Table
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.tables.test_pairs import TEST_PAIRS
from sixgig.tables.use import HELD_OUT

FOLDS = 5


def write_over_cohorts(folder: Path, metric: str = "balanced_accuracy") -> None:
    """Write what follows from summary, costs and sidecars."""
    summary = SUMMARY.read(folder / "summary.csv")
    omnibus, ranks = compare_over_cohorts(summary, metric)
    sidecars = {
        (path.parent.name, path.stem): json.loads(path.read_text()) for path in folder.glob("features/*/*.json")
    }
    budget = weigh_budget(summary, COSTS.read(folder / "costs.csv"), sidecars, metric)
    for table, frame in (
        (OMNIBUS, omnibus),
        (RANKS, ranks),
        (FACTORS, explain_variance(summary, metric)),
        (BUDGET, budget),
    ):
        table.write(frame, folder / "statistics" / table.name)
    write_map(folder, [key for key, facts in sidecars.items() if not str(facts["status"]).startswith("failed")])


def write_map(folder: Path, keys: list[tuple[str, str]]) -> None:
    """A map of features in which the classes lie beside each other."""
    rows = []
    for cohort, arm in sorted(key for key in keys if not key[1].startswith("control_")):
        splits = SPLITS.read(folder / "cohorts" / cohort / "splits.csv")
        subjects = splits[splits["role"] == "evaluation"].drop_duplicates("subject_id")
        for place, row in enumerate(subjects.itertuples()):
            x = len(str(row.label)) + np.sin(place)
            rows.append((cohort, arm, row.subject_id, None, row.label, x, np.cos(place), 0.4, 0.2))
    write_rows(FEATURE_MAP, rows, folder / "statistics" / FEATURE_MAP.name)


def write_further_tests(folder: Path, cohorts: tuple[str, ...], arms: list[str], classifiers: tuple[str, ...]) -> None:
    """The other tests of pairs, computed by the package from the files written so far."""
    own = folder / "statistics"
    metrics = METRICS.read(folder / "metrics.csv")
    BAYESIAN.write(weigh_pairs(metrics, "balanced_accuracy", 1 / (FOLDS - 1)), own / "bayesian.csv")
    methods = [(arm, classifier) for arm in arms for classifier in classifiers]
    methods.append(("control_majority_class", "majority_class"))
    files = {
        (cohort, arm, classifier): folder / "predictions" / cohort / f"{arm}.{classifier}.csv"
        for cohort in cohorts
        for arm, classifier in methods
    }
    for path in files.values():
        if not path.exists():  # a failed arm leaves a table without rows
            write_rows(PREDICTIONS, [], path)
    tests = compare_subjects(files)
    MCNEMAR.write(tests.mcnemar, own / "mcnemar.csv")
    DELONG.write(tests.delong, own / "delong.csv")
    uses = {cohort: ClinicalUse() for cohort in cohorts}
    clinical = weigh_clinical_use(files, uses, {"svm", "majority_class"})
    CLINICAL.write(clinical.values, own / CLINICAL.name)
    DECISION_CURVE.write(clinical.curves, own / DECISION_CURVE.name)
    held_out = {
        (key[0], HELD_OUT, *key[1:]): path for key, path in files.items() if key[0] == "elpv" and key[1] != "vit_sparse"
    }
    pairs = compare_on_test_sets(
        held_out, SUMMARY.read(folder / "summary.csv"), "balanced_accuracy", 0.05,
        n_resamples=200, seed=0, positives={}, metrics_of={},
    )  # fmt: skip
    TEST_PAIRS.write(pairs, own / "test_pairs.csv")


def write_rows(table: Table, rows: list[tuple], path: Path) -> None:
    width = len(rows[0]) if rows else None  # optional columns at the end may be left out
    table.write(pd.DataFrame(rows, columns=table.column_names[:width]), path)


def write_contrasts(folder: Path, metric: str = "balanced_accuracy") -> None:
    """Write arms as procedures and their contrasts: here each arm has its first classifier in every fold."""
    metrics, rope, relevant = METRICS.read(folder / "metrics.csv"), 0.01, 0.05
    rows = metrics[(metrics["metric"] == metric) & metrics["value"].notna()]
    scores, summary, contrasts = [], [], []
    for cohort, own in rows.groupby("cohort", sort=False):
        values = {}
        for arm, part in own.groupby("arm", sort=False):
            classifier = part["classifier"].iloc[0]
            part = part[part["classifier"] == classifier]
            values[arm] = part["value"].to_numpy()
            for row in part.itertuples():
                scores.append((cohort, arm, metric, row.repeat, row.fold, arm, classifier, row.value))
            summary.append(_procedure(cohort, arm, metric, values[arm], classifier))
        arms = [arm for arm in values if not arm.startswith("control_")]
        leader = max(arms, key=lambda arm: values[arm].mean())
        scores += [(*row[:1], BEST, *row[2:]) for row in scores if row[0] == cohort and row[1] == leader]
        summary.append(_procedure(cohort, BEST, metric, values[leader] - 0.01, leader))
        pairs = [("baseline", arm, arms[0]) for arm in arms[1:]]
        pairs += [("control", arm, "control_random_vit") for arm in arms if "control_random_vit" in values]
        level = 1 - 0.05 / len(pairs) if pairs else 0.95
        for question, a, b in pairs:
            d = values[a] - values[b]
            df, error = len(d) - 1, d.std(ddof=1) * np.sqrt(1 / len(d) + 1 / (FOLDS - 1))
            p = 2 * stats.t.sf(abs(d.mean()) / error, df)
            corrected, half = min(1.0, p * len(pairs)), stats.t.isf((1 - level) / 2, df) * error
            same = stats.t.sf((rope - abs(d.mean())) / error, df)
            word = "undecided" if corrected >= 0.05 else "a better" if d.mean() > 0 else "b better"
            needed = int(np.ceil(90 * (3 * error / relevant) ** 2))
            found = (d.mean(), error, df, d.mean() - half, d.mean() + half, level, p, corrected, len(pairs))
            about = (rope, same, min(1.0, same * len(pairs)), 3 * error, needed, word)
            contrasts.append((cohort, metric, question, a, b, *found, *about))
    own = folder / "statistics"
    write_rows(ARM_SCORES, scores, own / ARM_SCORES.name)
    write_rows(ARM_SUMMARY, summary, own / ARM_SUMMARY.name)
    write_rows(CONTRASTS, contrasts, own / CONTRASTS.name)


def _procedure(cohort: str, arm: str, metric: str, values: np.ndarray, chosen: str) -> tuple:
    error = values.std(ddof=1) * np.sqrt(1 / len(values) + 1 / (FOLDS - 1))
    half = stats.t.ppf(0.975, len(values) - 1) * error
    return (cohort, arm, metric, values.mean(), values.mean() - half, values.mean() + half, chosen, 0.01)


def compare(cohort: str, scores: dict[tuple[str, str], np.ndarray]) -> list[tuple]:
    rows = []
    for a, b in itertools.combinations(scores, 2):
        d = scores[a] - scores[b]
        n, sd = len(d), d.std(ddof=1)
        error = sd * np.sqrt(1 / n + 1 / (FOLDS - 1))
        t = d.mean() / error if error > 0 else None
        p = 1.0 if t is None else 2 * stats.t.sf(abs(t), n - 1)
        half = stats.t.ppf(0.975, n - 1) * error
        rows.append(
            [
                cohort,
                "balanced_accuracy",
                *a,
                *b,
                d.mean(),
                d.mean() - half,
                d.mean() + half,
                t,
                n - 1,
                p,
                p,
                d.mean() / sd if sd else None,
                n,
                3 * error or None,
                "",
            ]
        )
    running = 0.0
    for place, row in enumerate(sorted(rows, key=lambda r: r[11])):  # Holm
        running = max(running, min(1.0, row[11] * (len(rows) - place)))
        row[12] = running
        row[16] = "within noise" if running >= 0.05 else "a better" if row[6] > 0 else "b better"
    return [tuple(row) for row in rows]
