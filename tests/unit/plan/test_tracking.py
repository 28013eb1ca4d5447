from pathlib import Path

import pytest

from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.plan.tracking import StudyTracking
from sixgig.tracking.record import Record, read_record
from sixgig.tracking.store import known_runs, open_experiment, open_run, open_store
from sixgig.tracking.target import Target


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "results" / "night"


def tracking(folder, uri="", mlflow=True):
    return StudyTracking(folder, {"mlflow": mlflow, "uri": uri})


def record_study(folder, attempt=0, trouble=""):
    """Write a store with the study's run in it, and mlflow.json; return the run's id."""
    client = open_store(Target(folder))
    experiment = open_experiment(client, Target(folder))
    run = open_run(client, experiment, known_runs(client, experiment), "study", "study", {})
    runs = {} if trouble else {"study": run.info.run_id}
    Record(runs, attempt, trouble).write(folder / "mlflow.json")
    return run.info.run_id


def test_a_study_that_is_recorded_stays_as_it_is(folder):
    assert tracking(folder).attempt == 0  # nothing there yet
    record_study(folder)
    assert tracking(folder).attempt == 0
    Record(read_record(folder / "mlflow.json").runs, 2).write(folder / "mlflow.json")
    assert tracking(folder).attempt == 2  # what it was when it was recorded


def test_trouble_is_tried_again_until_it_is_over(folder):
    record_study(folder, attempt=0, trouble="the server was away")
    assert tracking(folder).attempt == 1
    record_study(folder, attempt=1, trouble="the server was away")
    assert tracking(folder).attempt == 2
    record_study(folder, attempt=2)
    assert tracking(folder).attempt == 2


def test_a_store_that_was_deleted_or_replaced_is_made_again(folder):
    record_study(folder)
    (folder / "mlflow.db").unlink()
    assert tracking(folder).attempt == 1
    open_store(Target(folder))  # another one, without the study
    assert tracking(folder).attempt == 1
    (folder / "mlflow.db").write_text("no database")
    assert tracking(folder).attempt == 1


def test_records_of_earlier_releases(folder):
    run_id = record_study(folder)
    (folder / "mlflow.json").write_text(f'{{"study": "{run_id}"}}')
    assert tracking(folder).attempt == 0
    (folder / "mlflow.json").write_text('{"warning": "the study was not recorded in MLflow: OSError"}')
    assert tracking(folder).attempt == 1
    (folder / "mlflow.json").write_text("cut of")
    assert tracking(folder).attempt == 1


def test_a_server_is_not_asked_while_planning(folder, monkeypatch):
    Record({"study": "1"}).write(folder / "mlflow.json")
    assert tracking(folder, "http://192.0.2.1:5000").attempt == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://maria:secret@192.0.2.1:5000")
    assert (tracking(folder).asked, tracking(folder).name) == ("on", "http://***@192.0.2.1:5000")
    assert tracking(folder).attempt == 0


def test_names_of_targets(folder):
    assert (tracking(folder).asked, tracking(folder).name) == ("on", "mlflow.db")
    off = tracking(folder, "https://there", mlflow=False)
    assert (off.asked, off.name, off.attempt) == ("off", "", 0)


@pytest.mark.parametrize("uri", ["https://maria:secret@there", "there:5000", "file:///tmp/x", "http://a b"])
def test_addresses_that_are_refused(uri):
    import yaml

    from sixgig.runtime.places import WORKFLOW

    config = yaml.safe_load((Path(WORKFLOW) / "config/config.yaml").read_text())
    with pytest.raises(ConfigError, match=r"tracking\.uri"):
        complete({**config, "tracking": {"uri": uri}})
