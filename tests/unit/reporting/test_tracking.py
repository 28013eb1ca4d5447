from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from sixgig.reporting.tracking import track_study, track_study_safely
from sixgig.results.study import Method, Study
from sixgig.words.numbers import is_missing
from tests.unit.reporting.fake_study import FAILURE, write_fake_study

KEY = "brats_phantom/vit_pure/svm"
FAILED = "brats_phantom/vit_sparse/src"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("results") / "fake", cohorts=("brats_phantom",))
    (folder / "report.html").write_text("<!DOCTYPE html><title>report</title>")
    (folder / "figures" / "brats_phantom").mkdir(parents=True)
    (folder / "figures" / "brats_phantom" / "roc.svg").write_text("<svg/>")
    return folder


def files_of(folder: Path) -> list[Path]:
    names = ("report.html", "summary.csv", "figures/brats_phantom/roc.svg")
    return [folder / name for name in names]


@pytest.fixture(scope="module")
def tracked(folder: Path) -> dict[str, str]:
    """The ids of a study recorded once; the store lies in its folder."""
    return track_study(Study(folder), folder / "mlflow.db", folder / "mlartifacts", files_of(folder))


@pytest.fixture(scope="module")
def client(folder: Path, tracked: dict[str, str]):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")


def test_one_run_per_method_below_one_parent(folder, tracked, client):
    methods = Study(folder).methods("brats_phantom")
    assert set(tracked) == {"study"} | {f"brats_phantom/{m.arm}/{m.classifier}" for m in methods}
    for key, run_id in tracked.items():
        tags = client.get_run(run_id).data.tags
        assert (tags["sixgig.study"], tags["sixgig.key"]) == ("fake", key)
        assert tags.get("mlflow.parentRunId") == (None if key == "study" else tracked["study"])


def test_params_metrics_and_status(folder, tracked, client):
    run = client.get_run(tracked[KEY])
    row = Study(folder).estimates("brats_phantom")[Method("vit_pure", "svm")]
    assert run.info.status == "FINISHED"
    assert run.data.params["backbone"] == "vit_small_patch14_dinov2"
    assert run.data.params["weights_sha256"].startswith("90a0b02e")
    assert (run.data.params["seed"], run.data.params["folds"]) == ("2026", "5")
    assert run.data.metrics["balanced_accuracy"] == row["estimate"]
    assert run.data.metrics["balanced_accuracy.ci_low"] == row["ci_low"]
    assert run.data.metrics["cost.encode.seconds"] > 0
    assert run.data.metrics["cost.classify.seconds"] == 3.0


def test_a_failed_arm_is_a_failed_run(tracked, client):
    run = client.get_run(tracked[FAILED])
    assert run.info.status == "FAILED"
    assert run.data.tags["sixgig.status"] == FAILURE
    assert "balanced_accuracy" not in run.data.metrics


def test_figures_and_report_are_artifacts_inside_the_study(folder, tracked, client):
    assert client.get_run(tracked["study"]).info.artifact_uri.startswith((folder / "mlartifacts").as_uri())
    names = {item.path for item in client.list_artifacts(tracked["study"])}
    assert {"figures", "report.html", "summary.csv"} <= names
    assert list((folder / "mlartifacts").rglob("figures/brats_phantom/roc.svg"))


def test_recording_again_reuses_the_runs(folder, tracked, client):
    study = Study(folder)
    study.config["evaluation"]["folds"] = 7  # MLflow would refuse to change the parameter
    row = (study.summary["arm"] == "vit_pure") & (study.summary["classifier"] == "svm")
    study.summary.loc[row & (study.summary["metric"] == "accuracy"), "estimate"] = 0.125
    time.sleep(0.002)
    assert track_study(study, folder / "mlflow.db", folder / "mlartifacts", []) == tracked
    data = client.get_run(tracked[KEY]).data
    assert data.metrics["accuracy"] == 0.125
    assert (data.params["folds"], data.tags["sixgig.param.folds"]) == ("5", "7")
    # What did not change was not logged a second time.
    assert len(client.get_metric_history(tracked[KEY], "balanced_accuracy")) == 1
    assert track_study(Study(folder), folder / "mlflow.db", folder / "mlartifacts", files_of(folder)) == tracked
    assert client.get_run(tracked[KEY]).data.tags["sixgig.param.folds"] == "5"


def test_a_study_that_was_moved_keeps_its_artifacts_beside_it(folder, tracked, tmp_path):
    from mlflow.tracking import MlflowClient

    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    ids = track_study(Study(moved), moved / "mlflow.db", moved / "mlartifacts", files_of(moved))
    client = MlflowClient(tracking_uri=f"sqlite:///{moved / 'mlflow.db'}")
    assert client.get_run(ids["study"]).info.artifact_uri.startswith((moved / "mlartifacts").as_uri())
    assert client.get_run(tracked["study"]).info.run_id != ids["study"]


def test_nothing_stays_of_what_was_replaced(folder, tmp_path):
    """A status may name a subject; once it is another one, no byte of the store or of the artifacts holds the old."""
    shutil.copytree(folder, tmp_path / "study", ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    place = tmp_path / "study"
    (place / "figures" / "old.svg").write_text("<svg>subject fulana</svg>")
    study = Study(place)
    rows = (study.summary["arm"] == "vit_pure") & (study.summary["classifier"] == "svm")
    study.summary.loc[rows, "status"] = "failed: manifest of subject fulana: has no images of frame ED " * 20
    track_study(study, place / "mlflow.db", place / "mlartifacts", [*files_of(place), place / "figures" / "old.svg"])
    assert sorted(path.name for path in holding(place, b"fulana")) == ["mlflow.db", "old.svg", "old.svg"]
    (place / "figures" / "old.svg").unlink()
    track_study(Study(place), place / "mlflow.db", place / "mlartifacts", files_of(place))
    assert holding(place, b"fulana") == []


def holding(folder, word):
    return sorted(path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes())


def test_trouble_is_told_and_fails_nothing(folder, tmp_path, caplog):
    store = tmp_path / "mlflow.db"
    store.write_bytes(b"this is not a database" * 100)
    found = track_study_safely(Study(folder), store, tmp_path / "artifacts", [])
    assert list(found) == ["warning"]
    assert "was not recorded in MLflow" in found["warning"]
    assert "file is not a database" in found["warning"]
    assert "was not recorded in MLflow" in caplog.text


def test_no_missing_value_reaches_mlflow(tracked, client):
    assert not any(is_missing(value) for value in client.get_run(tracked[KEY]).data.metrics.values())
