"""How often intervals cover the truth: simulated studies through the code that scores real ones.

Folds, metrics and intervals are sixgig's own (``make_splits``, ``summarise``, ``fold_metrics``). Compared are:

- **procedure**: the interval that the tables show (``ci_low`` to ``ci_high``);
- **bootstrap**: the interval of pooled predictions over resampled subjects (``pooled_low`` to ``pooled_high``);
- **corrected t**: Nadeau and Bengio's interval of the mean over folds;
- **bootstrap + variance**: normal, around the estimate, with the variance of the pooled bootstrap plus Nadeau and
  Bengio's term for what training samples share, (n_test / n_train) s^2 with s^2 the variance of fold scores;
- **nested**: Bates, Hastie and Tibshirani's nested cross-validation with 5 folds 50 times, of accuracy and balanced
  accuracy of a nearest centroid, in every second study; its truth is that of training on all subjects.

The first cells chose the shares of ``sixgig.evaluation.effective``; the others are fresh. ``make simulate`` prints the
tables of docs/method.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import t as student

from bench.nested_cv import nested_interval
from bench.simulated import Cell, centroid_losses, draw, predict, splits_of, truth
from sixgig.evaluation.metrics import fold_metrics
from sixgig.evaluation.summary import summarise
from sixgig.statistics.resampled import corrected_mean

#: Cells on which the shares were chosen.
OLD = (
    Cell((50, 50), 0.0), Cell((10, 90), 0.0), Cell((20, 20), 1.5), Cell((10, 30), 2.0), Cell((10, 90), 2.0),
    Cell((10, 190), 3.0), Cell((20, 380), 2.0), Cell((50, 50), 2.0), Cell((200, 200), 1.0),
    Cell((25, 25, 25, 25), 2.0), Cell((100, 60, 20, 10, 10), 2.0),
)  # fmt: skip
#: Cells that chose nothing.
FRESH = (
    Cell((12, 28), 1.0, 3, 3, 5), Cell((30, 30), 1.0, 5, 1, 10), Cell((15, 45), 1.2, 5, 1, 10),
    Cell((24, 36), 0.8, 5, 3, 6, True), Cell((40, 80), 1.0, 10, 1, 50), Cell((20, 130), 1.5, 10, 1, 12),
    Cell((10, 190), 1.5, 3, 3, 8), Cell((20, 180), 2.2, 5, 1, 10, True), Cell((100, 100), 1.5, 10, 1, 30, True),
    Cell((20, 380), 1.2, 10, 1, 50), Cell((60, 240), 1.5, 3, 3, 10), Cell((30, 30, 30), 1.5, 5, 1, 10),
    Cell((80, 40, 40, 20, 20), 1.7, 3, 3, 30), Cell((40, 40, 40, 40, 40), 1.2, 10, 1, 10),
)  # fmt: skip
#: What docs/method.md has the tables between.
MARKS = ("<!-- coverage: bench.coverage writes these tables -->", "<!-- end of coverage -->")
_NESTED = ("accuracy", "balanced_accuracy")
#: Studies that share a draw of folds.
_SHARED = 10
#: Draws of folds by nested cross-validation, and which studies it is run on: every second one.
_REPETITIONS, _EVERY = 50, 2


def intervals(cell: Cell, splits: pd.DataFrame, rng: np.random.Generator, nested: bool) -> pd.DataFrame:
    """Return the intervals of one simulated study: columns ``method``, ``metric``, ``low``, ``high``.

    Args:
        cell: How to draw it.
        splits: Its folds.
        rng: Source of its subjects.
        nested: Whether to add those of nested cross-validation.
    """
    labels = cell.labels
    data = draw(cell, labels, rng)
    predictions = predict(cell, data, splits)
    rows = summarise(predictions, "c", "a", "x", splits=splits, n_resamples=200).set_index("metric")
    folds = fold_metrics(predictions, "c", "a", "x").groupby("metric")["value"]
    scores = {str(name): values.dropna().to_numpy(np.float64) for name, values in folds}
    ratio, found = 1 / (cell.folds - 1), []
    for name, row in rows.iterrows():
        mean = corrected_mean(scores[str(name)], ratio)
        half = float(student.ppf(0.975, mean.df)) * mean.error
        both = 1.96 * np.sqrt(((row["pooled_high"] - row["pooled_low"]) / 3.92) ** 2 + ratio * mean.deviation**2)
        found += [
            ("procedure", name, row["ci_low"], row["ci_high"]),
            ("bootstrap", name, row["pooled_low"], row["pooled_high"]),
            ("corrected t", name, mean.mean - half, mean.mean + half),
            ("bootstrap + variance", name, mean.mean - both, mean.mean + both),
        ]
    if nested:
        sizes = np.array(cell.counts)
        weights = {"accuracy": np.ones(len(labels)), "balanced_accuracy": (len(labels) / len(sizes) / sizes)[labels]}
        for name in _NESTED:
            low, high = nested_interval(
                lambda trained: centroid_losses(data, labels, trained), labels, weights[name], rng,
                repetitions=_REPETITIONS,
            )  # fmt: skip
            found.append(("nested", name, 1 - high, 1 - low))
    return pd.DataFrame(found, columns=["method", "metric", "low", "high"])


def cover(cell: Cell, number: int, studies: int) -> pd.DataFrame:
    """Return coverage and mean width in a cell, a row per method and metric; a missing interval covers nothing."""
    rng = np.random.default_rng([1, number])
    own, whole = truth(cell, rng), truth(cell, rng, whole=True)
    parts = []
    for study in range(studies):
        if study % _SHARED == 0:
            splits = splits_of(cell, study)
        parts.append(intervals(cell, splits, rng, not cell.linear and study % _EVERY == 0))
    found = pd.concat(parts, ignore_index=True)
    true = found["metric"].map(own).where(found["method"] != "nested", found["metric"].map(whole))
    found = found.assign(
        truth=true, coverage=(found["low"] <= true) & (true <= found["high"]), width=found["high"] - found["low"]
    )
    return found.groupby(["method", "metric"], sort=False, as_index=False)[["truth", "coverage", "width"]].mean()


def table(found: pd.DataFrame, rows: str, columns: str) -> str:
    """Return a table of the column ``shown``."""
    wide = found.pivot(index=rows, columns=columns, values="shown").fillna("")
    wide = wide.loc[list(dict.fromkeys(found[rows])), list(dict.fromkeys(found[columns]))]
    lines = [f"| {rows} | {' | '.join(wide.columns)} |", "|---" * (wide.shape[1] + 1) + "|"]
    lines += [f"| {name} | {' | '.join(values)} |" for name, values in zip(wide.index, wide.to_numpy(), strict=True)]
    return "\n".join(lines)


def by_cell(found: pd.DataFrame, columns: str) -> str:
    """Return a table of ``coverage in percent (mean width)``."""
    shown = [f"{100 * coverage:.0f} ({width:.2f})" for coverage, width in found[["coverage", "width"]].to_numpy()]
    return table(found.assign(shown=shown), "cell", columns)


def overview(found: pd.DataFrame) -> str:
    """Return a table of ``least to greatest coverage over cells, mean (mean of width over that of procedure)``."""
    own = found[found["method"] == "procedure"].set_index(["cell", "metric"])["width"]
    found = found.assign(relative=found["width"] / own.reindex(found.set_index(["cell", "metric"]).index).to_numpy())
    kept = found.groupby(["metric", "method"], sort=False)
    rows = [
        (*key, "{:.0f} to {:.0f}, {:.0f}".format(*(100 * cells["coverage"]).agg(["min", "max", "mean"])), cells)
        for key, cells in kept
    ]
    shown = [f"{text} ({cells['relative'].mean():.2f})" for *_, text, cells in rows]
    frame = pd.DataFrame([row[:2] for row in rows], columns=["metric", "method"]).assign(shown=shown)
    return table(frame, "metric", "method")


def tables(found: pd.DataFrame) -> str:
    """Return the tables of docs/method.md."""
    parts = [
        ("Intervals of the procedure by cell", by_cell(found[found["method"] == "procedure"], "metric")),
        ("Balanced accuracy by cell and method", by_cell(found[found["metric"] == "balanced_accuracy"], "method")),
    ]
    for fresh, title in ((True, "that chose nothing"), (False, "that chose the shares")):
        own = found[found["fresh"] == fresh]
        if len(own):
            parts.append((f"The {own['number'].nunique()} cells {title}", overview(own)))
    return "\n\n".join(f"{title}:\n\n{text}" for title, text in parts)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--cells", type=int, nargs="*", default=range(len(OLD + FRESH)), help="numbers, from 0")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time, each in a process of its own")
    parser.add_argument("--csv", type=Path, help="file of all figures; cells that it holds are not run again")
    parser.add_argument("--document", type=Path, help="file that gets the tables between its two marks")
    options = parser.parse_args()
    parts = []
    if options.csv and options.csv.exists():
        known = pd.read_csv(options.csv)
        parts = [own for _, own in known[known["studies"] == options.studies].groupby("number")]
    open_cells = [number for number in options.cells if number not in {int(own["number"].iloc[0]) for own in parts}]
    work = (delayed(cover)((OLD + FRESH)[number], number, options.studies) for number in open_cells)
    for number, own in zip(open_cells, Parallel(options.jobs, return_as="generator")(work), strict=True):
        cell = (OLD + FRESH)[number]
        parts.append(own.assign(cell=str(cell), number=number, fresh=cell in FRESH, studies=options.studies))
        if options.csv:
            pd.concat(parts).to_csv(options.csv, index=False)
    text = tables(pd.concat(parts, ignore_index=True).sort_values("number", kind="stable"))
    print(text)
    if options.document:
        before, start, rest = options.document.read_text("utf-8").partition(MARKS[0])
        _, end, after = rest.partition(MARKS[1])
        options.document.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}", "utf-8")


if __name__ == "__main__":
    main()
