"""What the report says of operating points, predictive values and calibration."""

import pytest

from sixgig.reporting.clinical import clinical, sentences
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_json
from sixgig.statistics.clinical import ClinicalUse, weigh_clinical_use
from sixgig.tables.clinical import CLINICAL
from sixgig.words.language import speaking
from sixgig.words.showing import showing
from tests.unit.reporting.fake_study import write_fake_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_fake_study(tmp_path_factory.mktemp("clinical") / "fake", cohorts=("brats_phantom", "acdc_phantom"))


def test_two_classes_have_all_columns_with_the_numbers_of_the_table(folder):
    study = Study(folder)
    with showing(study):
        view, said = clinical(study, "brats_phantom"), sentences(study, "brats_phantom")
    assert view.columns[1:5] == [
        "Sensitivity", "Specificity", "Positive predictive value", "Negative predictive value",
    ]  # fmt: skip
    rows = study.clinical
    first = rows[(rows["cohort"] == "brats_phantom") & (rows["arm"] == "baseline_cnn") & (rows["classifier"] == "svm")]
    estimate = first.set_index("quantity")["estimate"]
    (row,) = [row for row in view.rows if row[0].text == "EfficientNet + SVM" or row[0].text.endswith("CNN + SVM")][:1]
    assert [cell.sort for cell in row[1:5]] == pytest.approx(
        estimate[["sensitivity", "specificity", "ppv", "npv"]].tolist()
    )
    assert {row[-1].text for row in view.rows} == {"probabilities", "ranks"}
    assert said[0].startswith("No operating point is stated")
    assert "the share of LGG in this cohort, 46%" in said[1]
    assert "Scores of SRC weigh both classes alike" in said[2]


def test_more_classes_have_sensitivity_and_predictive_value_of_each(folder):
    study = Study(folder)
    with showing(study):
        view = clinical(study, "acdc_phantom")
        assert len(sentences(study, "acdc_phantom")) == 1
    assert view.columns == ["Method", "Class", "Sensitivity", "Positive predictive value"]
    assert [row[1].text for row in view.rows[:5]] == ["DCM", "HCM", "MINF", "NOR", "RV"]


def test_what_the_study_file_states_is_said(folder, tmp_path):
    study = Study(write_fake_study(tmp_path / "fake", cohorts=("brats_phantom",)))
    config = study.config
    config["cohorts"]["brats_phantom"] |= {"operating_point": {"sensitivity": 0.9}, "prevalence": 0.1}
    write_json(study.folder / "study.json", {**study.info, "config": config})
    use = ClinicalUse(operating_point={"sensitivity": 0.9}, prevalence=0.1)
    file = study.folder / "predictions/brats_phantom/vit_pure.svm.csv"
    found = weigh_clinical_use({("brats_phantom", "vit_pure", "svm"): file}, {"brats_phantom": use}, ["svm"])
    CLINICAL.write(found.values, study.folder / "statistics" / CLINICAL.name)
    study = Study(study.folder)
    said = sentences(study, "brats_phantom")
    assert said == [
        "The threshold of each fold reaches a sensitivity of 0.9 on the other folds.",
        "Predictive values hold at a prevalence of LGG of 10%, as the study file states.",
    ]
    with speaking("pt-BR"):
        assert "sensibilidade de 0,9" in sentences(study, "brats_phantom")[0]


def test_test_sets_stand_under_cross_validation_in_a_column_of_their_own(folder, tmp_path):
    study = Study(write_fake_study(tmp_path / "fake", cohorts=("brats_phantom",)))
    file = study.folder / "predictions/brats_phantom/vit_pure.svm.csv"
    key, use = ("vit_pure", "svm"), {"brats_phantom": ClinicalUse()}
    tests = {("brats_phantom", name, *key): file for name in ("held_out", "hospital_b")}
    found = weigh_clinical_use({("brats_phantom", *key): file}, use, ["svm"], tests=tests)
    CLINICAL.write(found.values, study.folder / "statistics" / CLINICAL.name)
    study = Study(study.folder)
    with showing(study):
        view, said = clinical(study, "brats_phantom"), sentences(study, "brats_phantom")
    assert view.columns[:3] == ["Method", "Tested on", "Sensitivity"]
    assert [row[1].text for row in view.rows] == ["cross-validation", "official test set", "hospital_b"]
    assert {len(row) for row in view.rows} == {len(view.columns)}
    assert said[-1].startswith("On a test set the threshold is the one chosen on the out-of-fold predictions")
