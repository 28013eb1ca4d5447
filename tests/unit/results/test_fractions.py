"""Which arm reaches a level with fewest labelled subjects, and whether the intervals show it."""

import math

import pytest

from sixgig.results.fractions import Point, first_reaching, level_of, reaching
from sixgig.results.study import Method

SHARES = (0.1, 0.5, 1.0)


def curve(*estimates, half=0.03, status="ok"):
    return [
        Point(share, 100 * share, estimate, estimate - half, estimate + half, status)
        for share, estimate in zip(SHARES, estimates, strict=True)
    ]


def study(**curves):
    """Curves by ``arm__classifier``."""
    return {Method(*name.split("__")): points for name, points in curves.items()}


def test_the_level_is_what_at_least_half_of_the_arms_reach_each_with_its_best_classifier():
    found = study(
        a__svm=curve(0.7, 0.8, 0.912), a__knn=curve(0.5, 0.5, 0.5), b__svm=curve(0.6, 0.7, 0.8579),
        c__svm=curve(0.6, 0.7, 0.75), control_random_vit__svm=curve(0.9, 0.9, 0.99),
    )  # fmt: skip
    assert level_of(found) == 0.85
    del found[Method("c", "svm")]
    assert level_of(found) == 0.85  # of two arms what both reach
    del found[Method("b", "svm")]
    assert level_of(found) is None
    assert reaching(found) is None


def test_an_arm_is_named_where_its_interval_and_those_of_all_others_show_it():
    found = study(a__svm=curve(0.75, 0.90, 0.93), a__knn=curve(0.7, 0.84, 0.9), b__svm=curve(0.5, 0.6, 0.85))
    answer = reaching(found)
    assert answer is not None
    assert (answer.level, answer.method, answer.point.n_labelled) == (0.85, Method("a", "svm"), 50.0)
    assert answer.n_open == 1


@pytest.mark.parametrize("changed", [
    {"b__svm": curve(0.5, 0.83, 0.86)},  # b's interval at 50 reaches the level
    {"a__svm": curve(0.75, 0.87, 0.93)},  # a's own interval begins below it
    {"control_random_vit__svm": curve(0.8, 0.84, 0.85)},  # a control's interval reaches it
    {"b__svm": [*curve(0.5, 0.6, 0.85)[:1], Point(0.5, 50, 0.6, math.nan, math.nan, "ok"), *curve(0, 0, 0.85)[2:]]},
])  # fmt: skip
def test_no_arm_is_named_where_an_interval_leaves_it_open(changed):
    curves = {"a__svm": curve(0.75, 0.90, 0.93), "b__svm": curve(0.5, 0.6, 0.85)} | changed
    answer = reaching(study(**curves))
    assert answer is not None
    assert answer.method is None
    assert answer.point.fraction == 0.5


def test_a_method_that_failed_at_a_fraction_does_not_count_there():
    failed = Point(0.5, 50, math.nan, math.nan, math.nan, "failed: too few")
    b = [*curve(0.5, 0.6, 0.85)[:1], failed, *curve(0, 0, 0.85)[2:]]
    answer = reaching(study(a__svm=curve(0.75, 0.90, 0.93), b__svm=b))
    assert answer is not None
    assert (answer.method, answer.n_arms) == (Method("a", "svm"), 1)
    assert first_reaching(b, 0.85) == b[2]
    assert first_reaching(b, 0.86) is None
