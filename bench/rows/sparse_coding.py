"""Sparse coding.

One thread, times per vector. Unit-norm atoms and vectors of ten classes, each around a subspace of its own, with noise
as long as the signal. OMP's supports and residuals and the lasso's objectives are compared. Where sixgig is given the
dictionary's Gram matrix, which `fit` computes once, so are the others, if they take one. Compilation is the first call
of both solvers in a new process with an empty cache; `make setup` compiles ahead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.baselines import sparse_scikit_learn, sparse_spams
from bench.harness import BenchError, Limit, Row, Same, Variant
from sixgig.sparse_coding.coding import unit_rows
from sixgig.sparse_coding.lasso import batch_lasso, lasso_gram
from sixgig.sparse_coding.loops import Floats, gram_matrix
from sixgig.sparse_coding.omp import batch_omp

TITLE = "Sparse coding (SRC)"
_CLASSES, _VECTORS = 10, 500
_SCIKIT, _SPAMS = 5.0, 1.0


def rows(quick: bool) -> Iterator[Row | Limit]:
    """Yield a row for every dictionary and option."""
    warnings.simplefilter("ignore")  # baselines warn about convergence; their objectives are compared
    rounds = 1 if quick else 3
    with threadpool_limits(1):
        for n_atoms in (500,) if quick else (500, 2000, 8000):
            for n_features in (128,) if quick else (128, 512):
                atoms, vectors = problem(n_atoms, n_features)
                for n_nonzero in (10, 30):
                    yield from _omp(atoms, vectors, n_nonzero, rounds)
                for alpha in (0.05, 0.2):
                    yield _lasso(atoms, vectors, alpha, rounds)
    for compiled, most in ((False, None), (True, 3.0)):
        when = "read from the cache of `make setup`" if compiled else "with an empty cache"
        yield Limit(f"first call of OMP and lasso, {when}", list(_first_calls(compiled)), "s", most)


def problem(n_atoms: int, n_features: int) -> tuple[Floats, Floats]:
    """Draw atoms and vectors: 12 directions a class, weights with a mean, and noise of the same length."""
    generator = np.random.default_rng(n_atoms + n_features)
    bases = generator.normal(size=(_CLASSES, 12, n_features))

    def draw(count: int) -> Floats:
        weights = generator.normal(size=(count, 12)) + 0.5
        own = unit_rows(np.einsum("nk,nkd->nd", weights, bases[np.arange(count) % _CLASSES]))
        return unit_rows(own + unit_rows(generator.normal(size=own.shape)))

    return draw(n_atoms), draw(_VECTORS)


def _omp(atoms: Floats, vectors: Floats, n_nonzero: int, rounds: int) -> Iterator[Row]:
    few = vectors[: 100 if len(atoms) <= 2000 else 25]
    gram = gram_matrix(atoms)
    name = f"OMP, {len(atoms):,} x {atoms.shape[1]}, {n_nonzero} atoms"

    def same(tolerance: float) -> Same:
        def compare(ours: Any, theirs: Any) -> str:
            own, other = _dense(ours), _dense(theirs)
            own = own[: len(other)]
            residuals = [np.linalg.norm(vectors[: len(other)] - codes @ atoms, axis=1).mean() for codes in (own, other)]
            if not abs(residuals[1] / residuals[0] - 1) <= tolerance:
                raise BenchError("result", f"residuals are {residuals[1]:.5f}, sixgig's {residuals[0]:.5f}", "mend it")
            return f"{((own != 0) == (other != 0)).all(axis=1).mean():.0%} the same supports"

        return compare

    yield Row(
        name,
        Variant("sixgig, Gram matrix given", lambda: batch_omp(atoms, vectors, n_nonzero, gram=gram), _VECTORS),
        [
            Variant(
                "scikit-learn `orthogonal_mp`", lambda: sparse_scikit_learn.omp(atoms, few, n_nonzero), len(few)
            )
        ],
        same(1e-3),
        _SCIKIT,
        rounds,
        "vector",
    )  # fmt: skip
    yield Row(
        name,
        Variant("sixgig, with its Gram matrix", lambda: batch_omp(atoms, vectors, n_nonzero), _VECTORS),
        [Variant("SPAMS (orthogonal least squares)", sparse_spams.omp(atoms, vectors, n_nonzero), _VECTORS)],
        same(0.1),
        _SPAMS,
        rounds,
        "vector",
    )


def _lasso(atoms: Floats, vectors: Floats, alpha: float, rounds: int) -> Row:
    gram, wide = lasso_gram(atoms), atoms @ atoms.T
    many, few = (_VECTORS, 25) if len(atoms) <= 2000 else (100, 3)
    vectors = vectors[:many]

    def objective(codes: Floats) -> Floats:
        residuals = vectors[: len(codes)] - codes @ atoms
        result: Floats = 0.5 * (residuals**2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)
        return result

    def same(ours: Any, theirs: Any) -> str:
        other = _dense(theirs)
        excess = objective(other) / objective(_dense(ours)[: len(other)]) - 1
        worst = float(excess[np.abs(excess).argmax()])
        if not abs(worst) <= 1e-2:
            raise BenchError("result", f"its objective is {worst:+.1e} of sixgig's", "mend it")
        return f"objective {worst:+.0e}"

    return Row(
        f"lasso, {len(atoms):,} x {atoms.shape[1]}, alpha {alpha}",
        Variant("sixgig, Gram matrix given", lambda: batch_lasso(atoms, vectors, alpha, gram=gram), many),
        [
            Variant(
                "scikit-learn `lasso_cd`", lambda: sparse_scikit_learn.lasso(atoms, vectors[:few], wide, alpha), few,
                aim=_SCIKIT,
            ),
            Variant("SPAMS (homotopy)", sparse_spams.lasso(atoms, vectors, wide, alpha), many, aim=_SPAMS),
        ],
        same,
        _SPAMS,
        rounds,
        "vector",
    )  # fmt: skip


def _dense(codes: Any) -> Floats:
    return np.asarray(codes.todense() if hasattr(codes, "todense") else codes, dtype=np.float64)


_CALL = """
import time
import numpy as np
from sixgig.sparse_coding.lasso import batch_lasso
from sixgig.sparse_coding.omp import batch_omp
began = time.perf_counter()
batch_omp(np.eye(3), np.eye(3), 1)
batch_lasso(np.eye(3), np.eye(3), 0.1)
print(time.perf_counter() - began)
"""


def _first_calls(compiled: bool) -> Iterator[float]:
    """Yield seconds of the first calls in new processes, twice: compiled ahead, or each with an empty cache."""
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | ({} if compiled else {"NUMBA_CACHE_DIR": folder})
            done = subprocess.run([sys.executable, "-c", _CALL], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise BenchError("compilation", done.stderr.strip().splitlines()[-1], "read what failed")
        yield float(done.stdout)
