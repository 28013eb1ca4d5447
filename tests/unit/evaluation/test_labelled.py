"""Who has a label when only a fraction of the training subjects may: stratified, nested, the same for everybody."""

import numpy as np
import pandas as pd
import pytest

from sixgig.evaluation.labelled import (
    TooFew,
    kept_number,
    labelled_folds,
    labelled_subjects,
    mean_labelled,
    smallest_fraction,
    too_few_in,
    too_few_of,
)

SUBJECTS = np.array([f"s{number:03d}" for number in range(60)])
LABELS = np.array(["ill"] * 20 + ["well"] * 40)


def drawn(fraction, seed=1, repeat=0, fold=0, subjects=SUBJECTS, labels=LABELS):
    return labelled_subjects(subjects, labels, fraction, seed, repeat, fold).tolist()


def splits(counts, folds=5, repeats=2, seed=0):
    """Rows of splits.csv: every class dealt evenly, differently in each repeat."""
    generator = np.random.default_rng(seed)
    rows = []
    for repeat in range(repeats):
        place = 0
        for label, number in counts.items():
            for index in generator.permutation(number):
                rows.append((f"{label}{index:03d}", label, "evaluation", repeat, place % folds))
                place += 1
    rows += [(f"pre{number}", None, "pretraining", None, None) for number in range(3)]
    return pd.DataFrame(rows, columns=["subject_id", "label", "role", "repeat", "fold"])


@pytest.mark.parametrize(("members", "fraction", "kept"), [
    (20, 0.1, 2), (25, 0.1, 3), (35, 0.1, 4), (24, 0.1, 2), (3, 0.1, 0), (7, 1.0, 7), (10, 0.25, 3), (0, 0.5, 0),
])  # fmt: skip
def test_a_class_keeps_its_share_rounded_half_up(members, fraction, kept):
    assert kept_number(members, fraction) == kept


def test_every_class_keeps_its_share_and_smaller_fractions_are_inside_larger_ones():
    found = {fraction: set(drawn(fraction)) for fraction in (0.1, 0.25, 0.5, 1.0)}
    assert [len(found[fraction]) for fraction in found] == [6, 15, 30, 60]
    for fraction, names in found.items():
        assert sum(name < "s020" for name in names) == round(20 * fraction)
    assert found[0.1] < found[0.25] < found[0.5] < found[1.0] == set(SUBJECTS)


def test_the_draw_depends_on_seed_repeat_and_fold_and_not_on_order():
    first = drawn(0.25)
    order = np.random.default_rng(5).permutation(60)
    assert drawn(0.25, subjects=SUBJECTS[order], labels=LABELS[order]) == first == sorted(first)
    for other in ({"seed": 2}, {"repeat": 1}, {"fold": 1}):
        assert drawn(0.25, **other) != first


def test_rare_mixtures_of_classes_are_right_on_average():
    labels = np.array(["a + b"] * 2 + ["a"] * 29 + ["b"] * 29)
    found = [drawn(0.25, fold=fold, labels=labels) for fold in range(200)]
    mixed = [sum(name < "s002" for name in names) for names in found]
    assert set(mixed) == {0, 1}
    assert np.mean(mixed) == pytest.approx(0.5, abs=0.12)
    for larger, names in zip((drawn(0.5, fold=fold, labels=labels) for fold in range(200)), found, strict=True):
        assert set(names) <= set(larger)


def test_test_subjects_never_have_a_label_and_the_mean_is_that_of_the_folds():
    table = splits({"ill": 13, "well": 27})
    numbers = []
    for repeat, fold, names in labelled_folds(table, 0.5, seed=3):
        tested = table[(table["repeat"] == repeat) & (table["fold"] == fold)]["subject_id"]
        assert not set(tested) & set(names)
        numbers.append(len(names))
    assert len(numbers) == 10
    assert mean_labelled(table, 0.5, seed=3) == np.mean(numbers)
    assert mean_labelled(table, 1.0, seed=3) == 32.0


def test_what_is_too_few_is_known_before_subjects_are_dealt():
    # 13 of a class in 5 folds: one fold tests 3, so 10 are left, and a quarter of them is 3 rounded half up.
    assert too_few_of({"ill": 13, "well": 27}, 5, 0.25, 3) is None
    assert too_few_of({"ill": 13, "well": 27}, 5, 0.2, 3) == TooFew("ill", 2)
    assert smallest_fraction(13, 5, 3) == 0.25
    assert smallest_fraction(2, 2, 3) is None
    table = splits({"ill": 13, "well": 27})
    assert too_few_in(table, 0.25, 3, 3) is None
    found = too_few_in(table, 0.2, 3, 3)
    assert found is not None
    assert (found.label, found.left) == ("ill", 2)


def test_a_subject_with_images_of_two_classes_counts_for_both():
    table = splits({"a": 10, "a + b": 10})
    found = too_few_in(table, 0.1, 3, 2, labels_of="image")
    assert found is not None
    assert found.label == "b"
