"""Sparse coding against scikit-learn and SPAMS, alternating in one run on one thread: ms per vector, and the results.

``.venv/bin/python -m bench.sparse_coding`` times OMP and the lasso; ``--quick`` leaves out dictionaries of 8,000 atoms,
and ``--digits`` prints accuracies on scikit-learn's digits instead. SPAMS is under the GPL and no part of sixgig. To
see its rows too, install it beside and name that folder before the command: ``.tools/bin/uv pip install --python
.venv/bin/python --target .tools/spams --no-deps spams-bin`` and ``PYTHONPATH=.tools/spams``. Its OMP computes a Gram
matrix in every call, and so compares with the second row of sixgig; for the lasso all are given one.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import sparse_encode
from sklearn.linear_model import orthogonal_mp
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from sixgig.classifiers.src.classifier import SRC
from sixgig.sparse_coding.coding import unit_rows
from sixgig.sparse_coding.lasso import batch_lasso, lasso_gram
from sixgig.sparse_coding.loops import Floats, Indices, gram_matrix
from sixgig.sparse_coding.omp import batch_omp

_CLASSES = 10
_VECTORS = 500


@dataclass(frozen=True)
class Problem:
    """Unit-norm atoms and vectors of ten classes, each around a subspace of its own.

    Attributes:
        atoms: [n_atoms, n_features].
        classes: Class of every atom, [n_atoms].
        vectors: [n_vectors, n_features].
        labels: Class of every vector, [n_vectors].
    """

    atoms: Floats
    classes: Indices
    vectors: Floats
    labels: Indices


def problem(n_atoms: int, n_features: int, noise: float) -> Problem:
    """Draw a problem: 12 directions a class, weights with a mean, and noise of a length relative to the rest."""
    generator = np.random.default_rng(n_atoms + n_features)
    bases = generator.normal(size=(_CLASSES, 12, n_features))

    def draw(count: int) -> tuple[Floats, Indices]:
        labels = np.arange(count) % _CLASSES
        weights = generator.normal(size=(count, 12)) + 0.5
        own = unit_rows(np.einsum("nk,nkd->nd", weights, bases[labels]))
        return unit_rows(own + noise * unit_rows(generator.normal(size=own.shape))), labels

    return Problem(*draw(n_atoms), *draw(_VECTORS))


@dataclass(frozen=True)
class Way:
    """One way to code.

    Attributes:
        name: What it is.
        run: Codes the first ``count`` vectors; codes are dense or SciPy's, one a row or (``columns``) one a column.
        count: Vectors per call.
        columns: Whether codes are columns.
    """

    name: str
    run: Callable[[], Any]
    count: int
    columns: bool = False

    def dense(self, found: Any) -> Floats:
        """Return codes as ``run`` returned them as an array, [count, n_atoms]."""
        codes = np.asarray(found.todense() if hasattr(found, "todense") else found, dtype=np.float64)
        return codes.T if self.columns else codes


def spams_library() -> Any:
    """Return SPAMS, or None when it is not installed."""
    try:
        return importlib.import_module("spams")
    except ImportError:
        return None


def measure(ways: list[Way], rounds: int) -> tuple[dict[str, list[float]], dict[str, Floats]]:
    """Run every way in turn, ``rounds`` times; ms a vector and the last codes, by name."""
    times: dict[str, list[float]] = {way.name: [] for way in ways}
    codes: dict[str, Floats] = {}
    for _ in range(rounds):
        for way in ways:
            started = time.perf_counter()
            found = way.run()
            times[way.name].append((time.perf_counter() - started) / way.count * 1e3)
            codes[way.name] = way.dense(found)
    return times, codes


def accuracy(case: Problem, codes: Floats) -> float:
    """Share of vectors whose class leaves the smallest residual."""
    count = len(codes)
    residuals = [
        np.linalg.norm(case.vectors[:count] - codes[:, own] @ case.atoms[own], axis=1)
        for own in (case.classes == index for index in range(_CLASSES))
    ]
    return float((np.argmin(residuals, axis=0) == case.labels[:count]).mean())


def show(case: Problem, ways: list[Way], rounds: int, quality: Callable[[Floats, Floats], str]) -> None:
    """Measure, and print a row per way; the first is ours, and ``quality`` compares the codes of each with it."""
    times, found = measure(ways, rounds)
    own = ways[0].name
    for way in ways:
        codes, pairs = found[way.name], zip(times[way.name], times[own], strict=True)
        ratio = statistics.median(other / ours for other, ours in pairs)
        print(
            f"  {way.name:28} {statistics.median(times[way.name]):9.3f} ms  {ratio:7.2f} x sixgig  "
            f"{quality(codes, found[own][: len(codes)])}  accuracy {accuracy(case, codes):.3f} of {way.count}",
            flush=True,
        )


def bench_omp(case: Problem, n_nonzero: int, rounds: int, spams: Any) -> None:
    """Time OMP on one dictionary, and print."""
    n_atoms, n_features = case.atoms.shape
    columns, targets = np.asfortranarray(case.atoms.T), np.asfortranarray(case.vectors.T)
    few = 100 if n_atoms <= 2000 else 25
    gram = gram_matrix(case.atoms)
    ways = [
        Way("sixgig", lambda: batch_omp(case.atoms, case.vectors, n_nonzero, gram=gram), _VECTORS),
        Way("sixgig, and its Gram matrix", lambda: batch_omp(case.atoms, case.vectors, n_nonzero), _VECTORS),
        Way(
            "scikit-learn orthogonal_mp",
            lambda: orthogonal_mp(columns, targets[:, :few], n_nonzero_coefs=n_nonzero),
            few,
            columns=True,
        ),
    ]
    if spams is not None:
        narrow = [np.asfortranarray(array, dtype=np.float32) for array in (targets, columns)]
        ways.append(
            Way(
                "SPAMS omp (float32; OLS)",
                lambda: spams.omp(*narrow, L=n_nonzero, eps=0.0, return_reg_path=False, numThreads=1),
                _VECTORS,
                columns=True,
            )
        )

    def quality(codes: Floats, own: Floats) -> str:
        residual = np.linalg.norm(case.vectors[: len(codes)] - codes @ case.atoms, axis=1).mean()
        same = ((codes != 0) == (own != 0)).all(axis=1).mean()
        return f"residual {residual:.5f}  same support {same:6.1%}"

    print(f"OMP, {n_atoms} atoms of {n_features} features, k = {n_nonzero}")
    show(case, ways, rounds, quality)


def bench_lasso(case: Problem, alpha: float, rounds: int, spams: Any) -> None:
    """Time the lasso on one dictionary, and print."""
    n_atoms, n_features = case.atoms.shape
    gram, wide_gram = lasso_gram(case.atoms), case.atoms @ case.atoms.T
    many, few = (_VECTORS, 25) if n_atoms <= 2000 else (100, 3)
    targets = np.asfortranarray(case.vectors[:many].T)

    def encode(algorithm: str, count: int) -> Way:
        # The Gram matrix is given, as to the others: with so few vectors it would be most of the time.
        return Way(
            f"scikit-learn {algorithm}",
            lambda: sparse_encode(
                case.vectors[:count], case.atoms, gram=wide_gram, algorithm=algorithm, alpha=alpha, max_iter=2000
            ),
            count,
        )

    ways = [
        Way("sixgig", lambda: batch_lasso(case.atoms, case.vectors[:many], alpha, gram=gram), many),
        encode("lasso_cd", few),
        encode("lasso_lars", max(1, few // 5)),
    ]
    if spams is not None:
        ways.append(
            Way(
                "SPAMS lasso (homotopy)",
                lambda: spams.lasso(
                    targets,
                    Q=wide_gram.T,
                    q=np.asfortranarray(case.atoms @ targets),
                    lambda1=alpha,
                    mode=2,
                    numThreads=1,
                ),
                many,
                columns=True,
            )
        )

    def objective(codes: Floats) -> Floats:
        residuals = case.vectors[: len(codes)] - codes @ case.atoms
        result: Floats = 0.5 * (residuals**2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)
        return result

    def quality(codes: Floats, own: Floats) -> str:
        excess = (objective(codes) / objective(own) - 1.0).max()
        return f"non-zeros {np.count_nonzero(codes) / len(codes):5.1f}  objective {excess:+.0e}"

    print(f"lasso, {n_atoms} atoms of {n_features} features, alpha = {alpha} (objective: worst excess over sixgig's)")
    show(case, ways, rounds, quality)


def digits() -> None:
    """Print accuracies on scikit-learn's digits: five folds, options chosen inside the training folds."""
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


def main(quick: bool, rounds: int, noise: float) -> None:
    """Measure and print."""
    spams = spams_library()
    started = time.perf_counter()
    batch_omp(np.eye(3), np.eye(3), 1)
    batch_lasso(np.eye(3), np.eye(3), 0.1)
    print(f"kernels ready after {time.perf_counter() - started:.1f} s (compiled, or read from numba's cache)")
    print(f"as many vectors a call as 'of' says; medians of {rounds} alternating rounds, one thread, noise {noise}")
    if spams is None:
        print("SPAMS is not installed, so its rows are left out; the head of bench/sparse_coding.py says how to get it")
    for n_atoms in (500, 2000) if quick else (500, 2000, 8000):
        for n_features in (128, 512):
            case = problem(n_atoms, n_features, noise)
            for n_nonzero in (10, 30):
                bench_omp(case, n_nonzero, rounds, spams)
            for alpha in (0.05, 0.2):
                bench_lasso(case, alpha, rounds, spams)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out dictionaries of 8,000 atoms")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--noise", type=float, default=1.0, help="length of the noise; with 3 atoms hardly correlate")
    parser.add_argument("--digits", action="store_true", help="print accuracies on digits instead of times")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # baselines warn about convergence; their objectives stand in the table
    with threadpool_limits(1):
        if arguments.digits:
            digits()
        else:
            main(arguments.quick, arguments.rounds, arguments.noise)
