"""Solvers that are compiled ahead are not compiled again when they are used."""

from __future__ import annotations

import numpy as np

from sixgig.sparse_coding import homotopy, omp
from sixgig.sparse_coding.ahead import SOLVERS, call
from sixgig.sparse_coding.coding import unit_rows
from sixgig.sparse_coding.lasso import batch_lasso
from sixgig.sparse_coding.omp import batch_omp_path


def test_real_calls_find_every_type_compiled():
    for solver in SOLVERS:
        call(solver)
    kernels = (omp._pursue, homotopy.follow_paths)
    before = [len(kernel.signatures) for kernel in kernels]
    assert before[0] >= 1
    assert before[1] >= 2
    vectors = unit_rows(np.random.default_rng(0).normal(size=(1030, 8)))
    batch_omp_path(vectors, vectors[:3], [1, 3])
    batch_lasso(vectors[:20], vectors[:3], 0.2)  # a small dictionary: float64
    batch_lasso(vectors, vectors[:3], 0.5)  # a large one: float32
    assert [len(kernel.signatures) for kernel in kernels] == before
