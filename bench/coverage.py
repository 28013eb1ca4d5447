"""How often intervals cover the truth: simulated studies through the code that scores real ones.

Subjects are drawn from normal distributions; folds, metrics and intervals are sixgig's own (``make_splits``,
``summarise``), the classifier is a nearest centroid. The truth is the mean over fresh training samples of the size of a
training fold, each on a large test set. ``make simulate`` prints a table for docs/method.md.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.evaluation.fold_scores import fold_scores
from sixgig.evaluation.metrics import fold_metrics
from sixgig.evaluation.splits import make_splits
from sixgig.evaluation.summary import summarise
from sixgig.statistics.resampled import corrected_mean

FOLDS, REPEATS, FEATURES, METRIC = 5, 3, 20, "balanced_accuracy"


class Cell(NamedTuple):
    """Subjects of each class, and how far the classes lie apart."""

    counts: tuple[int, ...]
    distance: float


CELLS = (
    Cell((20, 20), 0.0), Cell((50, 50), 0.0), Cell((10, 90), 0.0), Cell((20, 20), 1.5), Cell((10, 30), 2.0),
    Cell((10, 90), 2.0), Cell((10, 190), 3.0), Cell((20, 380), 2.0), Cell((50, 50), 2.0), Cell((200, 200), 1.0),
    Cell((25, 25, 25, 25), 2.0), Cell((100, 60, 20, 10, 10), 2.0),
)  # fmt: skip


def draw(cell: Cell, labels: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return features, [n, FEATURES]; the centres of the classes are ``distance`` apart."""
    centres = np.eye(len(cell.counts), FEATURES) * cell.distance / np.sqrt(2)
    result: NDArray[np.float64] = rng.standard_normal((len(labels), FEATURES)) + centres[labels]
    return result


def scores_of(train: NDArray[np.float64], labels: NDArray[np.intp], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return class scores of a nearest centroid, [n, n_classes]."""
    centres = np.stack([train[labels == index].mean(axis=0) for index in range(labels.max() + 1)])
    values = test @ centres.T - (centres**2).sum(axis=1) / 2
    found = np.exp(values - values.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return result


def predict(cell: Cell, splits: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return out-of-fold predictions of one simulated study."""
    first = splits[splits["repeat"] == 0]
    labels = first["label"].str[1:].to_numpy(dtype=np.intp)
    data, parts = draw(cell, labels, rng), []
    for (_, _), rows in splits.groupby(["repeat", "fold"]):
        test = first["subject_id"].isin(rows["subject_id"]).to_numpy()
        scores = scores_of(data[~test], labels[~test], data[test])
        ordered = rows.set_index("subject_id").loc[first["subject_id"][test]].reset_index()
        part = ordered[["subject_id", "repeat", "fold", "label"]]
        part = part.assign(predicted=[f"c{index}" for index in scores.argmax(axis=1)])
        parts.append(part.assign(**{f"score_c{index}": scores[:, index] for index in range(scores.shape[1])}))
    return pd.concat(parts, ignore_index=True)


def truth(cell: Cell, rng: np.random.Generator, samples: int = 300, tested: int = 1000) -> float:
    """Return the mean balanced accuracy over fresh training samples."""
    size = [round(n * (1 - 1 / FOLDS)) for n in cell.counts]
    labels, tests = np.repeat(np.arange(len(size)), size), np.repeat(np.arange(len(size)), tested)
    found = []
    for _ in range(samples):
        guess = scores_of(draw(cell, labels, rng), labels, draw(cell, tests, rng)).argmax(axis=1)
        found.append((guess == tests).mean())
    return float(np.mean(found))


def cover(cell: Cell, studies: int, seed: int) -> str:
    """Return one row of the table: coverage and mean width of three intervals."""
    from scipy.stats import t as student

    rng = np.random.default_rng(seed)
    true = truth(cell, rng)
    names = [f"c{index}" for index, n in enumerate(cell.counts) for _ in range(n)]
    manifest = pd.DataFrame({"subject_id": [f"s{number:03d}" for number in range(len(names))], "label": names})
    ends: dict[str, list[tuple[float, float]]] = {"procedure": [], "corrected t": [], "bootstrap": []}
    for number in range(studies):
        splits = make_splits(
            manifest, folds=FOLDS, repeats=REPEATS, pretraining_fraction=0.0, scope="transductive", seed=number
        )
        splits = splits[splits["role"] == "evaluation"]
        table = predict(cell, splits, rng)
        rows = summarise(table, "c", "a", "x", splits=splits, n_resamples=400)
        row = rows[rows["metric"] == METRIC].iloc[0]
        ends["procedure"].append((row["ci_low"], row["ci_high"]))
        ends["bootstrap"].append((row["pooled_low"], row["pooled_high"]))
        values = fold_scores(fold_metrics(table, "c", "a", "x"), "c", "a", "x", METRIC)["value"].to_numpy()
        found = corrected_mean(values, 1 / (FOLDS - 1))
        half = float(student.ppf(0.975, found.df)) * found.error
        ends["corrected t"].append((found.mean - half, found.mean + half))
    cells = [":".join(map(str, cell.counts)), f"{cell.distance:g}", f"{true:.3f}"]
    for own in ends.values():
        low, high = np.array(own, dtype=float).T
        cells.append(f"{100 * np.mean((low <= true) & (true <= high)):.0f}% ({np.nanmean(high - low):.3f})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--cells", type=int, default=len(CELLS))
    options = parser.parse_args()
    print("| subjects | distance | truth | procedure | corrected t | bootstrap |\n|---|---|---|---|---|---|")
    for number, cell in enumerate(CELLS[: options.cells]):
        print(cover(cell, options.studies, number), flush=True)


if __name__ == "__main__":
    main()
