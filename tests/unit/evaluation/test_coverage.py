"""A small part of ``make simulate``: intervals of simulated studies through the code that scores real ones."""

from __future__ import annotations

import numpy as np
import pytest

from bench.coverage import cover
from bench.nested_cv import nested_interval
from bench.simulated import Cell, centroid_losses, draw, truth

STUDIES = 30
CELL = Cell((20, 20), 0.0, 5, 1, 5)


@pytest.fixture(scope="module")
def found():
    """Coverage and width by method and metric."""
    return cover(CELL, 0, STUDIES).set_index(["method", "metric"])


@pytest.mark.parametrize("metric", ["balanced_accuracy", "accuracy", "macro_f1", "mcc", "macro_auc", "brier"])
def test_intervals_of_the_procedure_cover_the_truth(found, metric):
    row = found.loc[("procedure", metric)]
    assert row["coverage"] >= 26 / STUDIES  # 95% of 30 studies are 28.5, with a standard error of 1.2


def test_chance_is_known_and_the_bootstrap_is_narrower(found):
    assert found.loc[("procedure", "balanced_accuracy"), "truth"] == pytest.approx(0.5, abs=0.01)
    widths = found["width"].unstack("metric")["balanced_accuracy"]
    assert widths["bootstrap"] < widths["procedure"] < widths["corrected t"]


def test_nested_cross_validation_of_a_model_that_is_never_wrong():
    labels = np.repeat([0, 1], 10)
    data = np.where(labels == 1, 9.0, -9.0)[:, None] + np.random.default_rng(0).standard_normal((20, 1))
    trained = np.array([labels >= 0])
    assert centroid_losses(data, labels, trained).sum() == 0
    ends = nested_interval(
        lambda flags: centroid_losses(data, labels, flags), labels, np.ones(20), np.random.default_rng(0), repetitions=2
    )
    assert ends == (0.0, 0.0)


def test_a_distance_helps_and_so_do_more_subjects():
    rng = np.random.default_rng(0)
    cell = Cell((20, 20), 2.0, 5, 1, 10)
    fold, whole = (truth(cell, rng, whole, samples=200)["accuracy"] for whole in (False, True))
    assert 0.7 < fold < whole < 0.842  # Bayes: the normal distribution at 1
    assert draw(cell, cell.labels, rng).shape == (40, 10)
