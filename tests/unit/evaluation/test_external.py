"""Tests on another cohort: who is in both, which classes differ, and what is fitted to whom."""

import numpy as np
import pandas as pd
import pytest

from sixgig.cohorts.looks import look
from sixgig.errors import LeakageError
from sixgig.evaluation.cross_validation import predict_held_out
from sixgig.evaluation.external import ExternalJob, Side, classify_external
from sixgig.evaluation.external_gate import CohortFiles, check_apart, check_external
from sixgig.evaluation.external_scores import with_external
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import write_features
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.roles import EVALUATION, TEST
from sixgig.tables.scores import SUMMARY

CLASSES = ("x", "y")


def pictures(n, seed):
    return np.random.default_rng(seed).integers(0, 255, (n, 24, 24, 3)).astype(np.uint8)


def manifest(n, labels=CLASSES):
    rows = dict.fromkeys(MANIFEST.column_names)
    names = [f"p{place:02d}" for place in range(n)]  # both cohorts number their patients alike
    known = {"image_id": [f"{name}.png" for name in names], "subject_id": names, "source": names}
    own = [labels[place % len(labels)] for place in range(n)]
    return MANIFEST.check(pd.DataFrame(rows | known | {"label": own}), "manifest")


def splits(n, labels=CLASSES, unlabelled=0, pretraining=0):
    """Subjects in turn of every class; the last ones without a class, and those before only learned from."""
    rows = []
    for place in range(n):
        label = None if place >= n - unlabelled else labels[place % len(labels)]
        learned = place >= n - unlabelled - pretraining
        role = "pretraining" if learned else EVALUATION
        rows.append((f"p{place:02d}", label, role, None if learned else 0, None if learned else place // 2 % 2))
    return SPLITS.check(pd.DataFrame(rows, columns=SPLITS.column_names), "splits")


# ---- the gate


def test_equal_names_of_subjects_are_no_leak():
    found = check_apart("a", look(manifest(6), pictures(6, 0)), "b", look(manifest(4), pictures(4, 1)))
    assert found == {"passed": True, "n_images": [6, 4], "near_copies": []}


def test_an_image_in_both_cohorts_is_named_with_its_subjects():
    own, other = pictures(6, 0), pictures(4, 1)
    other[2] = own[5]
    with pytest.raises(
        LeakageError, match=r"1 images of b are in a, too: p02.png \(subject p02 of b\) is p05.png \(subj"
    ):
        check_apart("a", look(manifest(6), own), "b", look(manifest(4), other))


def test_copies_within_one_cohort_are_its_own_matter():
    own, other = pictures(6, 0), pictures(4, 1)
    own[1], other[3] = own[0], other[2]
    assert check_apart("a", look(manifest(6), own), "b", look(manifest(4), other))["passed"]


def test_images_without_a_class_are_not_tested_and_may_be_in_both():
    own, other = pictures(6, 0), pictures(4, 1)
    other[2] = own[5]
    table = manifest(4)
    table.loc[2, "label"] = pd.NA
    assert check_apart("a", look(manifest(6), own), "b", look(table, other))["passed"]


def test_mirrored_images_are_near_copies_and_named():
    own, other = pictures(8, 0), pictures(5, 1)
    other[1] = own[4][:, ::-1]
    found = check_apart("a", look(manifest(8), own), "b", look(manifest(5), other))
    assert (found["passed"], found["near_copies"]) == (False, [["p04.png", "p01.png"]])


def write_cohort(folder, name, n, labels=CLASSES, seed=0, status=None):
    own = folder / name
    own.mkdir()
    MANIFEST.write(manifest(n, labels), own / "manifest.csv")
    SPLITS.write(splits(n, labels), own / "splits.csv")
    np.save(own / "images.npy", pictures(n, seed))
    write_json(own / "leakage.json", {"passed": not status, **({"status": status} if status else {})})
    return CohortFiles(name, *(own / file for file in ("manifest.csv", "images.npy", "splits.csv", "leakage.json")))


def test_classes_that_differ_are_named_as_an_outcome(tmp_path):
    a, b = write_cohort(tmp_path, "a", 8), write_cohort(tmp_path, "b", 9, ("x", "z", "w"), seed=1)
    check_external(a, b, "subject", tmp_path / "gate.json")
    assert "the classes of a and b differ: only a has y; only b has w, z" in read_json(tmp_path / "gate.json")["status"]


def test_a_cohort_that_failed_is_left_out(tmp_path):
    a, b = write_cohort(tmp_path, "a", 8), write_cohort(tmp_path, "b", 8, seed=1, status="failed: it is empty")
    check_external(a, b, "subject", tmp_path / "gate.json")
    found = read_json(tmp_path / "gate.json")
    assert (found["status"], found["left_out"]) == ("failed: cohort b: it is empty", True)


# ---- predictions


def features(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 3)) + 2.0 * (np.arange(n) % 2)[:, None] + shift).astype(np.float32)


@pytest.fixture
def job(tmp_path):
    own, other = splits(24, pretraining=2), splits(10, unlabelled=1, pretraining=3)
    sides = []
    for name, table, values in (("a", own, features(24, 0)), ("b", other, features(10, 1))):
        SPLITS.write(table, tmp_path / f"{name}.csv")
        write_features(tmp_path / f"{name}.npz", values, np.array([f"p{place:02d}" for place in range(len(values))]))
        write_json(tmp_path / f"{name}.json", {"status": "ok"})
        paths = (tmp_path / f"{name}.{suffix}" for suffix in ("csv", "npz", "json"))
        sides.append(Side(name=name, **dict(zip(("splits", "features", "sidecar"), paths, strict=True))))
    write_json(tmp_path / "gate.json", {"passed": True})
    options = {"kernels": ["linear"], "C": [1.0]}
    return ExternalJob(
        own=sides[0], other=sides[1], gate=tmp_path / "gate.json", classifier="svm", options=options, inner_folds=2,
        seed=3, predictions=tmp_path / "arm.svm.on.b.csv",
    )  # fmt: skip


def test_the_model_is_that_of_a_held_out_test_set_and_all_labelled_subjects_are_tested(job, tmp_path):
    classify_external(job)
    found = PREDICTIONS.read(job.predictions)
    # The labelled subjects whatever their role; the last has no class.
    assert found["subject_id"].tolist() == [f"p{place:02d}" for place in range(9)]
    # The same model by hand: one cohort whose test subjects are those of b, under other names.
    own = SPLITS.read(job.own.splits)
    theirs = SPLITS.read(job.other.splits)[:9].assign(role=TEST, repeat=pd.NA, fold=pd.NA)
    theirs["subject_id"] = "t" + theirs["subject_id"]
    table = pd.concat([own[own["role"] == EVALUATION], theirs])
    names = [f"p{place:02d}" for place in range(24)] + [f"tp{place:02d}" for place in range(10)]
    both = np.concatenate([features(24, 0), features(10, 1)])
    by_hand, _ = predict_held_out(both, names, table, "svm", job.options, inner_folds=2, seed=3)
    assert found["score_y"].to_numpy() == pytest.approx(by_hand["score_y"].to_numpy(), abs=1e-9)
    assert read_json(tmp_path / "arm.svm.on.b.json")["status"] == "ok"


def test_a_gate_that_failed_leaves_no_predictions_and_its_reason(job, tmp_path):
    write_json(job.gate, {"passed": False, "status": "failed: an image is in both"})
    classify_external(job)
    assert not len(PREDICTIONS.read(job.predictions))
    facts = read_json(tmp_path / "arm.svm.on.b.json")
    assert (facts["status"], facts["left_out"]) == ("failed: an image is in both", True)


def test_features_of_another_length_are_an_outcome(job, tmp_path):
    write_features(job.other.features, np.zeros((10, 5)), np.array([f"p{place:02d}" for place in range(10)]))
    classify_external(job)
    facts = read_json(tmp_path / "arm.svm.on.b.json")
    assert "subjects of a have 3 features, and those of b 5" in facts["status"]
    assert "left_out" not in facts


def test_rows_say_where_they_were_tested(job, tmp_path):
    classify_external(job)
    key = ("a", "b", "arm", "svm")
    paths = {key: job.predictions}, {key: tmp_path / "arm.svm.on.b.json"}
    tables = {("a",): job.own.splits, ("b",): job.other.splits}
    nothing = pd.DataFrame(columns=SUMMARY.column_names)
    found = with_external(nothing, *paths, tables, {"a": None}, {"a": "subject"}, 100, 0)
    assert set(zip(found["cohort"], found["tested_on"], found["n_subjects"], strict=True)) == {("a", "b", 9)}
    right = PREDICTIONS.read(job.predictions)
    accuracy = found.set_index("metric").loc["accuracy", "estimate"]
    assert accuracy == pytest.approx((right["label"] == right["predicted"]).mean())
    write_json(tmp_path / "arm.svm.on.b.json", {"status": "failed: why"})
    failed = with_external(nothing, *paths, tables, {"a": None}, {"a": "subject"}, 100, 0)
    assert failed["estimate"].isna().all()
    assert set(failed["status"]) == {"failed: why"}
