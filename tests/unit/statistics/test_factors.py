import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from sixgig.statistics.factors import explain_variance, sums_of_squares
from sixgig.tables.scores import SUMMARY


def summary(grid, classifiers=("svm", "src"), cohort="acdc", metric="balanced_accuracy"):
    """Rows of summary.csv from arm -> its estimates, one per classifier; None is a failure."""
    rows = [
        (cohort, arm, classifier, metric, value, *([None] * 2 if value is None else [value - 0.05, value + 0.05]), 40,
         "failed: why" if value is None else "ok")
        for arm, values in grid.items()
        for classifier, value in zip(classifiers, values, strict=True)
    ]  # fmt: skip
    return SUMMARY.check(pd.DataFrame(rows, columns=SUMMARY.column_names[:9]), "summary")


def explained(rows, metric="balanced_accuracy"):
    return explain_variance(rows, metric).set_index("factor")


def test_shares_by_hand():
    """Arm means 0.7 and 0.5 about 0.6, classifier means 0.65 and 0.55, every residual 0.01."""
    found = explained(summary({"a": [0.76, 0.64], "b": [0.54, 0.46]}))
    expected = np.array([4 * 0.1**2, 4 * 0.05**2, 4 * 0.01**2])
    assert found["sum_of_squares"].to_numpy() == pytest.approx(expected)
    assert found["eta_squared"].to_numpy() == pytest.approx(expected / expected.sum())
    assert found["df"].tolist() == [1, 1, 1]
    assert found["levels"].tolist() == [2, 2, 4]
    assert found["interval_width"]["arm"] == pytest.approx(0.1)
    assert (found["lowest"]["arm"], found["highest"]["arm"]) == (0.46, 0.76)


def test_agrees_with_the_analysis_of_variance_of_statsmodels():
    grid = np.random.default_rng(2).normal(size=(5, 3))
    frame = pd.DataFrame([(i, j, grid[i, j]) for i in range(5) for j in range(3)], columns=["a", "c", "y"])
    table = anova_lm(ols("y ~ C(a) + C(c)", frame).fit())
    assert list(sums_of_squares(grid).values()) == pytest.approx(table["sum_sq"].tolist())
    assert sum(sums_of_squares(grid).values()) == pytest.approx(((grid - grid.mean()) ** 2).sum())


def test_controls_do_not_count():
    grid = {"a": [0.76, 0.64], "b": [0.54, 0.46]}
    pd.testing.assert_frame_equal(
        explained(summary(grid)), explained(summary(grid | {"control_random_vit": [0.1, 0.9]}))
    )


@pytest.mark.parametrize("missing", [[None, None], [0.9, None]])
def test_an_arm_without_every_classifier_is_left_out_by_name(missing):
    grid = {"a": [0.76, 0.64], "b": [0.54, 0.46]}
    found = explained(summary(grid | {"vit_mim": missing}))
    assert found["eta_squared"].to_numpy() == pytest.approx(explained(summary(grid))["eta_squared"].to_numpy())
    assert set(found["status"]) == {"without vit_mim"}


def test_a_classifier_that_is_asked_of_one_arm_alone_is_left_out_by_name_and_the_others_stay():
    rows = summary({"a": [0.76, 0.64, 0.7], "b": [0.54, 0.46, None], "c": [0.5, 0.4, None]}, ("svm", "src", "mil"))
    failed = explained(rows)
    assert set(failed["status"]) == {"undefined: fewer than two arms with every classifier"}
    found = explained(rows[rows["estimate"].notna()])
    alone = explained(summary({"a": [0.76, 0.64], "b": [0.54, 0.46], "c": [0.5, 0.4]}))
    assert set(found["status"]) == {"without classifier mil"}
    assert found["levels"].tolist() == [3, 2, 6]
    assert found["eta_squared"].to_numpy() == pytest.approx(alone["eta_squared"].to_numpy())


@pytest.mark.parametrize(
    ("grid", "classifiers", "reason"),
    [
        ({"a": [0.7], "b": [0.6]}, ("svm",), "one classifier only"),
        ({"a": [0.7, 0.6]}, ("svm", "src"), "fewer than two arms with every classifier"),
        ({"a": [0.7, 0.7], "b": [0.7, 0.7]}, ("svm", "src"), "all estimates are equal"),
        ({"a": [None, None], "b": [None, None]}, ("svm", "src"), "fewer than two arms with every classifier"),
    ],
)
def test_what_cannot_be_split_says_why(grid, classifiers, reason):
    found = explained(summary(grid, classifiers))
    assert set(found["status"]) == {f"undefined: {reason}"}
    assert found["eta_squared"].isna().all()
    assert found["sum_of_squares"].isna().all()


def test_every_cohort_and_only_the_metric_asked_for():
    rows = pd.concat(
        [
            summary({"a": [0.76, 0.64], "b": [0.54, 0.46]}),
            summary({"a": [0.2, 0.2], "b": [0.4, 0.5]}, cohort="elpv"),
            summary({"a": [9.0, 0.0], "b": [3.0, 1.0]}, metric="accuracy"),
        ]
    )
    found = explain_variance(rows, "balanced_accuracy")
    assert found["cohort"].tolist() == ["acdc"] * 3 + ["elpv"] * 3
    assert found.groupby("cohort")["eta_squared"].sum().tolist() == pytest.approx([1, 1])
    assert found["highest"].max() == 0.76
