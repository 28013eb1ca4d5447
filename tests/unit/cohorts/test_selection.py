from collections import Counter

import pytest

from sixgig.cohorts.selection import stratified_subset, subset

LABELS = ["a"] * 60 + ["b"] * 30 + [None] * 10


def test_shares_are_kept_and_the_draw_is_seeded() -> None:
    chosen = stratified_subset(LABELS, 20, seed=3)
    assert Counter(LABELS[index] for index in chosen) == {"a": 12, "b": 6, None: 2}
    assert chosen == sorted(set(chosen))
    assert chosen == stratified_subset(LABELS, 20, seed=3)
    assert chosen != stratified_subset(LABELS, 20, seed=4)


@pytest.mark.parametrize("limit", [100, 1000])
def test_all_when_there_are_no_more(limit: int) -> None:
    assert stratified_subset(LABELS, limit, seed=0) == list(range(100))


def test_the_number_is_exact_and_rare_classes_stay() -> None:
    labels = ["a"] * 500 + ["b"] * 2 + ["c"]
    for limit in range(1, 20):
        chosen = [labels[index] for index in stratified_subset(labels, limit, seed=1)]
        assert len(chosen) == limit
        assert limit < 3 or set(chosen) == {"a", "b", "c"}


def test_a_held_out_test_set_stays_whole() -> None:
    is_test = [index % 4 == 0 for index in range(100)]
    chosen = subset(LABELS, is_test, 15, seed=3)
    tested = [index for index in range(100) if is_test[index] and LABELS[index] is not None]
    assert len(tested) == 23  # 15 of a, 8 of b; those without a class are not scored
    assert [index for index in chosen if index in tested] == tested
    assert Counter(LABELS[index] for index in chosen if index not in tested) == {"a": 9, "b": 4, None: 2}
    assert subset(LABELS, [False] * 100, 20, seed=3) == stratified_subset(LABELS, 20, seed=3)
