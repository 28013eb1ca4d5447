"""Groups stay whole, folds are alike, and every fold has every class."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from sixgig.classifiers.dealing import GroupedFolds, count_classes, deal, deal_folds


def patients(n, seed):
    """Counts of patients with 1 to 6 images of a common class; every fourth also has one of a rare class."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.integers(1, 7, n), np.arange(n) % 4 == 0]).astype(np.intp)


def test_counts_of_groups_and_classes():
    counts = count_classes(np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1]))
    assert counts.tolist() == [[1, 2], [1, 0]]


def test_parts_have_their_share_of_images_and_of_holders():
    counts = patients(400, 1)
    part = deal(counts, np.array([0.25, 0.75]), np.random.default_rng(0))
    images = counts[part == 0].sum(axis=0) / counts.sum(axis=0)
    assert images == pytest.approx([0.25, 0.25], abs=0.01)
    assert (part == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_folds_are_even_in_images_and_in_patients_of_the_rare_class():
    counts = patients(200, 2)
    fold = deal_folds(counts, 5, np.random.default_rng(0))
    images = np.array([counts[fold == index].sum(axis=0) for index in range(5)])
    assert images[:, 1].tolist() == [10] * 5
    assert np.ptp(images[:, 0]) <= 3
    again = deal_folds(counts, 5, np.random.default_rng(0))
    other = deal_folds(counts, 5, np.random.default_rng(1))
    assert (fold == again).all()
    assert (fold != other).any()


@pytest.mark.parametrize("seed", range(8))
def test_a_class_with_as_many_holders_as_folds_is_in_every_fold(seed):
    """Holders of the rare class also hold most images of the common one, which pulls them apart by other rules."""
    counts = np.array([[30, 1], [20, 2], [1, 1], [1, 5], *[[2, 0]] * 20])
    fold = deal_folds(counts, 4, np.random.default_rng(seed))
    assert sorted(fold[:4]) == [0, 1, 2, 3]


def test_no_deal_is_said_to_be_none():
    """Each of three classes is held by two of three groups: two parts cannot both hold all three."""
    triangle = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
    assert deal_folds(triangle, 2, np.random.default_rng(0), trained=1) is None
    rows = np.repeat(np.arange(3), 2)
    with pytest.raises(ValueError, match="cannot be dealt into two parts"):
        list(GroupedFolds(2, 0).split(rows, np.array([0, 1, 1, 2, 0, 2]), rows))


def test_without_groups_folds_are_those_of_scikit_learn():
    y = np.arange(30) % 3
    expected = list(StratifiedKFold(3, shuffle=True, random_state=4).split(y, y))
    for groups in (None, np.arange(30)):
        found = list(GroupedFolds(3, 4).split(y, y, groups))
        for one, other in zip(expected, found, strict=True):
            assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_groups_stay_whole_and_fewer_folds_are_made_where_a_class_has_few():
    groups = np.repeat(np.arange(12), 3)
    y = (np.arange(36) % 12 == 0).astype(int)  # groups 0, 4 and 8 hold one image of class 1 each
    folds = list(GroupedFolds(5, 0).split(y, y, groups))
    assert len(folds) == 3
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(36))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y[test]) == {0, 1}
