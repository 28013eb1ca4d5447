"""The spread between seeds: numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sixgig.evaluation.seeds import mean_over_seeds, seed_scores, seed_variance, with_seeds


def scores(values):
    """Rows of a method: ``values[seed][fold]``."""
    rows = [(seed, 0, fold, value) for seed, own in enumerate(values) for fold, value in enumerate(own)]
    return pd.DataFrame(rows, columns=["seed", "repeat", "fold", "value"])


def test_the_spread_is_that_of_the_means_over_folds():
    found = seed_variance(scores([[0.5, 0.7], [0.7, 0.9], [0.6, 0.8]]))  # means 0.6, 0.8, 0.7
    assert (found.n_seeds, found.df) == (3, 2)
    assert found.sd == pytest.approx(0.1)
    assert found.variance == pytest.approx(0.01 / 3)


def test_one_seed_adds_nothing_and_has_no_spread():
    found = seed_variance(scores([[0.5, 0.7]]))
    assert (found.n_seeds, found.variance, found.df) == (1, 0.0, 0)
    assert np.isnan(found.sd)
    assert with_seeds(0.03, 14, found) == (0.03, 14)


def test_a_frozen_method_goes_with_every_seed_of_the_other():
    learned, frozen = scores([[0.5, 0.7], [0.7, 0.9]]), scores([[0.5, 0.6]])
    for one, other in ((learned, frozen), (frozen, learned)):
        assert seed_variance(one, other).sd == pytest.approx(np.std([0.6, 0.8], ddof=1))


def test_methods_that_share_their_trained_weights_share_the_spread():
    source = scores([[0.5, 0.7], [0.7, 0.9], [0.6, 0.8]])
    assert seed_variance(source, source.assign(value=source["value"] - 0.1)).sd == pytest.approx(0)


def test_a_seed_that_failed_for_one_method_is_in_no_difference():
    one, other = scores([[0.5], [0.7], [0.9]]), scores([[0.5], [0.5], [0.5]])
    found = seed_variance(one[one["seed"] != 1], other)
    assert (found.n_seeds, found.sd) == (2, pytest.approx(np.std([0.0, 0.4], ddof=1)))


def test_folds_without_a_score_in_every_seed_are_left_out():
    assert seed_variance(scores([[0.5, np.nan], [0.7, 0.1]])).sd == pytest.approx(np.std([0.5, 0.7], ddof=1))
    with pytest.raises(ValueError, match="no fold"):
        seed_variance(scores([[np.nan], [0.5]]))


def test_the_error_with_seeds_is_the_root_of_the_sum_of_both_variances():
    spread = seed_variance(scores([[0.60], [0.64], [0.56]]))  # sd 0.04
    error, df = with_seeds(0.03, 14, spread)
    assert error == pytest.approx(np.sqrt(0.03**2 + 0.04**2 / 3))
    first, second = 0.03**2, 0.04**2 / 3
    assert df == pytest.approx((first + second) ** 2 / (first**2 / 14 + second**2 / 2))


def test_scores_are_averaged_fold_by_fold():
    rows = scores([[0.5, 0.7], [0.7, np.nan]]).assign(cohort="a", arm="m", classifier="svm", metric="accuracy")
    found = mean_over_seeds(rows)
    assert list(found["value"]) == pytest.approx([0.6, 0.7])
    assert "seed" not in found
    without = rows[rows["seed"] == 0].drop(columns="seed")
    assert mean_over_seeds(without) is without
    assert list(seed_scores(without, "a", "m", "svm", "accuracy")["seed"]) == [0, 0]
    assert len(seed_scores(rows, "a", "m", "svm", "accuracy")) == 3
