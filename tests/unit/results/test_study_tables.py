"""From features to metrics, summary and costs, through the files between the stages."""

import json

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import ConfigError
from sixgig.evaluation.classification import classify, predict_majority
from sixgig.evaluation.job import Vectors
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.evaluation.splits import make_splits
from sixgig.runtime.atomic import write_json
from sixgig.statistics.costs import collect_costs
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.costs import COSTS
from sixgig.tables.features import write_features
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from tests.unit.evaluation.jobs import job_of

COST = {"stage": "prepare", "seconds": 1.0, "peak_rss_mb": 9.0, "peak_vram_mb": 0.0, "images_per_second": None}
SIDECAR = {
    "status": "ok", "seconds": 2.0, "images_per_second": 4.0, "peak_vram_mb": 0.0, "peak_rss_mb": 8.0, "device": "cpu",
    "batch_size_used": 4,
}  # fmt: skip
METHODS = [("good", "svm"), ("broken", "svm"), ("control_majority_class", "majority_class")]


@pytest.fixture
def root(tmp_path):
    """A study of one cohort with an arm that works and one that failed."""
    rng = np.random.default_rng(0)
    ids = [f"s{number:02d}" for number in range(40)]
    labels = ["a" if number % 5 < 2 else "b" for number in range(40)]
    manifest = pd.DataFrame({"subject_id": ids, "label": labels})
    splits = make_splits(manifest, folds=2, repeats=2, pretraining_fraction=0.25, scope="inductive", seed=0)
    SPLITS.write(splits, tmp_path / "cohorts/c/splits.csv")
    write_json(tmp_path / "cohorts/c/cohort.json", {"cost": COST | {"batch_size": None, "device": "cpu"}})
    features = rng.normal(size=(40, 6)) + 3 * (np.array(labels) == "a")[:, None]
    write_features(tmp_path / "features/c/good.npz", features, np.array(ids))
    write_features(tmp_path / "features/c/broken.npz", np.zeros((0, 0)), np.array([], dtype=str))
    write_json(tmp_path / "features/c/good.json", SIDECAR)
    write_json(
        tmp_path / "features/c/broken.json", SIDECAR | {"status": "failed: no weights", "images_per_second": None}
    )
    for arm in ("good", "broken"):
        output = tmp_path / f"predictions/c/{arm}.svm.csv"
        job = job_of(tmp_path / "cohorts/c/splits.csv", "svm", {"kernels": ["linear"], "C": [1.0]}, output, seed=0)
        classify(job, Vectors(tmp_path / f"features/c/{arm}.npz"))
    majority = tmp_path / "predictions/c/control_majority_class.majority_class.csv"
    predict_majority(tmp_path / "cohorts/c/splits.csv", 0, majority)
    return tmp_path


def predictions(root, methods, suffix):
    return {("c", *method): root / f"predictions/c/{'.'.join(method)}.{suffix}" for method in methods}


def sidecars(root):
    return {("c", arm): root / f"features/c/{arm}.json" for arm in ("good", "broken")}


def scores_of(root, positives, methods, *arguments):
    found, held_out = (predictions(root, methods, suffix) for suffix in ("csv", "test.csv"))
    files = ScoredFiles(found, held_out, {("c",): root / "cohorts/c/splits.csv"}, sidecars(root))
    return score_study(files, positives, *arguments)


def test_predictions_cover_evaluation_subjects_once_a_repeat(root):
    splits = SPLITS.read(root / "cohorts/c/splits.csv")
    predictions = PREDICTIONS.read(root / "predictions/c/good.svm.csv")
    expected = splits[splits["role"] == "evaluation"]
    assert len(predictions) == len(expected) == 60
    assert set(predictions["subject_id"]) == set(expected["subject_id"])
    facts = json.loads((root / "predictions/c/good.svm.json").read_text())
    assert len(facts["chosen"]) == 4
    assert facts["cost"]["stage"] == "classify:svm"


def test_failed_arm_has_no_predictions_and_keeps_its_reason(root):
    assert len(PREDICTIONS.read(root / "predictions/c/broken.svm.csv")) == 0
    metrics, summary, test = scores_of(root, {"c": None}, METHODS, 100, 0, 1)
    METRICS.check(metrics, "metrics")
    SUMMARY.check(summary, "summary")
    assert not len(test)  # no official test set is held out
    assert "broken" not in set(metrics["arm"])
    rows = summary[summary["arm"] == "broken"]
    assert set(rows["status"]) == {"failed: no weights"}
    assert rows["estimate"].isna().all()


def test_scores_tell_a_good_arm_from_the_majority_class(root):
    _, summary, _ = scores_of(root, {"c": None}, METHODS, 100, 0, 2)
    estimates = summary[summary["metric"] == "balanced_accuracy"].set_index("arm")["estimate"]
    assert estimates["good"] > 0.9
    assert estimates["control_majority_class"] == 0.5


def test_positive_class_decides_which_recall_is_sensitivity(root):
    def recalls(positive):
        _, summary, _ = scores_of(root, {"c": positive}, METHODS[:1], 100, 0, 1)
        return summary.set_index("metric")["estimate"][["sensitivity", "specificity"]].tolist()

    assert recalls("a") == recalls("b")[::-1]
    assert recalls(None) == recalls("b")
    with pytest.raises(ConfigError, match="there is no class 'c'"):
        recalls("c")


def test_threads_do_not_change_the_scores(root):
    for one, two in zip(*(scores_of(root, {"c": None}, METHODS, 100, 0, threads) for threads in (1, 2)), strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_costs_have_a_row_for_every_stage(root):
    found = collect_costs(
        {("c",): root / "cohorts/c/cohort.json"}, {}, sidecars(root), predictions(root, METHODS, "json")
    )
    costs = COSTS.check(found, "costs")
    assert costs["stage"].tolist() == [
        "prepare",
        "encode",
        "encode",
        "classify:svm",
        "classify:svm",
        "classify:majority_class",
    ]
    assert costs["arm"].isna().tolist() == [True] + [False] * 5
    assert costs["batch_size"][1] == 4


def test_a_failed_arm_stays_visible_on_the_held_out_test_set(root):
    splits = SPLITS.read(root / "cohorts/c/splits.csv")
    evaluated = splits[splits["role"] == "evaluation"].drop_duplicates("subject_id")
    test = set(evaluated.groupby("label").head(4)["subject_id"])
    held = evaluated[evaluated["subject_id"].isin(test)].assign(role="test", repeat=pd.NA, fold=pd.NA)
    SPLITS.write(pd.concat([splits[~splits["subject_id"].isin(test)], held]), root / "cohorts/c/splits.csv")
    for arm in ("good", "broken"):
        output = root / f"predictions/c/{arm}.svm.csv"
        job = job_of(root / "cohorts/c/splits.csv", "svm", {"kernels": ["linear"], "C": [1.0]}, output, seed=0)
        classify(job, Vectors(root / f"features/c/{arm}.npz"))
    predict_majority(root / "cohorts/c/splits.csv", 0, root / "predictions/c/control_majority_class.majority_class.csv")
    _, summary, held_out = scores_of(root, {"c": None}, METHODS, 100, 0, 1)
    assert set(held_out["n_subjects"]) == {8}
    rows = held_out[held_out["metric"] == "balanced_accuracy"].set_index("arm")
    assert rows.loc["good", "estimate"] > 0.8
    assert rows.loc["control_majority_class", "estimate"] == 0.5
    assert rows.loc["broken", "status"] == "failed: no weights"
    assert pd.isna(rows.loc["broken", "estimate"])
    assert set(summary["n_subjects"]) == {22}
