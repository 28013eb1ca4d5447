"""Label-fraction curves: predictions with fewer labels, their estimates, and what is told of those that cannot be."""

import json

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import ClassifierError, ConfigError
from sixgig.evaluation import cross_validation
from sixgig.evaluation.cross_validation import cross_validate
from sixgig.evaluation.fraction_scores import FractionFiles, score_fractions
from sixgig.evaluation.fractions import classify_fractions
from sixgig.evaluation.job import Vectors
from sixgig.evaluation.labelled import labelled_subjects, mean_labelled
from sixgig.evaluation.summary import summarise
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.features import write_features
from sixgig.tables.fractions import FRACTION_PREDICTIONS, FRACTIONS
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import SUMMARY
from tests.unit.evaluation.jobs import job_of
from tests.unit.evaluation.test_cross_validation import SMALL, run, study

KEY = ("c", "vit_pure", "svm")


@pytest.fixture
def trained(monkeypatch):
    """What classifiers were trained on: subjects of every fold, in the order of the folds."""
    seen = []
    search = cross_validation.search

    def watched(pipeline, grid, X, y, **arguments):
        seen.append(sorted(set(arguments["groups"].tolist())))
        return search(pipeline, grid, X, y, **arguments)

    monkeypatch.setattr(cross_validation, "search", watched)
    return seen


def test_all_that_is_fitted_sees_the_labelled_subjects_alone_and_test_folds_stay(trained):
    features, subjects, splits = study()
    whole, _ = run(features, subjects, splits)
    everyone = [set(names) for names in trained]
    trained.clear()
    part, choices = run(features, subjects, splits, fraction=0.25)
    keys = ["repeat", "subject_id", "fold", "label"]
    pd.testing.assert_frame_equal(part[keys], whole[keys])
    assert [len(names) for names in trained] == [10] * 6  # 20 of each class in training folds of 40
    for (repeat, fold), names, known in zip(
        ((r, f) for r in range(2) for f in range(3)), trained, everyone, strict=True
    ):
        rows = splits[(splits["repeat"] == repeat) & (splits["fold"] != fold)]
        assert names == labelled_subjects(rows["subject_id"], rows["label"], 0.25, 1, repeat, fold).tolist()
        assert set(names) < known
    assert set(choices["n_train"]) == {10}
    assert not np.array_equal(part["score_class0"], whole["score_class0"])


def test_every_classifier_has_the_same_labelled_subjects(trained):
    features, subjects, splits = study()
    run(features, subjects, splits, "svm", fraction=0.25)
    svm = list(trained)
    trained.clear()
    run(features, subjects, splits, "src", fraction=0.25)
    assert trained == svm


def test_all_labels_are_the_ordinary_run():
    features, subjects, splits = study()
    whole, part = (run(features, subjects, splits, **own)[0] for own in ({}, {"fraction": 1.0}))
    pd.testing.assert_frame_equal(whole, part)


def test_a_fraction_below_the_inner_folds_is_refused():
    features, subjects, splits = study()
    with pytest.raises(
        ClassifierError, match=r"fraction 0.1, repeat 0, fold 0: class 'class0' has 2 labelled"
    ) as error:
        run(features, subjects, splits, fraction=0.1)
    assert "leave this fraction out of evaluation.fractions" in str(error.value)


def test_a_subject_with_several_images_has_labels_for_all_or_none(trained):
    features, subjects, splits = study()
    images = pd.DataFrame({"image_id": [f"{name}-{place}" for name in subjects[:60] for place in "ab"]})
    images["subject_id"] = [name[:-2] for name in images["image_id"]]
    known = dict(zip(splits["subject_id"], splits["label"], strict=True))
    images["label"] = [known[name] for name in images["subject_id"]]
    _, choices = cross_validate(
        np.repeat(features[:60], 2, axis=0), images["image_id"].tolist(), splits, "svm", SMALL["svm"],
        inner_folds=3, seed=1, images=images, fraction=0.25,
    )  # fmt: skip
    assert set(choices["n_train"]) == {20}  # both images of ten subjects
    assert {len(names) for names in trained} == {10}


def made(tmp_path, fractions):
    """Write what jobs before this one leave, run it, and return its files with the summary of the ordinary run."""
    features, subjects, splits = study(n_classes=2)
    SPLITS.write(splits, tmp_path / "splits.csv")
    write_features(tmp_path / "vit_pure.npz", features, np.array(subjects))
    output = tmp_path / "vit_pure.svm.csv"
    job = job_of(tmp_path / "splits.csv", "svm", SMALL["svm"], output, inner_folds=3)
    classify_fractions(job, Vectors(tmp_path / "vit_pure.npz"), fractions)
    ordinary, _ = run(features, subjects, splits)
    PREDICTIONS.write(ordinary, tmp_path / "ordinary.csv")
    summary = summarise(PREDICTIONS.read(tmp_path / "ordinary.csv"), *KEY, splits=splits, n_resamples=100, seed=1)
    SUMMARY.write(summary, tmp_path / "summary.csv")
    (tmp_path / "leakage.json").write_text("{}")
    files = FractionFiles(
        {KEY: output}, {KEY: output.with_suffix(".json")}, {("c",): tmp_path / "splits.csv"},
        {("c",): tmp_path / "leakage.json"},
    )  # fmt: skip
    return files, splits


def scored(tmp_path, files, fractions):
    summary = SUMMARY.read(tmp_path / "summary.csv")
    rows = score_fractions(files, summary, fractions, {"c": None}, 100, 1, 1, {"c": "subject"})
    FRACTIONS.write(rows, tmp_path / "fractions.csv")
    return FRACTIONS.read(tmp_path / "fractions.csv")


def test_the_curve_ends_with_the_rows_of_the_summary(tmp_path):
    files, splits = made(tmp_path, [0.25, 0.5])
    rows = scored(tmp_path, files, [0.5, 0.25])
    assert rows["fraction"].unique().tolist() == [0.25, 0.5, 1.0]
    whole = rows[rows["fraction"] == 1].drop(columns=["fraction", "n_labelled"])
    SUMMARY.write(whole, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "summary.csv").read_bytes()
    for fraction, own in rows.groupby("fraction"):
        assert set(own["n_labelled"]) == {mean_labelled(splits, float(fraction), 1)}
        assert set(own["status"]) == {"ok"}
    part = FRACTION_PREDICTIONS.read(files.predictions[KEY])
    part = part[part["fraction"] == 0.25].drop(columns="fraction").reset_index(drop=True)
    expected = summarise(PREDICTIONS.check(part, "p"), *KEY, splits=splits, n_resamples=100, seed=1)
    found = rows[rows["fraction"] == 0.25].reset_index(drop=True)
    np.testing.assert_allclose(found["estimate"], expected["estimate"], atol=1e-9)
    np.testing.assert_allclose(found["ci_low"], expected["ci_low"], atol=1e-9)


def test_a_fraction_that_cannot_be_is_told_with_its_reason(tmp_path):
    files, _ = made(tmp_path, [0.1, 0.5])
    facts = json.loads(files.facts[KEY].read_text())
    assert facts["fractions"][0]["status"].startswith("failed: fraction 0.1, repeat 0, fold 0: class 'class0' has 2")
    rows = scored(tmp_path, files, [0.1, 0.5])
    failed = rows[rows["fraction"] == 0.1]
    assert len(failed) == len(rows) / 3
    assert failed["estimate"].isna().all()
    assert failed["status"].str.startswith("failed: fraction 0.1").all()
    assert (failed["n_labelled"] == 4).all()
    assert rows[rows["fraction"] == 0.5]["estimate"].notna().all()


def test_an_arm_that_failed_keeps_its_rows(tmp_path):
    files, splits = made(tmp_path, [])
    SUMMARY.write(summarise(None, *KEY, "failed: no memory", splits=splits, n_resamples=100), tmp_path / "summary.csv")
    rows = scored(tmp_path, files, [0.5])
    assert rows["fraction"].unique().tolist() == [0.5, 1.0]
    assert set(rows["status"]) == {"failed: no memory"}


def test_a_fraction_is_refused_while_planning():
    from sixgig.evaluation.checks import _check_fractions

    evaluation = {"folds": 5, "inner_folds": 3, "fractions": [1.0, 0.1, 0.5]}
    _check_fractions({"ill": 40, "well": 40}, evaluation, "chest")
    with pytest.raises(ConfigError) as error:
        _check_fractions({"ill": 13, "well": 40}, evaluation, "chest")
    assert str(error.value).startswith(
        "config key evaluation.fractions: holds 0.1, which leaves 1 subjects of class 'ill' of cohort chest"
    )
    assert "use at least 0.25" in str(error.value)
