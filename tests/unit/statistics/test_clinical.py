import numpy as np
import pandas as pd
import pytest

from sixgig.errors import ConfigError
from sixgig.statistics.clinical import ClinicalUse, weigh_clinical_use
from sixgig.tables.predictions import PREDICTIONS


def write(folder, name, labels, predicted, scores, repeats=1):
    """Predictions of one method; ``scores`` by class, the same in every repeat."""
    n = len(labels)
    parts = [
        pd.DataFrame(
            {"subject_id": [f"s{i:03d}" for i in range(n)], "repeat": repeat, "fold": np.arange(n) % 5}
            | {"label": labels, "predicted": predicted}
            | {f"score_{key}": value for key, value in scores.items()}
        )
        for repeat in range(repeats)
    ]
    PREDICTIONS.write(pd.concat(parts), folder / name)
    return folder / name


def ten_to_ninety(folder, repeats=1):
    """10 positives of which 8 are found, 90 negatives of which 72 are left alone; scores are what they say."""
    labels = np.repeat(["ill", "well"], [10, 90])
    predicted = np.repeat(["ill", "well", "ill", "well"], [8, 2, 18, 72])
    score = np.where(predicted == "ill", 8 / 26, 2 / 74)
    file = write(folder, "a.csv", labels, predicted, {"ill": score, "well": 1 - score}, repeats)
    return {("c", "vit_pure", "svm"): file}


def values(files, use, probabilities=("svm",)):
    found = weigh_clinical_use(files, {"c": use}, probabilities)
    return found.values.set_index("quantity"), found.curves.set_index("threshold")


@pytest.mark.parametrize("repeats", [1, 3])
def test_by_default_the_labels_at_the_prevalence_of_the_cohort(tmp_path, repeats):
    found, curve = values(ten_to_ninety(tmp_path, repeats), ClinicalUse("ill"))
    assert found.loc["sensitivity", ["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [0.8, 0.4902, 0.9433],
        abs=1e-4,  # Wilson, 8 of 10, however many repeats
    )
    assert found.loc["specificity", "estimate"] == pytest.approx(0.8)
    assert found.loc["ppv", "estimate"] == pytest.approx(8 / 26)
    assert found.loc["npv", "estimate"] == pytest.approx(72 / 74)
    assert set(found["operating_point"]) == {"labels"}
    assert found["prevalence"].to_numpy() == pytest.approx(0.1)
    assert found.loc["calibration_slope", "estimate"] == pytest.approx(1, abs=1e-3)
    assert found.loc["calibration_intercept", "estimate"] == pytest.approx(0, abs=1e-3)
    assert curve.loc[0.2, "net_benefit"] == pytest.approx((8 - 18 / 4) / 100)
    assert curve.loc[0.2, "treat_all"] == pytest.approx((10 - 90 / 4) / 100)


def test_a_stated_prevalence_changes_predictive_values_and_decisions(tmp_path):
    """Sensitivity 0.8 and specificity 0.8 at 1%: 0.8 of 20.6 per cent called ill are."""
    found, curve = values(ten_to_ninety(tmp_path), ClinicalUse("ill", prevalence=0.01))
    assert found.loc["ppv", "estimate"] == pytest.approx(0.008 / (0.008 + 0.198))
    assert found.loc["sensitivity", "estimate"] == pytest.approx(0.8)
    # Those called ill now have a probability of 0.0388, so nobody is treated at 0.05.
    assert curve.loc[0.05, "net_benefit"] == 0
    assert curve.loc[0.03, "net_benefit"] == pytest.approx(0.008 - 0.198 * 3 / 97)


def test_an_operating_point_is_chosen_on_other_folds(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat(["ill", "well"], [100, 100])
    score = np.clip(rng.normal(0.4 + 0.2 * (labels == "ill"), 0.1), 0.01, 0.99)
    predicted = np.where(score > 0.5, "ill", "well")
    files = {("c", "a", "svm"): write(tmp_path, "a.csv", labels, predicted, {"ill": score, "well": 1 - score})}
    found, _ = values(files, ClinicalUse("ill", operating_point={"sensitivity": 0.9}))
    assert set(found["operating_point"]) == {"sensitivity 0.9"}
    assert found.loc["sensitivity", "estimate"] == pytest.approx(0.9, abs=0.03)
    assert found.loc["threshold", "estimate"] == pytest.approx(np.quantile(score[:100], 0.1), abs=0.02)


def test_scores_that_are_ranks_become_probabilities_for_the_decision_curve(tmp_path):
    """Balanced scores call 10 in 100 ill with a half: taken for probabilities, they would treat many too many."""
    rng = np.random.default_rng(1)
    labels = np.repeat(["ill", "well"], [40, 360])
    value = rng.normal(2.0 * (labels == "ill") - 1)
    score = 1 / (1 + np.exp(-2 * value))
    predicted = np.where(score > 0.5, "ill", "well")
    files = {("c", "a", "knn"): write(tmp_path, "a.csv", labels, predicted, {"ill": score, "well": 1 - score})}
    found, curve = values(files, ClinicalUse("ill"))
    _, plain = values(files, ClinicalUse("ill"), ("knn",))
    assert set(found["scores"]) == {"ranks"}
    assert found.loc["calibration_intercept", "ci_high"] < -1
    assert curve.loc[0.3, "net_benefit"] > plain.loc[0.3, "net_benefit"] + 0.02


def test_of_three_classes_each_against_the_rest(tmp_path):
    labels = np.repeat(["a", "b", "c"], [20, 10, 10])
    predicted = np.r_[np.repeat(["a", "b"], [15, 5]), np.repeat(["b", "a"], [8, 2]), np.repeat("c", 10)]
    scores = {name: np.where(predicted == name, 0.8, 0.1) for name in "abc"}
    files = {("c", "arm", "svm"): write(tmp_path, "a.csv", labels, predicted, scores)}
    found = weigh_clinical_use(files, {"c": ClinicalUse()}, ("svm",))
    table = found.values.set_index(["class", "quantity"])["estimate"]
    assert table.to_dict() == pytest.approx(
        {("a", "sensitivity"): 0.75, ("a", "ppv"): 15 / 17, ("b", "sensitivity"): 0.8, ("b", "ppv"): 8 / 13}
        | {("c", "sensitivity"): 1.0, ("c", "ppv"): 1.0}
    )
    assert not len(found.curves)
    with pytest.raises(ConfigError, match=r"cohorts\.c\.prevalence.*3 classes"):
        weigh_clinical_use(files, {"c": ClinicalUse(prevalence=0.1)}, ("svm",))


def test_a_method_that_failed_has_no_rows(tmp_path):
    PREDICTIONS.write(pd.DataFrame(columns=PREDICTIONS.column_names), tmp_path / "a.csv")
    found = weigh_clinical_use({("c", "a", "svm"): tmp_path / "a.csv"}, {"c": ClinicalUse()}, ("svm",))
    assert (len(found.values), len(found.curves)) == (0, 0)
