from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sixgig
from sixgig.errors import SixgigError, TableError
from sixgig.results.study import Method, Study, is_failed, method_order
from sixgig.tables.predictions import PREDICTIONS
from tests.unit.reporting.fake_study import FAILURE, write_fake_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_study(tmp_path_factory.mktemp("results") / "fake", cohorts=("elpv", "brats_phantom"))


@pytest.fixture
def study(folder: Path) -> Study:
    return Study(folder)


def test_what_the_study_file_says(study):
    assert (study.name, study.title, study.scope) == ("fake", "A fake study for the tests", "inductive")
    assert (study.metric, study.alpha) == ("balanced_accuracy", 0.05)


def test_the_package_offers_it():
    assert issubclass(sixgig.Study, Study)
    with pytest.raises(AttributeError, match="no attribute 'Studies'"):
        sixgig.Studies  # noqa: B018


def test_a_figure_as_an_object(folder):
    study = sixgig.Study(folder)
    assert study.figure("elpv", "scores").axes
    with pytest.raises(SixgigError, match="no such figure\n  Next step: use one of forest, cost_axis, intervals"):
        study.figure("elpv", "pie")
    with pytest.raises(SixgigError, match=r"no cohort 'xyz' in summary.csv\n  Next step: use one of elpv"):
        study.figure("xyz", "scores")
    assert study.figure_over_cohorts("critical_difference").axes
    with pytest.raises(SixgigError, match="no such figure\n  Next step: use one of critical_difference"):
        study.figure_over_cohorts("pie")


def test_tables_and_their_order(study):
    assert study.cohorts == ["elpv", "brats_phantom"]
    assert study.metric_names() == ["balanced_accuracy", "accuracy", "macro_f1", "macro_auc"]
    methods = study.methods("brats_phantom")
    assert methods == sorted(methods, key=method_order)
    assert methods[0] == Method("baseline_cnn", "svm")
    assert methods[-1] == Method("control_majority_class", "majority_class")
    assert len(methods) == 9


def test_an_unknown_arm_stands_before_the_controls():
    names = ["control_random_vit", "my_arm", "vit_sparse", "baseline_cnn"]
    ordered = sorted((Method(name, "svm") for name in names), key=method_order)
    assert [method.arm for method in ordered] == ["baseline_cnn", "vit_sparse", "my_arm", "control_random_vit"]


def test_failed_methods_keep_their_estimates_row(study):
    row = study.estimates("brats_phantom")[Method("vit_sparse", "svm")]
    assert is_failed(row["status"])
    assert row["status"] == FAILURE
    assert pd.isna(row["estimate"])
    unknown = study.estimates("brats_phantom", "specificity")
    assert all(pd.isna(row["estimate"]) for row in unknown.values())
    assert len(unknown) == 9


def test_a_pair_reads_the_same_from_both_sides(study):
    a, b = Method("baseline_cnn", "svm"), Method("control_majority_class", "majority_class")
    forth, back = study.pairs.row("elpv", a, b), study.pairs.row("elpv", b, a)
    assert forth["difference"] == -back["difference"] > 0
    assert (forth["ci_low"], forth["ci_high"]) == (-back["ci_high"], -back["ci_low"])
    assert (forth["verdict"], back["verdict"]) == ("a better", "b better")
    assert (back["arm_a"], back["classifier_b"]) == ("control_majority_class", "svm")
    assert forth["p_holm"] == back["p_holm"]
    assert study.pairs.row("brats_phantom", a, Method("vit_sparse", "svm")) is None


def test_files_of_a_cohort(study, folder):
    assert study.cohort_info("brats_phantom")["simulated"] is True
    assert study.leakage("elpv")["passed"] is True
    assert len(study.manifest("elpv")) == 90
    images = study.images("elpv")
    assert isinstance(images, np.memmap)
    assert images.shape == (90, 48, 48, 3)
    assert len(study.quarantine("brats_phantom")) == 1
    assert study.splits_sha256("elpv") == hashlib.sha256((folder / "cohorts/elpv/splits.csv").read_bytes()).hexdigest()
    assert study.sidecar("elpv", "vit_pure")["backbone"] == "vit_small_patch14_dinov2"
    assert study.sidecar("elpv", "control_majority_class") is None
    assert len(study.predictions("elpv", Method("vit_pure", "src"))) == 270
    assert study.predictions("brats_phantom", Method("vit_sparse", "src")) is None


def test_empty_predictions_are_none(tmp_path):
    empty = pd.DataFrame(columns=PREDICTIONS.column_names)
    PREDICTIONS.write(empty, tmp_path / "predictions" / "c" / "vit_pure.svm.csv")
    assert Study(tmp_path).predictions("c", Method("vit_pure", "svm")) is None


def test_a_study_that_does_not_exist(tmp_path):
    with pytest.raises(SixgigError, match=r"no such study: the folder does not exist\n  Next step: run `snakemake"):
        Study(tmp_path / "nowhere")


@pytest.mark.parametrize("table", ["summary", "metrics", "costs", "pairwise", "omnibus", "ranks", "factors", "budget", "clinical"])
def test_a_study_that_has_not_run(tmp_path, table):
    with pytest.raises(TableError, match=rf"{table}\.csv: the study has not written this file yet"):
        getattr(Study(tmp_path), table)


@pytest.mark.parametrize(("text", "reason"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_a_damaged_study_file(tmp_path, text, reason):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(TableError, match=reason):
        _ = Study(tmp_path).info
