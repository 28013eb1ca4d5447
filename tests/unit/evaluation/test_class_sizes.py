"""Class sizes that folds need, said from numbers alone."""

from pathlib import Path

import pytest

from sixgig.cohorts.base import Item, Record
from sixgig.errors import CohortError, ConfigError
from sixgig.evaluation.checks import check_folds
from sixgig.evaluation.class_sizes import pretraining_numbers


def test_numbers_are_rounded_half_up():
    assert pretraining_numbers({"b": 10, "a": 8}, 3, 0.25) == {"a": 2, "b": 3}
    assert pretraining_numbers({"b": 4, "a": 4}, 2, 0) == {"a": 0, "b": 0}


@pytest.mark.parametrize(
    ("classes", "folds", "fraction", "held_out", "message"),
    [
        ({"a": 4}, 2, 0, False, r"labels: 1 class found \(a\)"),
        (
            {"a": 8, "b": 5},
            5,
            0.2,
            False,
            r"class 'b': has 4 .* 1 for .*5 folds need 5\n.*folds to at most 4.*fraction \(now 0.2\)",
        ),
        ({"a": 8, "b": 3}, 2, 0, False, r"class 'b': has 3 .*2 folds need 4\n  Next step: add subjects of this class"),
        ({"a": 8, "b": 3}, 4, 0, True, r"folds to at most 3, .*or leave out official_splits$"),
    ],
)
def test_too_few_subjects(classes, folds, fraction, held_out, message):
    with pytest.raises(CohortError, match=message):
        pretraining_numbers(classes, folds, fraction, held_out)


def test_folds_are_checked_on_subjects_with_the_test_set_taken_out():
    found = [
        Record(Path(), f"{label}{index}", label, (), "test" if index < 3 else None)
        for label in "ab"
        for index in range(8)
    ]
    evaluation = {"folds": 5, "inner_folds": 3, "pretraining_fraction": 0.0}
    check_folds(found, evaluation, {}, "c")
    check_folds([*found, Record(Path(), "u", None, ())], evaluation, {"official_splits": True}, "c")
    with pytest.raises(
        ConfigError, match=r"evaluation.folds: is 6, and in cohort c class 'a' has 5 evaluation subjects"
    ):
        check_folds(found, {**evaluation, "folds": 6}, {"official_splits": True}, "c")
    with pytest.raises(CohortError, match=r"cohorts.c: 1 class found \(a\)"):
        check_folds(found[:8], evaluation, {}, "c")


def test_images_with_classes_of_their_own_are_dealt_once():
    def patient(name, *labels):
        return Record(Path(), name, None, tuple(Item(f"{name}_{i}", {}, label=label) for i, label in enumerate(labels)))

    found = [patient(f"p{index}", "a", "b", "a") for index in range(4)] + [patient("q", None, None)]
    evaluation, stanza = {"folds": 3, "inner_folds": 2, "pretraining_fraction": 0.0}, {"labels_of": "image"}
    check_folds(found, evaluation, stanza, "c")
    with pytest.raises(
        ConfigError, match=r"evaluation.folds: is 5, and in cohort c class 'a' is held by 4 evaluation subj"
    ):
        check_folds(found, {**evaluation, "folds": 5}, stanza, "c")


def test_subjects_of_several_of_three_classes_cannot_be_counted():
    """Pretraining takes a quarter of the subjects; whoever has images of two of three classes may all be among them."""

    def subjects(n_mixed):
        of = [("x", "y") if number < n_mixed else ("xyz"[number % 3],) * 2 for number in range(32)]
        return [
            Record(Path(), f"s{number}", None, tuple(Item(f"{number}{i}", {}, label=c) for i, c in enumerate(classes)))
            for number, classes in enumerate(of)
        ]

    evaluation = {"folds": 3, "inner_folds": 2, "pretraining_fraction": 0.25}
    stanza = {"labels_of": "image", "metrics_of": "subject"}
    with pytest.raises(
        ConfigError, match=r"cohorts.c.metrics_of: is subject, and subject s0 has images of x \+ y: of 3"
    ):
        check_folds(subjects(9), evaluation, stanza, "c")
    check_folds(subjects(8), evaluation, stanza, "c")
    check_folds(subjects(9), evaluation, {"labels_of": "image"}, "c")
