"""Statistics.

Intervals of 1,000 subjects in two classes from 2,000 resamples: sixgig resamples inside each class and gives all its
metrics at once, SciPy's BCa is asked for balanced accuracy alone; the ends differ by chance. Exact McNemar tests of 500
pairs of methods and a DeLong test on 2,000 subjects have equal p values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.baselines import bootstrap_scipy, delong_plain
from bench.harness import BenchError, Row, Variant, within
from sixgig.evaluation.bootstrap import bootstrap_intervals
from sixgig.statistics.delong import delong_test
from sixgig.statistics.mcnemar import exact_mcnemar

TITLE = "Statistics"


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for the bootstrap and for two tests."""
    rounds, n, n_resamples = (2, 100, 500) if quick else (5, 1000, 2000)
    rng = np.random.default_rng(0)
    true = np.arange(n) % 2
    score = rng.normal(size=n) + true
    predictions = pd.DataFrame(
        {
            "subject_id": [f"s{place:04d}" for place in range(n)],
            "repeat": 0,
            "fold": 0,
            "label": np.array(["a", "b"])[true],
            "predicted": np.array(["a", "b"])[(score > 0.5).astype(int)],
            "score_a": 1 / (1 + np.exp(score - 0.5)),
            "score_b": 1 / (1 + np.exp(0.5 - score)),
        }
    )

    def intervals() -> Any:
        found = bootstrap_intervals(predictions, n_resamples=n_resamples, seed=1)["balanced_accuracy"]
        return np.array([found.estimate, found.low, found.high])

    yield Row(
        f"intervals, {n:,} subjects, {n_resamples:,} resamples",
        Variant("sixgig, all metrics", intervals),
        [
            Variant(
                "SciPy `bootstrap`, one metric",
                lambda: bootstrap_scipy.balanced_accuracy(true, (score > 0.5).astype(int), n_resamples, 1),
            )
        ],
        _ends_within(0.02 if n >= 1000 else 0.06),
        1.0,
        rounds,
    )
    right = rng.random((2, 50 if quick else 500, n)) < 0.8
    yield Row(
        f"McNemar's test, {right.shape[1]} pairs of methods",
        Variant("sixgig", lambda: np.array([exact_mcnemar(*pair).p_value for pair in zip(*right, strict=True)])),
        [Variant("statsmodels", lambda: bootstrap_scipy.mcnemar(*right))],
        within(1e-9),
        1.0,
        rounds,
    )
    positive = np.arange(2 * n) % 2 == 1
    scores = rng.normal(size=(2, 2 * n)) + positive
    yield Row(
        f"DeLong's test, {2 * n:,} subjects",
        Variant("sixgig", lambda: np.array([delong_test(scores[0], scores[1], positive).p_value])),
        [Variant("as its paper writes it", lambda: np.array([delong_plain.p_value(scores[0], scores[1], positive)]))],
        within(1e-9),
        1.0,
        rounds,
    )


def _ends_within(tolerance: float) -> Any:
    def same(ours: Any, theirs: Any) -> str:
        apart = float(np.abs(ours - theirs).max())
        if abs(ours[0] - theirs[0]) > 1e-9 or not apart <= tolerance:
            raise BenchError("result", f"its interval is {apart:.3f} from sixgig's", "compare like with like")
        return f"ends within {apart:.4f}"

    return same
