"""Accuracy of sparse representation against other classifiers on scikit-learn's digits, with the time it took.

``.venv/bin/python -m bench.digits``; one thread. Times of sparse coding are a section of ``make bench``.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from sixgig.classifiers.src.classifier import SRC


def main() -> None:
    """Print accuracies: five folds, options chosen inside the training folds."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    inner = StratifiedKFold(3, shuffle=True, random_state=0)
    sparsity = {"n_nonzero": [5, 10, 20]}
    penalties = {"C": [0.1, 1.0, 10.0, 100.0]}
    candidates: dict[str, tuple[Any, dict[str, list[Any]]]] = {
        "SRC (omp)": (SRC("omp"), sparsity),
        "SRC (omp), 30 a class, subset": (SRC("omp", atoms_per_class=30), sparsity),
        "SRC (omp), 30 a class, K-SVD": (SRC("omp", atoms_per_class=30, shrinkage="ksvd"), sparsity),
        "SRC (lasso)": (SRC("lasso"), {"alpha": [0.01, 0.05, 0.2]}),
        "CRC-RLS (crc)": (SRC("crc"), {"ridge": [0.001, 0.01, 0.1]}),
        "SVM, linear": (make_pipeline(StandardScaler(), SVC(kernel="linear")), {}),
        "SVM, RBF": (make_pipeline(StandardScaler(), SVC()), {}),
    }
    print(
        f"digits: {len(X)} images of 8 x 8, accuracy over 5 folds (mean, lowest, highest), fit and predict with search"
    )
    for name, (model, grid) in candidates.items():
        if not grid:
            grid = {f"svc__{key}": values for key, values in penalties.items()}
        started = time.perf_counter()
        found = cross_validate(GridSearchCV(model, grid, cv=inner), X, y, cv=folds)["test_score"]
        seconds = time.perf_counter() - started
        print(f"  {name:30} {found.mean():.3f} ({found.min():.3f} to {found.max():.3f})  {seconds:6.1f} s", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        main()
