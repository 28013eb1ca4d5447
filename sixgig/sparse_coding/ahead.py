"""Compile the solvers ahead, so that no job waits: ``python -m sixgig.sparse_coding.ahead``, as `make setup` does.

OMP and the lasso are compiled side by side, in every type that they compute in. Machine code is kept where
:mod:`sixgig.runtime.compilation` says; what is there already is only read.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from sixgig.sparse_coding.lasso import batch_lasso
from sixgig.sparse_coding.omp import batch_omp

SOLVERS = ("omp", "lasso")


def call(solver: str) -> None:
    """Call a solver on tiny vectors, in float64 and, for the lasso, with the Gram matrix in float32."""
    atoms = np.eye(3)
    if solver == "omp":
        batch_omp(atoms, atoms, 2)
        return
    batch_lasso(atoms, atoms, 0.1)
    batch_lasso(atoms, atoms, 0.1, gram=np.eye(3, dtype=np.float32))


def main() -> None:
    """Compile one solver, or all of them in processes of their own and then, what two of them wanted at once, here."""
    if len(sys.argv) > 1:
        call(sys.argv[1])
        return
    began = time.monotonic()
    command = [sys.executable, "-m", "sixgig.sparse_coding.ahead"]
    running = [subprocess.Popen([*command, solver]) for solver in SOLVERS]
    failed = [process.args for process in running if process.wait()]
    if failed:
        sys.exit(f"[set-up] failed: {failed[0]!r} could not compile; read its message above")
    for solver in SOLVERS:
        call(solver)
    print(f"[set-up] inner loops are compiled ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
