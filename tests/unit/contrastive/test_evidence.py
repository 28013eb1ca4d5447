import numpy as np
import pytest

from sixgig.contrastive.evidence import choose_evidence, nearest_partition_accuracy, view_accuracy
from sixgig.contrastive.sampling import Pool
from sixgig.errors import NotFiniteError, TrainingError


def test_nearest_neighbours_by_hand():
    # Angles in degrees. Nearest image of another subject:
    #   0 (subject 0, partition 0) -> 20 (1, 0): right     60 (0, 1) -> 50 (1, 1): right
    #   20 (1, 0) -> 0 (0, 0): right                       50 (1, 1) -> 60 (0, 1): right
    #   80 (2, 0) -> 60 (0, 1): wrong
    # Partition 0 is the most frequent, 3 of 5.
    angles = np.radians([0, 60, 20, 50, 80])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [9], [0.1], [2], [5]]
    found = nearest_partition_accuracy(features, np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 0]))
    assert found == (4 / 5, 3 / 5)


def test_neighbours_of_the_same_subject_do_not_count():
    """A subject's images are all but alike, and each is of another partition; only a faint direction tells which."""
    subject, partition = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    features = np.concatenate([np.eye(6)[subject], 0.1 * np.eye(4)[partition]], axis=1)
    assert nearest_partition_accuracy(features, subject, partition) == (1.0, 0.25)


def test_images_of_no_partition_neither_ask_nor_answer():
    features = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.95, 0.05], [0.05, 0.95]])
    subject, partition = np.array([0, 1, 0, 1, 2, 2]), np.array([0, 0, 1, 1, -1, -1])
    assert nearest_partition_accuracy(features, subject, partition) == (1.0, 0.5)
    assert nearest_partition_accuracy(features[:4], subject[:4], partition[:4]) == (1.0, 0.5)
    # Had they a partition of their own, they would be the nearest of all.
    assert nearest_partition_accuracy(features, subject, np.where(partition < 0, 2, partition))[0] == 0.0


def test_random_features_are_at_chance():
    random = np.random.RandomState(1)
    n = 2000
    accuracy, chance = nearest_partition_accuracy(
        random.normal(size=(n, 8)), random.randint(0, 50, n), random.randint(0, 4, n)
    )
    assert accuracy == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / n))
    assert chance == pytest.approx(0.25, abs=0.04)


def test_views_by_hand():
    # Views a at 0, 90 and 40 degrees, views b at 10, 99.9 and 80. Nearest: 0 and 10 to each other, 90 and 99.9 to each
    # other: right. 40 to 10, and 80 to 90: wrong.
    angles_a, angles_b = np.radians([0, 90.0, 40]), np.radians([10, 99.9, 80])
    a, b = (np.stack([np.cos(angles), np.sin(angles)], axis=1) for angles in (angles_a, angles_b))
    assert view_accuracy(a, b) == (4 / 6, 1 / 5)
    assert view_accuracy(3 * b, a) == (4 / 6, 1 / 5)
    assert view_accuracy(a, a) == (1.0, 1 / 5)


def test_a_view_is_not_its_own_neighbour():
    features = np.eye(4)
    accuracy, chance = view_accuracy(features, np.roll(features, 1, axis=0))
    assert (accuracy, chance) == (0.0, 1 / 7)


@pytest.mark.parametrize("measure", ["partition", "view"])
def test_what_cannot_be_measured_is_an_error(measure):
    def measured(features):
        half = len(features) // 2
        if measure == "view":
            return view_accuracy(features[:half], features[half:])
        return nearest_partition_accuracy(features, np.arange(len(features)), np.arange(len(features)) % 2)

    assert len(measured(np.zeros((4, 3)))) == 2
    broken = np.ones((6, 3))
    broken[[1, 4], 0] = np.nan, np.inf
    with pytest.raises(NotFiniteError, match="features of 2 of 6 images are not finite\n.*learning_rate"):
        measured(broken)
    few = "needs two images, and there are 0" if measure == "view" else "needs slices of two, and there are 1"
    with pytest.raises(TrainingError, match=few):
        measured(np.ones((1, 3)))


def test_slices_of_one_subject_are_no_evidence():
    with pytest.raises(TrainingError, match="needs slices of two, and there are 1\n.*evaluation subjects"):
        nearest_partition_accuracy(np.ones((4, 3)), np.array([0, 0, 0, 1]), np.array([0, 1, 0, -1]))


def make_pool(sizes):
    subject = np.random.RandomState(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return Pool(10 * np.arange(len(subject)), subject, subject, np.zeros(len(subject), dtype=np.int64))


def chosen_sizes(pool, rows):
    return np.bincount(pool.subject[np.isin(pool.row, rows)], minlength=pool.subject.max() + 1)


def test_whole_subjects_are_chosen_up_to_the_limit():
    sizes = [7, 30, 12, 5, 9, 21, 3, 8]
    pool = make_pool(sizes)
    choices = set()
    for seed in range(20):
        rows = choose_evidence(pool, 40, seed)
        assert rows.dtype == np.int64
        assert rows.tolist() == sorted(set(rows.tolist()))
        taken = chosen_sizes(pool, rows)
        assert all(found in (0, size) for found, size in zip(taken, sizes, strict=True))
        # None that was left out would still fit.
        assert len(rows) <= 40 < len(rows) + min(size for size, found in zip(sizes, taken, strict=True) if not found)
        assert np.array_equal(choose_evidence(pool, 40, seed), rows)
        choices.add(tuple(rows))
    assert len(choices) > 10
    assert choose_evidence(pool, 1000, 0).tolist() == pool.row.tolist()


def test_two_subjects_share_the_limit_where_whole_ones_do_not_fit():
    pool = make_pool([155, 155, 155])
    rows = choose_evidence(pool, 200, 0)
    assert sorted(chosen_sizes(pool, rows)) == [0, 100, 100]
    for subject in np.unique(pool.subject):
        places = np.flatnonzero(np.isin(pool.row[pool.subject == subject], rows))
        if len(places):
            assert set(np.diff(places)) <= {1, 2}
            assert places[0] <= 1
            assert places[-1] >= 153


def test_a_single_large_subject_is_thinned_out():
    assert len(choose_evidence(make_pool([50]), 20, 0)) == 20
    assert len(choose_evidence(make_pool([50]), 60, 0)) == 50


def test_nothing_to_choose_from():
    pool = Pool(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    assert choose_evidence(pool, 20, 0).tolist() == []
