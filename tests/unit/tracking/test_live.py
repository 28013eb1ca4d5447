import pytest

from sixgig.tracking.live import LiveRun
from sixgig.tracking.store import open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("live") / "mlflow.db"


def history(store, run_id):
    return [(point.step, point.value) for point in open_store(store).get_metric_history(run_id, "loss")]


def test_losses_reach_the_store_and_a_resumed_training_goes_on_in_the_same_run(store):
    live = LiveRun(store, "tiny", "pretrain/acdc/vit_contrastive", seconds=0)
    live.log(1, {"loss": 3.0, "learning_rate": 1e-5})
    assert history(store, live._run_id) == [(1, 3.0)]  # written at once: somebody may be watching
    again = LiveRun(store, "tiny", "pretrain/acdc/vit_contrastive", seconds=1000)
    assert again._run_id == live._run_id
    again.log(2, {"loss": 2.5})
    assert len(history(store, live._run_id)) == 1
    again.end({"framework": "TensorFlow 1.15.5"}, failed=False)
    assert sorted(history(store, live._run_id)) == [(1, 3.0), (2, 2.5)]
    run = open_store(store).get_run(live._run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["framework"] == "TensorFlow 1.15.5"


def test_a_failed_training_is_a_failed_run(store):
    live = LiveRun(store, "tiny", "pretrain/brats/vit_contrastive")
    live.end({}, failed=True)
    assert open_store(store).get_run(live._run_id).info.status == "FAILED"


def test_trouble_with_the_store_does_not_stop_the_training(tmp_path, caplog):
    broken = tmp_path / "mlflow.db"
    broken.write_text("this is no database " * 100)
    live = LiveRun(broken, "tiny", "pretrain/acdc/vit_contrastive", seconds=0)
    live.log(1, {"loss": 1.0})
    live.end({}, failed=False)
    assert "not followed in MLflow" in caplog.text


def test_without_a_store_nothing_is_tracked(tmp_path):
    live = LiveRun(None, "tiny", "key", seconds=0)
    live.log(1, {"loss": 1.0})
    live.end({"a": 1}, failed=False)
    assert not list(tmp_path.iterdir())
