"""A cohort that fails is an outcome where the study has another one, and has no metric at all."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.cohorts import outcome
from sixgig.errors import ClassifierError, CohortError, CohortFailedError, LeakageError, PassingError
from sixgig.evaluation import classification
from sixgig.evaluation.classification import classify, predict_majority
from sixgig.evaluation.gate import check_or_fail, split_or_fail
from sixgig.evaluation.job import Vectors
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.outcomes import failed_cohort, require_cohort
from sixgig.tables.cohorts import COPIES, MANIFEST, QUARANTINE, REMARKS, SPLITS
from sixgig.tables.features import write_features
from sixgig.tables.predictions import PREDICTIONS
from tests.unit.evaluation.jobs import job_of

LEAK = LeakageError("splits.csv", "subject 7 is in two folds", "delete it")
STATUS = "failed: splits.csv: subject 7 is in two folds"


def raising(error):
    def raise_it(*_args, **_kwargs):
        raise error

    return raise_it


@pytest.fixture
def folder(tmp_path):
    write_json(tmp_path / "cohort.json", {"n_subjects": 3})
    write_json(tmp_path / "splits.json", {"status": "ok"})
    return tmp_path


def test_a_failed_gate_is_written_down_and_passes_nothing(folder):
    check_or_fail(raising(LEAK), folder / "splits.json", folder / "leakage.json", n_cohorts=2)
    assert read_json(folder / "leakage.json") == {"passed": False, "status": STATUS}
    with pytest.raises(CohortFailedError, match="cohort a: splits.csv: subject 7 is in two folds"):
        require_cohort("a", folder / "leakage.json")
    assert failed_cohort("a", folder / "leakage.json") == "failed: cohort a: splits.csv: subject 7 is in two folds"


def test_the_gate_of_the_only_cohort_stops_the_study(folder):
    with pytest.raises(LeakageError, match="in two folds"):
        check_or_fail(raising(LEAK), folder / "splits.json", folder / "leakage.json", n_cohorts=1)
    assert not (folder / "leakage.json").exists()


def test_a_gate_that_passes_is_as_it_was(folder):
    check_or_fail(lambda: {"passed": True, "n": 3}, folder / "splits.json", folder / "leakage.json", n_cohorts=2)
    assert read_json(folder / "leakage.json") == {"passed": True, "n": 3}
    require_cohort("a", folder / "leakage.json")
    require_cohort("a", None)


def test_a_passing_fault_is_no_outcome_of_a_cohort(folder):
    for error in (MemoryError(), OSError(5, "Input/output error", "images.npy")):
        with pytest.raises((PassingError, type(error))):
            check_or_fail(raising(error), folder / "splits.json", folder / "leakage.json", n_cohorts=2)
        assert not (folder / "leakage.json").exists()
    wrapped = CohortError("a", "cannot be read", "connect the drive")
    wrapped.__cause__ = PermissionError(13, "Permission denied", "x.nii")
    with pytest.raises(PassingError, match="a: cannot be read\n  Next step: connect the drive"):
        check_or_fail(raising(wrapped), folder / "splits.json", folder / "leakage.json", n_cohorts=2)


def test_splits_that_cannot_be_made_have_no_rows_and_a_reason(folder):
    few = CohortError("cohorts.a", "class x has 1 subject", "merge it")
    split_or_fail(raising(few), folder / "cohort.json", folder / "splits.csv", folder / "splits.json", n_cohorts=2)
    assert len(SPLITS.read(folder / "splits.csv")) == 0
    assert read_json(folder / "splits.json") == {"status": "failed: cohorts.a: class x has 1 subject"}
    check_or_fail(raising(AssertionError()), folder / "splits.json", folder / "leakage.json", n_cohorts=2)
    assert read_json(folder / "leakage.json")["status"] == "failed: cohorts.a: class x has 1 subject"


def test_a_cohort_that_cannot_be_prepared_leaves_whole_files_and_its_list(tmp_path, monkeypatch):
    source, output, listed = tmp_path / "source.json", tmp_path / "c", tmp_path / "bad.csv"
    write_json(source, {"root": str(tmp_path)})

    def prepare(*_args, **_kwargs):
        rows = [("a.nii", "s1", "ends early")]
        QUARANTINE.write(pd.DataFrame(rows, columns=QUARANTINE.column_names), listed)
        raise CohortError(listed, "9 of 10 subjects cannot be used", "repair them")

    monkeypatch.setattr(outcome, "prepare_cohort", prepare)
    options = {"adapter": "brats", "title": None}

    def fail(n_cohorts):
        outcome.prepare_or_fail(
            source, output, options, image_size=8, n_cohorts=n_cohorts, failed_list=listed, simulated=False
        )

    fail(2)
    status = "failed: .../bad.csv: 9 of 10 subjects cannot be used"
    facts = read_json(output / "cohort.json")
    assert (facts["status"], facts["n_images"], facts["title"]) == (status, 0, "c")
    assert facts["cost"]["stage"] == "prepare"
    assert [len(table.read(output / table.name)) for table in (MANIFEST, COPIES, REMARKS, QUARANTINE)] == [0, 0, 0, 1]
    assert np.load(output / "images.npy", mmap_mode="r").shape == (0, 8, 8, 3)
    assert np.load(output / "volumes.npy", mmap_mode="r").shape == (0, 0, 0, 0, 0)
    with pytest.raises(CohortError, match="9 of 10"):
        fail(1)


@pytest.fixture
def scored(tmp_path):
    """Predictions of two cohorts, one of which has failed after they were made; and its other files."""
    names = [f"s{i}" for i in range(8)]
    labels = ["x", "y"] * 4
    splits = pd.DataFrame(
        [(name, label, "evaluation", 0, i // 4) for i, (name, label) in enumerate(zip(names, labels, strict=True))],
        columns=SPLITS.column_names,
    )
    rows = pd.DataFrame(
        {"subject_id": names, "repeat": 0, "fold": [0] * 4 + [1] * 4, "label": labels, "predicted": labels,
         "score_x": [float(label == "x") for label in labels], "score_y": [float(label == "y") for label in labels]}
    )  # fmt: skip
    keys, files = [], {}
    for cohort in ("good", "leaky"):
        SPLITS.write(splits, tmp_path / f"{cohort}.splits.csv")
        PREDICTIONS.write(rows, tmp_path / f"{cohort}.csv")
        write_json(tmp_path / f"{cohort}.json", {"status": "ok"})
        keys.append((cohort, "arm", "svm"))
        files[cohort] = tmp_path / f"{cohort}.gate.json"
    write_json(files["good"], {"passed": True})
    write_json(files["leaky"], {"passed": False, "status": STATUS})
    return ScoredFiles(
        predictions={key: tmp_path / f"{key[0]}.csv" for key in keys},
        held_out={key: tmp_path / f"{key[0]}.csv" for key in keys},
        splits={(key[0],): tmp_path / f"{key[0]}.splits.csv" for key in keys},
        sidecars={key[:2]: tmp_path / f"{key[0]}.json" for key in keys},
        gates={(name,): path for name, path in files.items()},
    )


def test_no_leakage_gets_through_though_predictions_lie_there(scored):
    scores = score_study(scored, {"good": None, "leaky": None}, 20, 1, 1)
    assert set(scores.metrics["cohort"]) == {"good"}
    leaky = scores.summary[scores.summary["cohort"] == "leaky"]
    assert leaky["estimate"].isna().all()
    assert leaky["ci_low"].isna().all()
    assert set(leaky["status"]) == {"failed: cohort leaky: splits.csv: subject 7 is in two folds"}
    assert "balanced_accuracy" in set(leaky["metric"])
    assert scores.summary[scores.summary["cohort"] == "good"]["estimate"].notna().any()


def test_a_classifier_that_fails_is_an_outcome_with_its_reason(scored, tmp_path, monkeypatch):
    key = ("good", "arm", "svm")
    write_features(tmp_path / "f.npz", np.eye(8), np.array([f"s{i}" for i in range(8)]))
    options, files = {"kernels": ["linear"], "C": [1.0]}, scored.splits["good",]
    path = scored.predictions[key]
    failure = ClassifierError("svm, fold 1", "cannot be fitted", "x")
    with monkeypatch.context() as patch:
        patch.setattr(classification, "cross_validate", raising(failure))
        classify(job_of(files, "svm", options, path), Vectors(tmp_path / "f.npz"))
        patch.setattr(classification, "cross_validate", raising(MemoryError()))
        with pytest.raises(MemoryError):
            classify(job_of(files, "svm", options, tmp_path / "other.csv"), Vectors(tmp_path / "f.npz"))
    write_json(tmp_path / "good.facts.json", read_json(path.with_suffix(".json")))
    write_json(scored.sidecars["good", "arm"], {"status": "ok"})
    own = scored._replace(facts={key: tmp_path / "good.facts.json"}, gates={})
    rows = score_study(own, {"good": None, "leaky": None}, 20, 1, 1).summary
    assert set(rows[rows["cohort"] == "good"]["status"]) == {"failed: svm, fold 1: cannot be fitted"}
    assert rows[rows["cohort"] == "good"]["estimate"].isna().all()


def test_a_study_whose_every_cohort_failed_stops(scored):
    write_json(scored.gates["good",], {"passed": False, "status": "failed: x: no images"})
    with pytest.raises(CohortError, match="every cohort failed: cohort good: x: no images; cohort leaky: splits.csv"):
        score_study(scored, {"good": None, "leaky": None}, 20, 1, 1)


def test_nothing_is_predicted_on_a_cohort_that_failed(scored, tmp_path):
    splits, gate = scored.splits["leaky",], scored.gates["leaky",]
    predict_majority(splits, 1, tmp_path / "majority.csv", gate=gate)
    write_features(tmp_path / "f.npz", np.eye(8), np.array([f"s{i}" for i in range(8)]))
    options = {"kernels": ["linear"], "C": [1.0]}
    classify(job_of(splits, "svm", options, tmp_path / "svm.csv", gate=gate), Vectors(tmp_path / "f.npz"))
    for name in ("majority", "svm"):
        assert len(PREDICTIONS.read(tmp_path / f"{name}.csv")) == 0
        assert json.loads((tmp_path / f"{name}.json").read_text())["cost"]["seconds"] >= 0
    predict_majority(splits, 1, tmp_path / "majority.csv", gate=scored.gates["good",])
    assert len(PREDICTIONS.read(tmp_path / "majority.csv")) == 8
    assert isinstance(gate, Path)
