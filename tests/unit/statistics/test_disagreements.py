"""Methods that break on a test set what cross-validation promised: each kind, and silence elsewhere."""

import pandas as pd
import pytest

from sixgig.statistics.disagreements import disagreements
from sixgig.verdicts.promises import broken_promises
from sixgig.verdicts.tables import CohortTables

METRIC = "balanced_accuracy"
A, B = ("vit_pure", "svm"), ("baseline_cnn", "svm")


def summary(*rows):
    columns = ["cohort", "arm", "classifier", "metric", "estimate", "ci_low", "ci_high"]
    return pd.DataFrame([("c", *method, METRIC, *values) for method, *values in rows], columns=columns)


def on_other(*rows):
    return summary(*rows).assign(tested_on="other")


VALIDATED = summary((A, 0.80, 0.74, 0.86), (B, 0.70, 0.64, 0.76))


def find(test_summary, validated=VALIDATED, n_classes=2):
    return disagreements("c", validated, test_summary, METRIC, n_classes)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((0.60, 0.48, 0.72), "chance"),
        ((0.60, 0.52, 0.68), "worse"),
        ((0.72, 0.60, 0.84), None),  # below the procedure's interval, and too uncertain to say so
        ((0.95, 0.90, 0.98), "better"),
        ((0.80, 0.74, 0.86), None),
    ],
)
def test_one_method_against_its_own_promise(values, kind):
    found = find(on_other((A, *values)))
    assert [(each.kind, each.method, each.tested_on) for each in found] == ([(kind, A, "other")] if kind else [])


def test_guessing_depends_on_the_number_of_classes():
    assert [each.kind for each in find(on_other((A, 0.40, 0.30, 0.50)), n_classes=5)] == ["worse"]
    assert [each.kind for each in find(on_other((A, 0.40, 0.30, 0.50)), n_classes=2)] == ["chance"]


def test_only_the_classifier_that_cross_validation_chose_is_held_to_its_promise():
    other = ("vit_pure", "src")
    both = pd.concat([VALIDATED, summary((other, 0.75, 0.7, 0.8))])
    assert find(on_other((other, 0.5, 0.45, 0.55)), validated=both) == []


def test_a_summary_without_tested_on_is_of_the_official_test_set():
    (found,) = find(summary((A, 0.60, 0.48, 0.72)))
    assert found.tested_on == "held_out"


def test_the_verdict_says_it_of_its_own_arms_gravest_first():
    tested = on_other((B, 0.60, 0.48, 0.70), (A, 0.60, 0.52, 0.68))
    tables = CohortTables("c", METRIC, VALIDATED, n_classes=2, test_summary=tested)
    said = list(broken_promises(tables, ["vit_pure", "baseline_cnn"]))
    assert said[0].startswith("On other, ")
    assert said[0].endswith("better than guessing: 0.600 [0.480, 0.700], after 0.700 in cross-validation.")
    assert said[1].endswith("does worse than cross-validation said: 0.600 [0.520, 0.680], not 0.800.")
    assert list(broken_promises(tables, ["vit_pure"])) == said[1:]
    assert list(broken_promises(CohortTables("c", METRIC, VALIDATED), ["vit_pure"])) == []
