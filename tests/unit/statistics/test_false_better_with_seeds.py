"""How often a difference is found between two arms that are equally good on average over seeds.

A seed moves an arm's d' by 0.25 (standard deviation), which is about 0.044 of its accuracy where d' is 1. Fold scores
correlate as Nadeau and Bengio's correction takes them to, so that without a spread between seeds the test keeps its
level exactly, and with one seed the rate of false findings is known: the test's error lacks the variance of the seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from sixgig.evaluation.seeds import seed_variance
from sixgig.statistics.contrasts import Settings, weigh_contrasts
from sixgig.statistics.resampled import corrected_resampled_t_test
from sixgig.statistics.selection import score_procedures

FOLDS, REPEATS, STUDIES = 5, 3, 300
N, RATIO = FOLDS * REPEATS, 1 / (FOLDS - 1)
CORRELATION, FOLD_SD = 1 / FOLDS, 0.0636
SEED_SD = 0.25 * norm.pdf(0.5) / 2


def draw(generator, seeds):
    """Scores of two arms, [2, seeds, folds], whose folds and seeds differ by chance alone."""
    shared = np.sqrt(CORRELATION) * generator.standard_normal((2, 1, 1))
    own = np.sqrt(1 - CORRELATION) * generator.standard_normal((2, 1, N))
    return 0.7 + FOLD_SD * (shared + own) + SEED_SD * generator.standard_normal((2, seeds, 1))


def table(values):
    """Scores of one arm as rows."""
    seed, fold = (index.ravel() for index in np.indices(values.shape))
    rows = {"seed": seed, "repeat": fold // FOLDS, "fold": fold % FOLDS, "value": values.ravel()}
    return pd.DataFrame(rows)


def false_findings(seeds, known=True):
    """Share of the studies in which one of two equal arms is found to be better at the 5% level."""
    generator, found = np.random.default_rng(8), 0
    for _ in range(STUDIES):
        a, b = draw(generator, seeds)
        spread = seed_variance(table(a), table(b)) if known else None
        test = corrected_resampled_t_test(a.mean(axis=0) - b.mean(axis=0), RATIO, spread=spread)
        found += test.p_value < 0.05
    return found / STUDIES


def expected(seeds):
    """The same by theory, of a test whose error lacks the spread between seeds."""
    folds = 2 * FOLD_SD**2 * (CORRELATION + (1 - CORRELATION) / N)
    critical = t.isf(0.025, N - 1) / np.sqrt((folds + 2 * SEED_SD**2 / seeds) / folds)
    return 2 * t.sf(critical, N - 1)


def test_one_seed_finds_differences_that_are_not_there():
    assert expected(1) == pytest.approx(0.227, abs=0.001)
    assert false_findings(1) == pytest.approx(expected(1), abs=3 * np.sqrt(0.227 * 0.773 / STUDIES))


def test_three_seeds_with_their_spread_keep_the_level():
    rate = false_findings(3)
    assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert rate < expected(1) / 2


def test_three_seeds_alone_would_not():
    assert expected(3) == pytest.approx(0.115, abs=0.001)
    assert false_findings(3, known=False) == pytest.approx(expected(3), abs=3 * np.sqrt(0.115 * 0.885 / STUDIES))


def test_a_contrast_holds_the_spread_between_seeds():
    a, b = draw(np.random.default_rng(2), 3)
    parts = [table(values).assign(cohort="c", arm=arm, classifier="svm") for arm, values in (("a", a), ("b", b[:1]))]
    metrics = pd.concat(parts).assign(metric="accuracy")
    planned, settings = [("named", "a", "b")], Settings(RATIO)
    scores = score_procedures(metrics, "accuracy")
    (row,) = weigh_contrasts(scores, planned, "accuracy", settings, {"c": 100}, metrics).to_dict(orient="records")
    differences = a.mean(axis=0) - b[0]
    over_folds = differences.var(ddof=1) * (1 / N + RATIO)
    between = a.mean(axis=1).var(ddof=1) / 3  # b is a frozen network, with one seed
    assert row["difference"] == pytest.approx(differences.mean())
    assert row["standard_error"] == pytest.approx(np.sqrt(over_folds + between))
    df = (over_folds + between) ** 2 / (over_folds**2 / (N - 1) + between**2 / 2)
    assert row["df"] == pytest.approx(df)
    half = t.isf(0.025, df) * row["standard_error"]
    assert row["ci_high"] - row["difference"] == pytest.approx(half)
