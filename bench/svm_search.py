"""Time of the SVM's inner search against scikit-learn's ``GridSearchCV`` over ``SVC``, alternating in one run.

Both go through the same grid on the same folds and choose by balanced accuracy; both lists of scores are printed, and
have to be equal. Neither searches in parallel. Classes differ in 64 directions of unequal variance and overlap. Run
with ``make bench``; plain ``SVC`` on 5,000 subjects takes a minute and a half of its two minutes, hence one round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sixgig.classifiers.registry import Grid, build_classifier
from sixgig.classifiers.search import inner_scores
from sixgig.classifiers.svm.classifier import ScoredSVC

_SEED = 2026


def draw(subjects: int, features: int, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Features [subjects, features] with a mean squared norm of one, and classes that overlap."""
    generator = np.random.default_rng(_SEED)
    y = np.arange(subjects) % n_classes
    spread = 1 / np.sqrt(1 + np.arange(features))
    centres = np.zeros((n_classes, features))
    centres[:, :64] = 0.15 * generator.normal(size=centres[:, :64].shape)
    X = (generator.normal(size=(subjects, features)) + centres[y]) * spread
    X -= X.mean(axis=0)
    return X / np.sqrt((X**2).sum(axis=1).mean()), y


def plain(first: Pipeline, grid: Grid, X: Any, y: Any, folds: StratifiedKFold) -> NDArray[np.float64]:
    """Scores of scikit-learn's own search, [n_candidates]: everything is fitted again for every candidate."""
    machine = Pipeline([*first.steps[:-1], ("classifier", SVC(class_weight="balanced", break_ties=True))])
    search = GridSearchCV(machine, grid, cv=folds, scoring="balanced_accuracy", refit=False)
    return np.asarray(search.fit(X, y).cv_results_["mean_test_score"])


def own(pipeline: Pipeline, grid: Grid, X: Any, y: Any, folds: StratifiedKFold) -> NDArray[np.float64]:
    """Scores of sixgig's search, [n_candidates]."""
    return inner_scores(pipeline, grid, X, y, folds).mean(axis=0)


def compare(title: str, pipeline: Pipeline, grid: Grid, X: Any, y: Any, folds: int, rounds: int) -> None:
    """Run both searches ``rounds`` times in turn and print times and scores."""
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    searches: dict[str, Callable[..., NDArray[np.float64]]] = {"sixgig": own, "plain": plain}
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    found = {}
    for _ in range(rounds):
        for name, search in searches.items():
            began = time.perf_counter()
            found[name] = search(pipeline, grid, X, y, splitter)
            seconds[name].append(time.perf_counter() - began)
    apart = np.abs(found["plain"] - found["sixgig"]).max()
    ratio = statistics.median(a / b for a, b in zip(seconds["plain"], seconds["sixgig"], strict=True))
    size = f"{len(X):,} x {X.shape[1]}, {len(np.unique(y))} classes"
    print(f"{title}: {size}, {folds} folds, {len(found['plain'])} candidates")
    for name, values in seconds.items():
        shown = " ".join(f"{score:.4f}" for score in found[name][:8])
        print(f"  {name:8} {statistics.median(values):8.2f} s (median of {rounds})  balanced accuracy {shown}")
    print(f"  plain / sixgig: {ratio:.1f}; largest difference of two scores {apart:.1e}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=5000)
    parser.add_argument("--features", type=int, default=768)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--C", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--rounds", type=int, default=1, help="of the large grids")
    parser.add_argument(
        "--study-subjects", type=int, default=600, help="for the grid of the default study; 0: not at all"
    )
    options = parser.parse_args()
    # scikit-learn's machines are not stopped, so only ours may warn that it was.
    warnings.simplefilter("error", ConvergenceWarning)
    print(f"{len(os.sched_getaffinity(0))} cores; OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}")
    X, y = draw(options.subjects, options.features, options.classes)
    for kernel in ("rbf", "linear"):
        bare = Pipeline([("classifier", ScoredSVC())])
        grid: Grid = [{"classifier__kernel": [kernel], "classifier__C": options.C}]
        compare(f"{kernel}, C {options.C}", bare, grid, X, y, options.folds, options.rounds)
    if options.study_subjects:
        X, y = draw(options.study_subjects, options.features, options.classes)
        pipeline, grid = build_classifier("svm", {}, seed=_SEED)
        compare("default grid with scaler and PCA", pipeline, grid, X, y, 3, rounds=3)


if __name__ == "__main__":
    main()
