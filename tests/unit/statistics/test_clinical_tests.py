"""What clinicians ask on test sets and of several seeds: what is chosen where, and right values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sixgig.evaluation.calibration import wilson
from sixgig.results.statistics import StatisticsTables
from sixgig.statistics.clinical import ClinicalUse, weigh_clinical_use
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.predictions import PREDICTIONS

ARM, SECOND = ("c", "vit_mim", "svm"), ("c", "vit_mim-seed1", "svm")


def write(file, ill, well, repeat=0):
    """Scores of subjects that are ill and well, who are called ill from a half on."""
    score = np.array([*ill, *well], dtype=float)
    rows = {"subject_id": [f"s{place:03d}" for place in range(len(score))], "repeat": repeat}
    rows |= {"fold": np.arange(len(score)) % 2, "label": ["ill"] * len(ill) + ["well"] * len(well)}
    rows |= {"predicted": np.where(score >= 0.5, "ill", "well"), "score_ill": score, "score_well": 1 - score}
    PREDICTIONS.write(pd.DataFrame(rows), file)
    return file


def test_the_threshold_of_a_test_set_is_the_one_that_training_subjects_give(tmp_path):
    """Of ten ill training subjects eight reach 0.6; on the test set that threshold finds one of four."""
    trained = write(tmp_path / "a.csv", [0.1, 0.2, *[0.6] * 4, *[0.9] * 4], np.linspace(0.05, 0.5, 10))
    tested = write(tmp_path / "a.test.csv", [0.3, 0.4, 0.59, 0.7], [0.1, 0.2, 0.65, 0.3, 0.2, 0.1])
    use = ClinicalUse("ill", operating_point={"sensitivity": 0.8})
    found = weigh_clinical_use({ARM: trained}, {"c": use}, ["svm"], tests={("c", "held_out", *ARM[1:]): tested})
    rows = found.values[found.values["tested_on"] == "held_out"].set_index("quantity")
    assert rows["estimate"][["threshold", "sensitivity", "specificity"]].tolist() == pytest.approx([0.6, 1 / 4, 5 / 6])
    low, high = wilson(np.array([0.25]), np.array([4.0]))
    assert rows.loc["sensitivity", ["ci_low", "ci_high"]].tolist() == pytest.approx([low[0], high[0]])
    assert rows["estimate"][["ppv", "npv"]].tolist() == pytest.approx([1 / 2, 5 / 8])  # at the share of the test set
    assert set(rows["prevalence"]) == {0.4}
    curve = found.curves[found.curves["tested_on"] == "held_out"].set_index("threshold")
    assert curve.loc[0.5, "net_benefit"] == pytest.approx((2 - 1) / 10)  # 0.59 and 0.7, and 0.65


def test_probabilities_move_from_the_share_of_the_training_subjects_to_the_stated_prevalence(tmp_path):
    """Half of those trained on are ill; at 10% the odds are nine times lower: 0.7 becomes 7 / 34."""
    trained = write(tmp_path / "a.csv", np.linspace(0.5, 0.9, 10), np.linspace(0.1, 0.5, 10))
    tested = write(tmp_path / "b.csv", [0.7, 0.7], [0.3] * 6)
    use = ClinicalUse("ill", operating_point={"threshold": 0.2}, prevalence=0.1)
    found = weigh_clinical_use({ARM: trained}, {"c": use}, ["svm"], tests={("c", "there", *ARM[1:]): tested})
    rows = found.values[found.values["tested_on"] == "there"].set_index("quantity")["estimate"]
    assert rows[["sensitivity", "specificity", "threshold"]].tolist() == [1, 1, 0.2]
    curve = found.curves[found.curves["tested_on"] == "there"].set_index("threshold")["net_benefit"]
    assert curve[0.2] == pytest.approx(0.1)
    assert curve[0.21] == 0  # nobody reaches it: 7 / 34 is 0.206


def test_seeds_are_averaged_and_their_spread_is_in_the_interval(tmp_path):
    """The first training finds 8 of 10, the second 6 of 10: 0.7, and a standard deviation of 0.1414."""
    well = [0.1] * 6 + [0.7] * 4
    files = {
        ARM: write(tmp_path / "a.csv", [0.9] * 8 + [0.2] * 2, well),
        SECOND: write(tmp_path / "b.csv", [0.9] * 6 + [0.2] * 4, well),
        ("c", "vit_pure", "svm"): write(tmp_path / "c.csv", [0.9] * 8 + [0.2] * 2, well),
    }
    found = weigh_clinical_use(files, {"c": ClinicalUse("ill")}, ["svm"])
    rows = found.values.set_index(["arm", "quantity"])
    row = rows.loc["vit_mim", "sensitivity"]
    assert (row["estimate"], row["n_seeds"]) == (pytest.approx(0.7), 2)
    assert row["seed_sd"] == pytest.approx(0.2 / np.sqrt(2))
    low, high = (end[0] for end in wilson(np.array([0.7]), np.array([10.0])))
    error, spread = (0.7 - low) / stats.norm.ppf(0.975), 0.02 / 2
    df = (error**2 + spread) ** 2 / spread**2  # Satterthwaite, of which the error over subjects has no end of degrees
    assert row["ci_low"] == pytest.approx(max(0, 0.7 - stats.t.ppf(0.975, df) * np.sqrt(error**2 + spread)))
    assert row["ci_low"] < low < high < row["ci_high"]
    same = rows.loc["vit_mim", "specificity"]
    assert (same["seed_sd"], same["estimate"]) == (0, pytest.approx(0.6))  # seeds agree: Wilson's interval as it is
    assert same["ci_low"] == pytest.approx(wilson(np.array([0.6]), np.array([10.0]))[0][0])
    once = rows.loc["vit_pure", "sensitivity"]
    assert (once["n_seeds"], once["ci_low"]) == (1, pytest.approx(wilson(np.array([0.8]), np.array([10.0]))[0][0]))
    curve = found.curves[found.curves["arm"] == "vit_mim"].set_index("threshold")
    assert curve.loc[0.5, "net_benefit"] == pytest.approx(0.35 - 0.2)
    assert curve.loc[0.5, "seed_sd"] == pytest.approx(0.1 / np.sqrt(2))


def test_each_seed_is_tested_with_its_own_threshold(tmp_path):
    """The second training's scores are half as high; a common threshold would find nobody."""
    ill, well = np.linspace(0.6, 0.98, 10), np.linspace(0.1, 0.3, 10)
    files = {ARM: write(tmp_path / "a.csv", ill, well), SECOND: write(tmp_path / "b.csv", ill / 2, well / 2)}
    tests = {
        ("c", "held_out", *ARM[1:]): write(tmp_path / "a.test.csv", ill, well),
        ("c", "held_out", *SECOND[1:]): write(tmp_path / "b.test.csv", ill / 2, well / 2),
    }
    use = ClinicalUse("ill", operating_point={"sensitivity": 1.0})
    found = weigh_clinical_use(files, {"c": use}, ["svm"], tests=tests).values
    rows = found[found["tested_on"] == "held_out"].set_index("quantity")
    assert rows["estimate"][["sensitivity", "specificity", "threshold"]].tolist() == pytest.approx([1, 1, 0.45])
    assert rows.loc["threshold", "seed_sd"] == pytest.approx(0.3 / np.sqrt(2))


def test_a_test_set_without_one_of_the_classes_has_no_rows(tmp_path):
    trained = write(tmp_path / "a.csv", [0.9] * 4, [0.1] * 4)
    tests = {("c", "held_out", *ARM[1:]): write(tmp_path / "b.csv", [], [0.1] * 4)}
    found = weigh_clinical_use({ARM: trained}, {"c": ClinicalUse("ill")}, ["svm"], tests=tests)
    assert "tested_on" not in found.values


def test_readers_get_out_of_fold_rows_and_those_of_test_sets_apart(tmp_path):
    trained = write(tmp_path / "a.csv", [0.9] * 3 + [0.2], [0.1] * 4)
    tests = {("c", "held_out", *ARM[1:]): trained}
    found = weigh_clinical_use({ARM: trained}, {"c": ClinicalUse("ill")}, ["svm"], tests=tests)
    CLINICAL.write(found.values, tmp_path / "statistics/clinical.csv")
    DECISION_CURVE.write(found.curves, tmp_path / "statistics/decision_curve.csv")
    read = StatisticsTables()
    read.folder = tmp_path
    assert len(read.clinical) == len(read.clinical_tests) == 7
    assert len(read.decision_curve) == len(read.decision_curve_tests) == 99
    assert "tested_on" not in read.clinical
