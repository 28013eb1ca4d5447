import numpy as np
import pytest

from sixgig.evaluation.operating_point import OperatingPoint, held_out_decisions, threshold_for

SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
POSITIVE = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1], dtype=bool)


@pytest.mark.parametrize(
    ("point", "found", "left_alone"),
    [
        ({"sensitivity": 0.8}, 4, 4),  # 0.6 and above: 4 of 5 positives found, 4 of 5 negatives left alone
        ({"sensitivity": 0.81}, 5, 3),
        ({"sensitivity": 1.0}, 5, 3),
        ({"specificity": 0.8}, 4, 4),
        ({"specificity": 0.6}, 5, 3),
        ({"threshold": 0.9}, 2, 5),
    ],
)
def test_the_threshold_reaches_what_is_asked_for(point, found, left_alone):
    decided = threshold_for(SCORES, POSITIVE, OperatingPoint.of(point)) <= SCORES
    assert ((decided & POSITIVE).sum(), (~decided & ~POSITIVE).sum()) == (found, left_alone)


def test_without_an_operating_point_the_labels_count():
    assert OperatingPoint.of(None).name == "labels"
    assert OperatingPoint.of({"sensitivity": 0.9}).name == "sensitivity 0.9"


def test_the_threshold_of_a_fold_does_not_look_at_it():
    """Whatever the subjects of fold 0 are and score, its threshold is that of folds 1 and 2."""
    rng = np.random.default_rng(0)
    repeats, folds = np.zeros(30, dtype=int), np.arange(30) % 3
    positive = rng.random(30) < 0.5
    scores = rng.random(30)
    point = OperatingPoint.of({"sensitivity": 0.9})
    _, before = held_out_decisions(scores, positive, repeats, folds, point)
    changed = np.where(folds == 0, rng.random(30), scores)
    flipped = np.where(folds == 0, ~positive, positive)
    decided, after = held_out_decisions(changed, flipped, repeats, folds, point)
    assert after[0] == before[0] == threshold_for(scores[folds > 0], positive[folds > 0], point)
    assert np.array_equal(decided[folds == 0], changed[folds == 0] >= after[0])


def test_no_optimism_where_scores_tell_nothing():
    """At a sensitivity of 0.9 chosen on other folds, noise leaves alone 0.1 of the negatives."""
    rng = np.random.default_rng(1)
    positive = np.arange(4000) % 2 == 0
    folds = (np.arange(4000) // 2) % 5
    point = OperatingPoint.of({"sensitivity": 0.9})
    decided, _ = held_out_decisions(rng.random(4000), positive, np.zeros(4000, dtype=int), folds, point)
    assert decided[positive].mean() == pytest.approx(0.9, abs=0.02)
    assert (~decided[~positive]).mean() == pytest.approx(0.1, abs=0.02)
