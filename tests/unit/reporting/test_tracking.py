from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from sixgig.reporting.tracking import track_study, track_study_safely
from sixgig.reporting.verdict import verdict_rows
from sixgig.results.study import Method, Study
from sixgig.runtime.atomic import write_json
from sixgig.tables.verdicts import VERDICTS
from sixgig.tracking import live as live_module
from sixgig.tracking.live import LiveRun
from sixgig.tracking.store import open_store
from sixgig.tracking.target import Target
from sixgig.words.numbers import is_missing
from tests.unit.reporting.fake_study import FAILURE, write_fake_study

KEY = "brats_phantom/vit_pure/svm"
FAILED = "brats_phantom/vit_sparse/src"


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The machine of the tests may be busy: the end of a training waits as long as it takes."""
    monkeypatch.setattr(live_module, "_END_SECONDS", 600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("results") / "fake", cohorts=("brats_phantom",))
    VERDICTS.write(verdict_rows(Study(folder)), folder / "verdicts.csv")
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
    return track_study(Study(folder), Target(folder), files_of(folder))


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


def test_the_verdict_is_a_tag_of_the_study(folder, tracked, client):
    tags = client.get_run(tracked["study"]).data.tags
    (row,) = Study(folder).verdicts.to_dict("records")
    assert tags["sixgig.verdict.brats_phantom.level"] == row["level"] != ""
    assert tags["sixgig.verdict.brats_phantom.headline"] == row["headline"]
    assert row["title"] == "BraTS phantom (simulated)"


def test_a_failed_arm_is_a_failed_run(tracked, client):
    run = client.get_run(tracked[FAILED])
    assert run.info.status == "FAILED"
    assert run.data.tags["sixgig.status"] == FAILURE
    assert "balanced_accuracy" not in run.data.metrics


def test_figures_and_report_are_artifacts_inside_the_study(folder, tracked, client):
    # The store names no path of this machine: `mlflow ui` is told the folder.
    assert client.get_run(tracked["study"]).info.artifact_uri == f"mlflow-artifacts:/{tracked['study']}/artifacts"
    own = folder / "mlartifacts" / tracked["study"] / "artifacts"
    kept = sorted(path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file())
    assert kept == ["figures/brats_phantom/roc.svg", "report.html", "summary.csv"]
    assert os.fsencode(folder) not in (folder / "mlflow.db").read_bytes()
    assert os.fsencode(Path.cwd()) not in (folder / "mlflow.db").read_bytes()


def test_recording_again_reuses_the_runs(folder, tracked, client):
    study = Study(folder)
    study.config["evaluation"]["folds"] = 7  # MLflow would refuse to change the parameter
    study.config["evaluation"].pop("repeats")  # and would keep it
    row = (study.summary["arm"] == "vit_pure") & (study.summary["classifier"] == "svm")
    study.summary.loc[row & (study.summary["metric"] == "accuracy"), "estimate"] = 0.125
    time.sleep(0.002)
    assert track_study(study, Target(folder), []) == tracked
    data = client.get_run(tracked[KEY]).data
    assert data.metrics["accuracy"] == 0.125
    assert (data.params["folds"], data.tags["sixgig.param.folds"]) == ("5", "7")
    assert data.tags["sixgig.params_changed"] == "folds: 5 -> 7; repeats: 3 -> not set"
    # What did not change was not logged a second time.
    assert len(client.get_metric_history(tracked[KEY], "balanced_accuracy")) == 1
    assert track_study(Study(folder), Target(folder), files_of(folder)) == tracked
    assert client.get_run(tracked[KEY]).data.tags["sixgig.param.folds"] == "5"


def test_a_study_that_was_moved_keeps_its_experiment_and_its_runs(folder, tracked, tmp_path):
    moved = tmp_path / "moved" / folder.name
    shutil.copytree(folder, moved)
    assert track_study(Study(moved), Target(moved), files_of(moved)) == tracked
    client = open_store(Target(moved))
    assert sorted(entry.name for entry in client.search_experiments()) == ["Default", folder.name]
    assert (moved / "mlartifacts" / tracked["study"] / "artifacts" / "report.html").is_file()


def test_a_store_of_an_earlier_release_forgets_its_paths(tmp_path):
    from mlflow.tracking import MlflowClient

    folder = write_fake_study(tmp_path / "old", cohorts=("brats_phantom",))
    (folder / "report.html").write_text("report")
    VERDICTS.write(verdict_rows(Study(folder)), folder / "verdicts.csv")
    old = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    before = old.create_experiment("fake (until it was moved from file:///home/maria/x)", "file:///home/maria/x")
    experiment = old.create_experiment("fake", artifact_location=(folder / "mlartifacts").as_uri())
    run = old.create_run(experiment, tags={"sixgig.key": "study"}).info
    folder = folder.rename(tmp_path / "fake")
    ids = track_study(Study(folder), Target(folder), [folder / "report.html"])
    assert ids["study"] == run.run_id
    client = open_store(Target(folder))
    assert client.get_run(run.run_id).info.artifact_uri == f"mlflow-artifacts:/{run.run_id}/artifacts"
    assert client.get_experiment(before).name == f"fake (until it was moved, {before})"
    assert b"file:" not in (folder / "mlflow.db").read_bytes()


def test_nothing_stays_of_what_was_replaced(folder, tmp_path):
    """A status may name a subject; once it is another one, no byte of the store or of the artifacts holds the old."""
    shutil.copytree(folder, tmp_path / "study", ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    place = tmp_path / "study"
    (place / "figures" / "old.svg").write_text("<svg>subject fulana</svg>")
    study = Study(place)
    rows = (study.summary["arm"] == "vit_pure") & (study.summary["classifier"] == "svm")
    study.summary.loc[rows, "status"] = "failed: manifest of subject fulana: has no images of frame ED " * 20
    track_study(study, Target(place), [*files_of(place), place / "figures" / "old.svg"])
    assert sorted(path.name for path in holding(place, b"fulana")) == ["mlflow.db", "old.svg", "old.svg"]
    (place / "figures" / "old.svg").unlink()
    track_study(Study(place), Target(place), files_of(place))
    assert holding(place, b"fulana") == []


def holding(folder, word):
    return sorted(path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes())


def test_trouble_is_told_and_fails_nothing(folder, tmp_path, caplog):
    place = tmp_path / "study"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    (place / "mlflow.db").write_bytes(b"this is not a database" * 100)
    found = track_study_safely(Study(place), Target(place), [], [], attempt=3)
    assert (found.runs, found.attempt) == ({}, 3)
    assert found.trouble.startswith("the study was not recorded in mlflow.db, or not all of it: ")
    assert "file is not a database" in found.trouble
    assert "was not recorded in mlflow.db" in caplog.text


def write_training(folder: Path, cohort: str, arm: str, losses: list[float], status: str = "ok") -> Path:
    curve = folder / "pretraining" / cohort / f"{arm}.csv"
    curve.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{step},global,{loss},0.5\n" for step, loss in enumerate(losses, start=1))
    curve.write_text(f"step,stage,loss,learning_rate\n{rows}")
    write_json(curve.with_suffix(".json"), {"pretraining": {"status": status}})
    return curve


def test_trainings_are_completed(folder, tmp_path):
    """What could not be written while a training ran, or was deleted since, is in MLflow at the end."""
    place = tmp_path / "fake"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    live = LiveRun(Target(place), "pretrain/acdc/vit_mim", seconds=0)
    live.log(1, {"loss": 4.0, "learning_rate": 0.5})
    live.end({"framework": "torch"}, failed=False)
    curves = [
        write_training(place, "acdc", "vit_mim", [4.0, 3.0, 2.0]),
        write_training(place, "brats", "vit_mim", [], status="failed: the loss is not finite"),
    ]
    for _ in range(2):  # recording again adds nothing
        ids = track_study(Study(place), Target(place), [], curves)
        client = open_store(Target(place))
        points = client.get_metric_history(ids["pretrain/acdc/vit_mim"], "loss")
        assert sorted((point.step, point.value) for point in points) == [(1, 4.0), (2, 3.0), (3, 2.0)]
        assert len(client.get_metric_history(ids["pretrain/acdc/vit_mim"], "learning_rate")) == 3
    run = client.get_run(ids["pretrain/acdc/vit_mim"])
    assert (run.info.status, run.data.tags["framework"]) == ("FINISHED", "torch")
    run = client.get_run(ids["pretrain/brats/vit_mim"])
    assert (run.info.status, run.data.tags["sixgig.status"]) == ("FAILED", "failed: the loss is not finite")


def test_no_missing_value_reaches_mlflow(tracked, client):
    assert not any(is_missing(value) for value in client.get_run(tracked[KEY]).data.metrics.values())
