import pytest

from sixgig.tracking import live as live_module
from sixgig.tracking.live import LiveRun
from sixgig.tracking.store import open_store
from sixgig.tracking.target import Target


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The machine of the tests may be busy: the end of a training waits as long as it takes."""
    monkeypatch.setattr(live_module, "_END_SECONDS", 600)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return Target(tmp_path_factory.mktemp("live") / "tiny")


def history(target, run_id):
    return sorted((point.step, point.value) for point in open_store(target).get_metric_history(run_id, "loss"))


def follow(target, key, losses, first=1, tags=None, failed=False):
    live = LiveRun(target, key, seconds=0.01)
    for step, loss in enumerate(losses, start=first):
        live.log(step, {"loss": loss, "learning_rate": 1e-5})
    live.end(tags or {}, failed=failed)
    return live._run_id


def test_losses_reach_the_store_and_a_resumed_training_goes_on_in_the_same_run(target):
    key = "pretrain/acdc/vit_contrastive"
    run_id = follow(target, key, [3.0, 2.5, 2.25])
    assert history(target, run_id) == [(1, 3.0), (2, 2.5), (3, 2.25)]
    # It was killed after step 3 and goes on from a checkpoint of step 1.
    assert follow(target, key, [2.5, 2.25, 2.0], first=2, tags={"framework": "TensorFlow 1.15.5"}) == run_id
    assert history(target, run_id) == [(1, 3.0), (2, 2.5), (3, 2.25), (4, 2.0)]
    run = open_store(target).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["framework"] == "TensorFlow 1.15.5"


def test_a_training_from_the_beginning_replaces_the_run_of_an_earlier_one(target):
    first = follow(target, "pretrain/acdc/vit_mim", [9.0, 8.0])
    second = follow(target, "pretrain/acdc/vit_mim", [7.0])
    assert second != first
    assert history(target, second) == [(1, 7.0)]
    assert open_store(target).get_run(first).info.lifecycle_stage == "deleted"


def test_a_failed_training_is_a_failed_run(target):
    run_id = follow(target, "pretrain/brats/vit_contrastive", [], failed=True)
    assert open_store(target).get_run(run_id).info.status == "FAILED"


def test_trouble_with_the_store_does_not_stop_the_training(tmp_path, caplog):
    broken = Target(tmp_path / "tiny")
    broken.study.mkdir()
    broken.store.write_text("this is no database " * 100)
    follow(broken, "pretrain/acdc/vit_contrastive", [1.0])
    assert "not followed in MLflow" in caplog.text


def test_without_a_target_nothing_is_tracked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    follow(None, "key", [1.0], tags={"a": 1})
    assert not list(tmp_path.iterdir())
