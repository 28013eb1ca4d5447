"""How often equal methods are called different, and how much the highest flatters: simulated null studies.

Each arm sees its own noisy view of the subjects: one half of the noise is shared by all arms (subjects that are hard
for everyone), the other is the arm's own. Both classifiers of an arm are nearest centroids on overlapping features,
trained on real training folds, with noise of their own for every training run. By symmetry all methods have the same
true performance, which is exact: normal subjects against the weights of fresh training samples. Folds, scores,
choices, tests and verdicts are sixgig's own. ``make simulate`` prints a table for docs/method.md.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from sixgig.evaluation.metrics import Outcomes, weighted_metrics
from sixgig.evaluation.splits import make_splits
from sixgig.statistics.contrasts import Settings, weigh_contrasts
from sixgig.statistics.pairwise import compare_pairs
from sixgig.statistics.selection import score_procedures, summarise_procedures
from sixgig.tables.contrasts import BEST
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.verdicts.deciding import decide
from sixgig.verdicts.tables import CohortTables

Floats = NDArray[np.float64]
METRIC, FEATURES, SHARED, TRAINING = "balanced_accuracy", 20, 0.5, 0.15
#: Features of the two classifiers: 14 each, 8 of them in common.
VIEWS = {"first": np.arange(0, 14), "second": np.arange(6, 20)}
CONTROL = "control_random"
ARMS = ("plain", "start", "trained_1", "trained_2", "trained_3")
#: As many and such contrasts as the default study plans: 4 with the baseline, 3 with the start, 5 with a control.
PLANNED = [
    *(("baseline", arm, "plain") for arm in ARMS[1:]),
    *(("start", arm, "start") for arm in ARMS[2:]),
    *(("control", arm, CONTROL) for arm in ARMS),
]
FALSE = ("a better", "b better")


class Cell(NamedTuple):
    """Subjects (half of each class), folds, repeats, distance of the classes, one training run for all folds or not."""

    subjects: int
    folds: int
    repeats: int
    distance: float = 2.5
    one_run: bool = False


CELLS = (
    Cell(60, 5, 3), Cell(100, 5, 3), Cell(200, 5, 3), Cell(100, 5, 1), Cell(100, 3, 1), Cell(60, 5, 1), Cell(60, 3, 1),
    Cell(200, 5, 1), Cell(200, 3, 1), Cell(100, 5, 3, 0.0), Cell(100, 5, 3, 2.5, True),
)  # fmt: skip


class Study(NamedTuple):
    """What one simulated study shows; the first four are whether anything false was said."""

    contrasts: bool
    uncorrected: bool
    pairs: bool
    better: bool
    highest: float
    best: float
    covered: float


def centre(distance: float) -> Floats:
    """Return the centre of the second class, [FEATURES]; that of the first is minus it."""
    return np.full(FEATURES, distance / 2 / np.sqrt(FEATURES))


def truth(cell: Cell, rng: np.random.Generator, samples: int = 20000) -> float:
    """Return the mean balanced accuracy of a method over fresh training samples of the size of a training fold."""
    used = len(VIEWS["first"])
    spread = 1 / np.sqrt(cell.subjects / 2 * (1 - 1 / cell.folds))
    mean = centre(cell.distance)[:used]
    low, high = spread * rng.standard_normal((2, samples, used)) + np.stack([-mean, mean])[:, None]
    weights = high - low + TRAINING * rng.standard_normal((samples, used))
    middle, size = (weights * (low + high)).sum(axis=1) / 2, np.linalg.norm(weights, axis=1)
    return float((norm.cdf((weights @ mean - middle) / size) + norm.cdf((weights @ mean + middle) / size)).mean() / 2)


def margins(view: Floats, labels: NDArray[np.intp], test: Floats, one_run: bool, rng: np.random.Generator) -> Floats:
    """Return how far every subject lies on the side of the second class, [n_folds, n], by the model of each fold.

    Args:
        view: Features, [n, n_used].
        labels: 0 or 1, [n].
        test: 1 for a fold's test subjects, else 0, [n_folds, n].
        one_run: Whether the training noise is the same in all folds.
        rng: Source of the training noise.
    """
    high, low = ((1 - test) * labels, (1 - test) * (1 - labels))
    high, low = (part @ view / part.sum(axis=1, keepdims=True) for part in (high, low))
    noise = TRAINING * rng.standard_normal((1 if one_run else len(test), view.shape[1]))
    weights = high - low + noise
    result: Floats = weights @ view.T - (weights * (low + high)).sum(axis=1, keepdims=True) / 2
    return result


def fold_values(margin: Floats, labels: NDArray[np.intp], test: Floats) -> Floats:
    """Return the balanced accuracy of every fold by sixgig's metrics."""
    fold, subject = np.nonzero(test)
    scores = 1 / (1 + np.exp(-margin[fold, subject]))
    data = Outcomes(
        ("0", "1"), 1, labels[subject], (scores > 0.5).astype(np.intp), np.stack([1 - scores, scores], axis=1)
    )
    return weighted_metrics(data, (fold == np.arange(len(test))[:, None]).astype(np.float64))[METRIC]


def draw(cell: Cell, seed: list[int]) -> pd.DataFrame:
    """Return the fold scores of all methods of one simulated study, as rows of ``tables.METRICS``."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(2), cell.subjects // 2)
    names = [f"s{number:03d}" for number in range(cell.subjects)]
    manifest = pd.DataFrame({"subject_id": names, "label": [f"c{label}" for label in labels]})
    splits = make_splits(
        manifest, folds=cell.folds, repeats=cell.repeats, pretraining_fraction=0.0, scope="transductive", seed=seed[1]
    )
    splits = splits[splits["role"] == "evaluation"]
    place = (splits["repeat"] * cell.folds + splits["fold"]).to_numpy(dtype=np.intp)
    test = np.zeros((cell.folds * cell.repeats, cell.subjects))
    test[place, splits["subject_id"].str[1:].to_numpy(dtype=np.intp)] = 1
    shared, parts = rng.standard_normal((cell.subjects, FEATURES)), []
    for arm in (*ARMS, CONTROL):
        own = rng.standard_normal((cell.subjects, FEATURES))
        view = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
        if arm != CONTROL:
            view += (2 * labels - 1)[:, None] * centre(cell.distance)
        for classifier, columns in VIEWS.items():
            values = fold_values(margins(view[:, columns], labels, test, cell.one_run, rng), labels, test)
            rows = {"cohort": "c", "arm": arm, "classifier": classifier, "metric": METRIC, "value": values}
            fold = np.arange(len(test))
            parts.append(pd.DataFrame(rows | {"repeat": fold // cell.folds, "fold": fold % cell.folds}))
    return METRICS.check(pd.concat(parts, ignore_index=True)[METRICS.column_names[:7]], "simulation")


def judge(cell: Cell, metrics: pd.DataFrame, true: float, every_pair: bool = True) -> Study:
    """Return what sixgig says of one study in which no arm and no method is better than another.

    Args:
        cell: How the study was drawn.
        metrics: Its rows of ``tables.METRICS``.
        true: The performance of every method.
        every_pair: Whether pairs of methods are tested too, which takes half of the time.
    """
    ratio = 1 / (cell.folds - 1)
    procedures = score_procedures(metrics, METRIC)
    contrasts = weigh_contrasts(procedures, PLANNED, METRIC, Settings(ratio), {"c": cell.subjects})
    arms = summarise_procedures(procedures, metrics, METRIC, ratio)
    plain = metrics.groupby(["arm", "classifier"], sort=False)["value"].mean().reset_index(name="estimate")
    fixed: dict[str, Any] = {"cohort": "c", "metric": METRIC, "n_subjects": cell.subjects, "status": "ok"}
    summary = plain.assign(**fixed).reindex(columns=SUMMARY.column_names)
    decision = decide(CohortTables("c", METRIC, summary, arms, contrasts, n_classes=2))
    pairs = compare_pairs(metrics if every_pair else metrics[:0], METRIC, ratio)
    pairs = pairs[(pairs["arm_a"] != CONTROL) & (pairs["arm_b"] != CONTROL)]
    own, best = contrasts[contrasts["question"] != "control"], arms[arms["arm"] == BEST].iloc[0].to_dict()
    return Study(
        bool(own["verdict"].isin(FALSE).any()),
        bool((own["p_value"] < 0.05).any()),
        bool(pairs["verdict"].isin(FALSE).any()),
        decision.level == "better",
        float(plain[plain["arm"] != CONTROL]["estimate"].max()) - true,
        float(best["estimate"]) - true,
        float(best["ci_low"] <= true <= best["ci_high"]),
    )


def row(cell: Cell, studies: int, number: int) -> str:
    """Return one row of the table: shares in percent, and mean errors, with Monte Carlo standard errors."""
    true = truth(cell, np.random.default_rng(number))
    found = np.array([judge(cell, draw(cell, [number, study]), true) for study in range(studies)], dtype=float)
    mean, error = found.mean(axis=0), found.std(axis=0) / np.sqrt(studies)
    cells = [f"{cell.subjects}, {cell.folds} x {cell.repeats}, d {cell.distance:g}{', one run' * cell.one_run}"]
    cells += [str(studies), f"{true:.3f}"]
    cells += [f"{100 * mean[place]:.1f} ± {100 * error[place]:.1f}" for place in range(4)]
    cells += [f"{mean[place]:+.3f} ± {error[place]:.3f}" for place in (4, 5)]
    return f"| {' | '.join([*cells, f'{100 * mean[6]:.1f} ± {100 * error[6]:.1f}'])} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--cells", type=int, nargs="*", default=range(len(CELLS)), help="numbers of cells, from 0")
    options = parser.parse_args()
    print(
        "| subjects, folds x repeats | studies | truth | contrasts % | without Holm % | pairs % | `better` % "
        "| highest - truth | `best` - truth | `best` covered % |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for number in options.cells:
        print(row(CELLS[number], options.studies, number), flush=True)


if __name__ == "__main__":
    main()
