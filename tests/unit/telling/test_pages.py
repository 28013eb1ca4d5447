import sys

import pytest
import yaml

from sixgig.errors import SixgigError
from sixgig.runtime.places import WORKFLOW
from sixgig.telling.pages import command
from sixgig.tracking import live as live_module
from sixgig.tracking.live import LiveRun
from sixgig.tracking.target import Target


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The machine of the tests may be busy: the end of a training waits as long as it takes."""
    monkeypatch.setattr(live_module, "_END_SECONDS", 600)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def write(**tracking):
        config = yaml.safe_load((WORKFLOW / "config/config.yaml").read_text())
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({**config, "study": "night", "tracking": tracking}))
        return tmp_path / "study.yaml"

    return write


def test_before_anything_was_tracked_the_next_step_is_said(study):
    with pytest.raises(SixgigError, match="mlflow.db: is not there yet: nothing has been tracked\n  Next step: run"):
        command(study(), 5000)


def test_a_study_on_a_server_is_looked_at_there(study, monkeypatch):
    with pytest.raises(SixgigError, match="is tracked at https://mlflow.example.org"):
        command(study(uri="https://mlflow.example.org"), 5000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://maria:secret@there:5000")
    with pytest.raises(SixgigError, match=r"is tracked at http://\*\*\*@there:5000\n"):
        command(study(), 5000)


def test_a_study_that_is_not_tracked(study):
    with pytest.raises(SixgigError, match="tracking.mlflow is false"):
        command(study(mlflow=False), 5000)


def test_the_store_is_served_with_its_artifacts(study, tmp_path):
    file = study()
    live = LiveRun(Target(tmp_path / "results/night"), "pretrain/acdc/vit_mim", seconds=0.1)
    live.log(1, {"loss": 1.0})
    live.end({}, failed=False)
    found = command(file, 5123)
    assert found[:8] == [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "5123"]
    assert found[8:] == [
        "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path}/results/night/mlflow.db",
        "--artifacts-destination", f"{tmp_path}/results/night/mlartifacts",
    ]  # fmt: skip
