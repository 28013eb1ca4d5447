"""Report and figures say whether images or subjects were counted."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from sixgig.figures.catalogue import KINDS, draw_figure, figure_list
from sixgig.reporting import cohorts, comparisons, verdict
from sixgig.results.study import Method, Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import SUMMARY

GOOD = Method("vit_pure", "svm")


@pytest.fixture
def study_of(drawn_study, tmp_path):
    """Return the fake study with two images for each subject of one cohort, counted as the study file says."""

    def write(metrics_of: str | None) -> Study:
        folder = Path(shutil.copytree(drawn_study, tmp_path / "fake"))
        info = read_json(folder / "study.json")
        own = info["config"].setdefault("cohorts", {}).setdefault("elpv", {})
        own |= {"labels_of": "image"} | ({"metrics_of": metrics_of} if metrics_of else {})
        write_json(folder / "study.json", info)
        facts = read_json(folder / "cohorts/elpv/cohort.json")
        write_json(folder / "cohorts/elpv/cohort.json", facts | {"labels_of": "image", "n_unlabelled_images": 3})
        for file in (folder / "predictions/elpv").glob("*.csv"):
            table = PREDICTIONS.read(file)
            parts = [table.assign(image_id=table["subject_id"] + f"_{number}") for number in range(2)]
            PREDICTIONS.write(pd.concat(parts), file)
        summary = SUMMARY.read(folder / "summary.csv")
        images = (2 * summary["n_subjects"]).where(summary["cohort"] == "elpv")
        SUMMARY.write(summary.assign(n_images=images if metrics_of != "subject" else pd.NA), folder / "summary.csv")
        return Study(folder)

    return write


def facts_of(study: Study) -> dict[str, str]:
    return dict(cohorts.describe(study, "elpv").facts)


def test_images_are_counted_unless_the_study_file_says_otherwise(study_of):
    study = study_of(None)
    assert (study.labels_of("elpv"), study.metrics_of("elpv")) == ("image", "image")
    assert (study.labels_of("brats_phantom"), study.metrics_of("brats_phantom")) == ("subject", "subject")
    assert "image_id" in study.predictions("elpv", GOOD)
    facts = facts_of(study)
    assert "Metrics count images. Images of one subject are alike, so intervals draw subjects" in facts["Counted"]
    assert facts["Images by class"].endswith("no label: 3")
    caption = comparisons.tests(study, "elpv").caption
    assert "McNemar and DeLong count each image once" in caption
    assert "DeLong's has Obuchowski's variance" in caption
    rows = study.estimates("elpv")
    n = int(next(iter(rows.values()))["n_subjects"])
    assert f"{n} subjects, {2 * n} images" in " ".join(verdict.judge(study, "elpv").sentences)


def test_subjects_are_counted_where_the_study_file_says_so(study_of):
    study = study_of("subject")
    found = study.predictions("elpv", GOOD)
    assert "image_id" not in found
    assert not found.duplicated(["repeat", "subject_id"]).any()
    assert "Metrics count subjects: one is defect" in facts_of(study)["Counted"]
    assert "McNemar and DeLong count each subject once" in comparisons.tests(study, "elpv").caption
    assert "images" not in " ".join(verdict.judge(study, "elpv").sentences)


def test_other_cohorts_are_described_as_ever(study_of):
    facts = dict(cohorts.describe(study_of(None), "brats_phantom").facts)
    assert not {"Counted", "Images by class"} & facts.keys()


def test_captions_and_axes_of_figures(study_of, tmp_path):
    study = study_of(None)
    for name in ("intervals", "calibration"):
        (of_images,) = figure_list(tmp_path, [KINDS[name]], "elpv", "image")
        (of_subjects,) = figure_list(tmp_path, [KINDS[name]], "elpv")
        assert of_images.caption != of_subjects.caption
        assert "images" in of_images.caption
    (roc,) = figure_list(tmp_path, [KINDS["roc"]], "elpv", "image")
    assert roc.caption == figure_list(tmp_path, [KINDS["roc"]], "elpv")[0].caption
    words = {name: draw_figure(study, name, "elpv") for name in ("calibration", "scores", "cost")}
    assert "share of images of this class" in words["calibration"].get_supxlabel()
    assert words["scores"].axes[0].get_xlabel().endswith("on the images of one test fold")
    assert "Features per image" in [axes.get_xlabel() for axes in words["cost"].axes]
