"""What test sets say against cross-validation: each kind on the table that shows it, and silence elsewhere."""

import pandas as pd
import pytest

from sixgig.reporting.contradictions import sentences
from sixgig.statistics.disagreements import disagreements

METRIC = "balanced_accuracy"
A, B = ("vit_pure", "svm"), ("baseline_cnn", "svm")


def summary(*rows):
    columns = ["cohort", "arm", "classifier", "metric", "estimate", "ci_low", "ci_high"]
    return pd.DataFrame([("c", *method, METRIC, *values) for method, *values in rows], columns=columns)


def on_other(*rows):
    return summary(*rows).assign(tested_on="other")


def pair(difference, verdict, low=None, high=None, test="bootstrap"):
    row = {
        "cohort": "c", "tested_on": "other", "metric": METRIC, "arm_a": A[0], "classifier_a": A[1], "arm_b": B[0],
        "classifier_b": B[1], "test": test, "difference": difference, "verdict": verdict,
        "ci_low": difference - 0.05 if low is None else low, "ci_high": difference + 0.05 if high is None else high,
    }  # fmt: skip
    return pd.DataFrame([row])


def contrast(difference, verdict, a=A, b=B):
    row = {"cohort": "c", "metric": METRIC, "a": a[0], "b": b[0], "difference": difference, "verdict": verdict}
    return pd.DataFrame([row])


VALIDATED = summary((A, 0.80, 0.74, 0.86), (B, 0.70, 0.64, 0.76))
AGREEING = on_other((A, 0.79, 0.70, 0.87), (B, 0.71, 0.60, 0.80))
NO_PAIRS = pair(0.1, "within noise")


def find(test_summary=AGREEING, pairs=NO_PAIRS, contrasts=None, validated=VALIDATED, n_classes=2):
    return disagreements(
        "c", validated, test_summary, pairs, METRIC, n_classes=n_classes, contrasts=contrasts
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "contrasts", "kind"),
    [
        (pair(-0.12, "b better"), contrast(0.10, "a better"), "opposite"),
        (pair(-0.12, "b better"), contrast(-0.10, "b better", B, A), "opposite"),  # the same, from the other side
        (pair(-0.12, "b better"), contrast(0.10, "a better", B, A), None),
        (pair(-0.12, "b better"), contrast(0.03, "undecided"), "reversed"),
        (pair(-0.12, "b better"), contrast(-0.03, "undecided"), None),  # cross-validation pointed there
        (pair(0.12, "a better"), contrast(0.00, "equivalent"), "differs"),
        (pair(0.12, "a better"), contrast(0.10, "a better"), None),
        (pair(-0.12, "within noise"), contrast(0.10, "a better"), None),  # no test found anything
        (pair(-0.12, "b better", test="mcnemar"), contrast(0.10, "a better"), None),  # not the study's metric
        (pair(-0.12, "b better"), None, "reversed"),  # by the estimates: 0.80 and 0.70
        (pair(0.12, "a better"), None, None),
    ],
)
def test_the_better_of_two_arms(pairs, contrasts, kind):
    found = find(pairs=pairs, contrasts=contrasts)
    assert [each.kind for each in found] == ([kind] if kind else [])
    if kind in ("opposite", "reversed"):
        assert (found[0].a, found[0].b) == (B, A)
        assert found[0].tested == pytest.approx(0.12)
        assert (found[0].low, found[0].high) == pytest.approx((0.07, 0.17))
        assert found[0].validated < 0


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((0.60, 0.48, 0.72), "chance"),
        ((0.60, 0.52, 0.68), "lower"),
        ((0.72, 0.60, 0.84), None),  # below the procedure's interval, and too uncertain to say so
        ((0.95, 0.90, 0.98), "higher"),
        ((0.80, 0.74, 0.86), None),
    ],
)
def test_one_method_against_its_own_promise(values, kind):
    found = find(on_other((A, *values)))
    assert [(each.kind, each.a, each.tested_on) for each in found] == ([(kind, A, "other")] if kind else [])


def test_guessing_depends_on_the_number_of_classes():
    assert [each.kind for each in find(on_other((A, 0.40, 0.30, 0.50)), n_classes=5)] == ["lower"]
    assert [each.kind for each in find(on_other((A, 0.40, 0.30, 0.50)), n_classes=2)] == ["chance"]


def test_only_the_classifier_that_cross_validation_chose_is_held_to_its_promise():
    worse = ("vit_pure", "src")
    both = pd.concat([VALIDATED, summary((worse, 0.75, 0.7, 0.8))])
    assert find(on_other((worse, 0.5, 0.45, 0.55)), validated=both) == []


def test_a_summary_without_tested_on_is_of_the_official_test_set():
    (found,) = find(on_other((A, 0.60, 0.48, 0.72)).drop(columns="tested_on"))
    assert found.tested_on == "held_out"


def test_the_gravest_comes_first_and_each_has_a_sentence():
    found = find(
        on_other((B, 0.60, 0.48, 0.70), (A, 0.60, 0.52, 0.68)), pair(-0.12, "b better"), contrast(0.10, "a better")
    )
    assert [each.kind for each in found] == ["opposite", "chance", "lower"]
    said = sentences(found)
    assert said[0].startswith("The test set contradicts cross-validation (other): there ")
    assert "0.120" in said[0]
    assert "0.100" in said[0]
    assert (
        "is not shown to be better than guessing on the test set (other): 0.600 [0.480, 0.700], after 0.700" in said[1]
    )
    assert "does worse on the test set (other) than cross-validation said: 0.600 [0.520, 0.680], not 0.800" in said[2]
