"""Simulated studies in which no method is better than another, through the code that tests and judges real ones."""

from __future__ import annotations

import numpy as np
import pytest

from bench.false_better import CONTROL, Cell, Study, draw, judge, truth

STUDIES = 60
CELL = Cell(100, 3, 1)
#: Five percent, and two standard errors of so many studies.
BOUND = 0.05 + 2 * np.sqrt(0.05 * 0.95 / STUDIES)


@pytest.fixture(scope="module")
def found():
    """What the studies show, one column for each."""
    true = truth(CELL, np.random.default_rng(0), samples=2000)
    studies = [judge(CELL, draw(CELL, [4, number]), true, every_pair=False) for number in range(STUDIES)]
    return Study(*np.array(studies, dtype=float).T)


def test_planned_contrasts_keep_their_level_and_would_not_without_holm(found):
    assert found.contrasts.mean() < BOUND < found.uncorrected.mean()


def test_a_false_verdict_needs_a_false_contrast(found):
    assert (found.better <= found.contrasts).all()


def test_choosing_inside_takes_away_most_of_what_flatters_the_highest_score(found):
    assert found.highest.mean() > 0.04
    assert found.best.mean() < found.highest.mean() / 2


def test_methods_are_equal_and_the_control_guesses():
    cell = Cell(400, 5, 1)
    means = draw(cell, [0, 0]).groupby(["arm", "classifier"])["value"].mean()
    assert means.drop(CONTROL).to_numpy() == pytest.approx(truth(cell, np.random.default_rng(0), 2000), abs=0.05)
    assert means[CONTROL].to_numpy() == pytest.approx(0.5, abs=0.1)
