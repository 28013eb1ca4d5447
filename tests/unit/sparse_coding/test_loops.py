import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sixgig.runtime import compilation
from sixgig.sparse_coding import loops
from sixgig.sparse_coding.loops import BLOCK, ROWS_PER_PASS, block_magnitudes, first_smallest, subtract_rows


@pytest.mark.parametrize(
    ("count", "n", "dtype"),
    [
        (1, 1, np.float32),
        (3, 70, np.float64),
        (4, 2048, np.float32),
        (9, 5000, np.float32),
        (9, 1, np.float64),
        (4, 5000, np.float64),
    ],
)
def test_rows_are_subtracted_with_their_weights(count, n, dtype):
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(12, n)).astype(np.float32)
    start = generator.normal(size=n).astype(dtype)
    rows, weights = generator.permutation(12)[:count], generator.normal(size=count)
    padded_rows = np.full(count + ROWS_PER_PASS, 10**6)
    padded_weights = np.full(count + ROWS_PER_PASS, np.nan, dtype=dtype)
    padded_rows[:count], padded_weights[:count] = rows, weights
    target = np.full(n, np.nan, dtype=dtype)
    subtract_rows(target, start, matrix, padded_rows, padded_weights, count)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(target, start - weights @ matrix[rows].astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, 5 * BLOCK + 3])
def test_block_magnitudes_are_the_largest_absolute_values(n):
    values = np.random.default_rng(1).normal(size=n).astype(np.float32)
    tops = np.empty(-(-n // BLOCK), np.float32)
    assert block_magnitudes(values, tops) == np.abs(values).max()
    expected = [np.abs(values[start : start + BLOCK]).max() for start in range(0, n, BLOCK)]
    np.testing.assert_array_equal(tops, np.asarray(expected, np.float32))


@pytest.mark.parametrize("n", [1, BLOCK, 3 * BLOCK + 5])
def test_the_first_of_the_smallest_is_found(n):
    values = np.random.default_rng(2).uniform(1, 2, size=n)
    for place in {0, n // 2, n - 1}:
        tied = values.copy()
        tied[place:] = 0.5
        assert first_smallest(tied) == (place, 0.5)


def run_from(folder, cache, home):
    """Call a kernel in a process whose package lies in ``folder``; return it and what numba wrote to ``cache``."""
    code = "import numpy as np; from sixgig.sparse_coding.loops import dot; print(dot(np.ones(3), np.ones(3)))"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def package(tmp_path):
    """A copy of the loops alone, in a package of its own."""
    folder = tmp_path / "checkout"
    for room in ("sparse_coding", "runtime"):
        (folder / "sixgig" / room).mkdir(parents=True)
    for name in ("sixgig/__init__.py", "sixgig/sparse_coding/__init__.py", "sixgig/runtime/__init__.py"):
        (folder / name).write_text("")
    shutil.copy(loops.__file__, folder / "sixgig" / "sparse_coding" / "loops.py")
    shutil.copy(compilation.__file__, folder / "sixgig" / "runtime" / "compilation.py")
    return folder


def test_machine_code_is_kept_where_numba_cache_dir_says(package, tmp_path):
    cache = tmp_path / "cache"
    done = run_from(package, cache, tmp_path)
    assert done.stdout == "3.0\n", done.stderr
    assert list(cache.rglob("loops.dot*.nbc"))


def test_a_checkout_that_cannot_be_written_to_keeps_machine_code_in_the_users_cache(package, tmp_path):
    # A plain file in the place of the folder stops even root from writing there.
    (package / "sixgig" / "sparse_coding" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    done = run_from(package, None, home)
    assert done.stdout == "3.0\n", done.stderr
    assert list(home.rglob("loops.dot*.nbc"))


def test_kernels_run_where_no_machine_code_can_be_kept(package, tmp_path):
    (package / "sixgig" / "sparse_coding" / "__pycache__").write_text("")
    home = tmp_path / "home"
    home.write_text("")
    done = run_from(package, None, home)
    assert done.stdout == "3.0\n", done.stderr
