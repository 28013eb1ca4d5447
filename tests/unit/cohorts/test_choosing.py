"""Which subjects are used, and what is refused before an image is read."""

from pathlib import Path

import pytest

from sixgig.cohorts.base import Item, Record, Rejection
from sixgig.cohorts.checks import check_classes, did_you_mean
from sixgig.cohorts.choosing import choose_subjects, lost_subjects, too_many_lost
from sixgig.cohorts.slices import choose_slices, fills_partitions, partition_of
from sixgig.errors import CohortError, ConfigError


def records(*labels, official=None):
    return [
        Record(Path(), f"s{index}", label, (Item(f"s{index}", {}),), official) for index, label in enumerate(labels)
    ]


def test_classes_are_merged_and_others_left_out():
    merged = choose_subjects(records("a", "b", None, "c"), {"classes": {"x": ["a"], "y": ["c"]}}, None, 0, "cohorts.c")
    assert [(record.subject_id, record.label) for record in merged] == [("s0", "x"), ("s2", None), ("s3", "y")]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"x": ["A"], "y": ["b"]}, r"cohorts.c.classes.x: there is no class 'A'\n.*did you mean 'a'\? If not, .* a, b"),
        ({"x": ["a"], "y": ["a", "b"]}, "cohorts.c.classes: names a class of the cohort twice"),
    ],
)
def test_classes_that_cannot_be_merged(classes, message):
    with pytest.raises(ConfigError, match=message):
        choose_subjects(records("a", "b"), {"classes": classes}, None, 0, "cohorts.c")


def test_a_limit_leaves_a_subset():
    assert len(choose_subjects(records(*"aaaabb"), {}, 3, 0, "cohorts.c")) == 3


@pytest.mark.parametrize(
    ("stanza", "error", "message"),
    [
        (
            {"positive": "B"},
            ConfigError,
            r"cohorts.c.positive: there is no class 'B'\n.*did you mean 'b'\? If not, .* a, b",
        ),
        (
            {"positive": "9"},
            ConfigError,
            r"there is no class '9'\n  Next step: the classes are a, b; or remove the key",
        ),
        (
            {"official_splits": True},
            CohortError,
            r"cohorts.c.official_splits: the cohort has no labelled subjects of an off",
        ),
    ],
)
def test_classes_that_the_stanza_names(stanza, error, message):
    with pytest.raises(error, match=message):
        check_classes(records("a", "b"), stanza, "cohorts.c")
    check_classes(records("a", "b", official="test"), {"positive": "b", "official_splits": True}, "cohorts.c")


def test_nothing_is_near():
    assert did_you_mean("x", ["abc", "def"]) == ""


def test_lost_subjects_are_those_of_which_nothing_is_left():
    rejections = [
        Rejection("1", "a", "r"),
        Rejection("2", "a", "r"),
        Rejection("3", "b", "r"),
        Rejection("4", None, "r"),
    ]
    assert lost_subjects(rejections, {"b"}) == {"a", "file 4"}
    error = too_many_lost("list.csv", "c", rejections, 2, 9, 0.05, stopped_early=True)
    assert str(error).startswith("list.csv: 2 of 9 subjects of cohort c cannot be used, and the rest was not read; ")
    assert "allows 5%: 1 (r); 2 (r)" in error.reason


@pytest.mark.parametrize(
    ("deepest", "partitions", "options", "expected"),
    [
        (100, 4, {"count": 4}, True),
        (100, 4, {"count": 3}, False),
        (100, 4, {}, True),
        (3, 4, {}, False),
        (10, 4, {"every": 4}, False),
        (30, 4, {"every": 4}, True),
    ],
)
def test_slices_fill_partitions(deepest, partitions, options, expected):
    assert fills_partitions(deepest, partitions, **options) is expected
    found = max(
        len({partition_of(index, depth, partitions) for index in choose_slices(depth, **options)})
        for depth in range(1, deepest + 1)
    )
    assert (found == partitions) is expected
