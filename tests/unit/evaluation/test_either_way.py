"""One image a subject: the same bytes, whether the class is said to be the subject's or the image's."""

from pathlib import Path

import numpy as np
import pytest

from sixgig.arms.pooling import pool_samples
from sixgig.evaluation.classification import classify, predict_majority
from sixgig.evaluation.job import Vectors
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.evaluation.splits import make_splits
from sixgig.runtime.atomic import write_json
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.statistics.subjects import compare_subjects
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import write_features
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from tests.unit.evaluation.jobs import job_of
from tests.unit.evaluation.test_image_splits import manifest

OPTIONS = {"svm": {"kernels": ["linear"], "C": [0.1, 1.0]}, "src": {"coding": ["omp"], "n_nonzero": [2, 4]}}


def run(folder: Path, labels_of: str, metrics_of: str, n_classes: int) -> dict[str, bytes]:
    """Run everything from splits to tests on two arms; return the tables of the study and its splits."""
    folder.mkdir()
    names = [("a", "b", "c")[number % n_classes] for number in range(42)]
    table = manifest({f"s{number:02d}": [name] for number, name in enumerate(names)} | {"unknown": [None]})
    table.loc[table["subject_id"].isin(["s40", "s41"]), "official"] = "test"
    MANIFEST.write(table, folder / "manifest.csv")
    splits = make_splits(
        table,
        folds=3,
        repeats=2,
        pretraining_fraction=0.2,
        scope="inductive",
        seed=4,
        hold_out=True,
        labels_of=labels_of,
    )
    SPLITS.write(splits, folder / "splits.csv")
    known = {"splits": folder / "splits.csv", "manifest": folder / "manifest.csv" if labels_of == "image" else None}
    keys = [("c", arm, classifier) for arm in ("good", "poor") for classifier in OPTIONS]
    codes = np.array([*("abc".index(name) for name in names), 0])
    for arm, skill in (("good", 2.0), ("poor", 0.4)):
        rows = np.random.default_rng(1).normal(size=(43, 5)) + skill * np.eye(5)[codes]
        write_features(folder / f"{arm}.npz", *pool_samples(rows, table, "mean_std", labels_of))
        write_json(folder / f"{arm}.json", {"status": "ok"})
        for classifier, options in OPTIONS.items():
            output = folder / f"{arm}.{classifier}.csv"
            job = job_of(known["splits"], classifier, options, output, inner_folds=3, seed=5)
            classify(job, Vectors(folder / f"{arm}.npz", known["manifest"]))
    keys.append(("c", "control_majority_class", "majority_class"))
    predict_majority(seed=5, predictions=folder / "control_majority_class.majority_class.csv", **known)
    files = ScoredFiles(
        {key: folder / f"{key[1]}.{key[2]}.csv" for key in keys},
        {key: folder / f"{key[1]}.{key[2]}.test.csv" for key in keys},
        {("c",): folder / "splits.csv"},
        {("c", arm): folder / f"{arm}.json" for arm in ("good", "poor")},
    )
    counted = {"c": metrics_of}
    scores = score_study(files, {"c": None}, 200, 6, 1, counted)
    tests = compare_subjects(files.predictions, 0.05, {"c": None}, counted)
    written = {
        "metrics.csv": (METRICS, scores.metrics),
        "summary.csv": (SUMMARY, scores.summary),
        "test_summary.csv": (SUMMARY, scores.test),
        "mcnemar.csv": (MCNEMAR, tests.mcnemar),
        "delong.csv": (DELONG, tests.delong),
        "pairwise.csv": (PAIRWISE, compare_pairs(scores.metrics, "balanced_accuracy", 1 / 2, 0.05)),
        "bayesian.csv": (BAYESIAN, weigh_pairs(scores.metrics, "balanced_accuracy", 1 / 2, 0.01)),
    }
    for name, (format_, rows) in written.items():
        format_.write(rows, folder / name)
    for path in files.predictions.values():
        PREDICTIONS.write(PREDICTIONS.read(path).drop(columns="image_id", errors="ignore"), path.with_suffix(".bare"))
    names = [*written, "splits.csv", *(path.with_suffix(".bare").name for path in files.predictions.values())]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module", params=[2, 3])
def of_subjects(request, tmp_path_factory):
    """The number of classes, and what a study of subjects gives."""
    folder = tmp_path_factory.mktemp("either_way") / "subjects"
    return request.param, run(folder, "subject", "subject", request.param)


@pytest.mark.parametrize("metrics_of", ["image", "subject"])
def test_equal_bytes(tmp_path, of_subjects, metrics_of):
    n_classes, expected = of_subjects
    found = run(tmp_path / "images", "image", metrics_of, n_classes)
    assert len(expected) == 13
    for name, content in expected.items():
        assert content, name
        assert found[name] == content, name
