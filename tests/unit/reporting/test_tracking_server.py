"""Tracking with a real server that is killed, hangs and comes back."""

from __future__ import annotations

import time

import pytest

from sixgig.reporting import tracking
from sixgig.reporting.tracking import track_study, track_study_safely
from sixgig.reporting.verdict import verdict_rows
from sixgig.results.study import Study
from sixgig.tables.verdicts import VERDICTS
from sixgig.tracking import live as live_module
from sixgig.tracking.live import LiveRun
from sixgig.tracking.store import known_runs, open_experiment, open_store
from sixgig.tracking.target import Target
from tests.unit.reporting.fake_study import write_fake_study
from tests.unit.reporting.test_tracking import write_training
from tests.unit.tracking.mlflow_server import Server

LOSSES = [5.0, 4.0, 3.0, 2.0]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(live_module, "_MOST_SECONDS", 0.5)
    monkeypatch.setattr(live_module, "_END_SECONDS", 600)


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "it has not come"
        time.sleep(0.1)


def losses(target, key):
    client = open_store(target)
    run = known_runs(client, open_experiment(client, target))[key]
    points = client.get_metric_history(run.info.run_id, "loss")
    return sorted((point.step, point.value) for point in points), run.info.status


def test_nothing_is_lost_of_a_training_whose_server_was_killed(server, tmp_path):
    target, key = Target(tmp_path / "night", server.uri), "pretrain/acdc/vit_mim"
    live = LiveRun(target, key, seconds=0.1)
    live.log(1, {"loss": LOSSES[0]})
    wait_for(lambda: not live._waiting)
    assert losses(target, key) == ([(1, 5.0)], "RUNNING")
    server.kill()
    for step in (2, 3):
        live.log(step, {"loss": LOSSES[step - 1]})
    wait_for(lambda: live._told)  # it has been tried, and has failed
    assert len(live._waiting) == 2
    server.start()
    wait_for(lambda: not live._waiting)
    live.log(4, {"loss": LOSSES[3]})
    live.end({"framework": "torch"}, failed=False)
    assert losses(target, key) == (list(enumerate(LOSSES, start=1)), "FINISHED")


def test_a_server_that_hangs_holds_up_neither_steps_nor_the_end(server, tmp_path, monkeypatch):
    target = Target(tmp_path / "hung", server.uri)
    live = LiveRun(target, "pretrain/acdc/vit_mim", seconds=0.1)
    live.log(1, {"loss": 1.0})
    wait_for(lambda: not live._waiting)
    monkeypatch.setattr(live_module, "_END_SECONDS", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    server.hold(True)
    try:
        live.log(2, {"loss": 0.5})
        live.end({}, failed=False)  # it comes back, though the server never answers
    finally:
        server.hold(False)


def test_a_server_that_dies_while_the_study_is_recorded(server, tmp_path, monkeypatch):
    folder = write_fake_study(tmp_path / "fake", cohorts=("brats_phantom",))
    VERDICTS.write(verdict_rows(Study(folder)), folder / "verdicts.csv")
    (folder / "report.html").write_text("<!DOCTYPE html><title>report</title>")
    (folder / "figures").mkdir()
    (folder / "figures" / "roc.svg").write_text("<svg/>")
    curve = write_training(folder, "acdc", "vit_mim", LOSSES)
    target, files = Target(folder, server.uri), [folder / "report.html", folder / "figures" / "roc.svg"]
    method_params, asked = tracking._method_params, []

    def kill_at_the_third(*arguments):
        asked.append(arguments)
        if len(asked) == 3:
            server.kill()
        return method_params(*arguments)

    monkeypatch.setattr(tracking, "_method_params", kill_at_the_third)
    found = track_study_safely(Study(folder), target, files, [curve], attempt=0)
    assert found.trouble.startswith(f"the study was not recorded in {server.uri}, or not all of it: ")
    server.start()
    again = track_study_safely(Study(folder), target, files, [curve], attempt=1)
    assert (again.trouble, again.attempt) == ("", 1)
    client = open_store(target)
    experiment = open_experiment(client, target)
    assert known_runs(client, experiment).keys() == again.runs.keys()
    assert len(client.search_runs([experiment])) == len(again.runs)  # none of them twice
    assert losses(target, "pretrain/acdc/vit_mim") == (list(enumerate(LOSSES, start=1)), "FINISHED")
    failed = client.get_run(again.runs["brats_phantom/vit_sparse/src"])
    assert failed.info.status == "FAILED"
    names = {entry.path for entry in client.list_artifacts(again.runs["study"])}
    assert names == {"report.html", "figures"}
    # A file that has left the study leaves the server too.
    track_study(Study(folder), target, files[:1], [curve])
    assert client.list_artifacts(again.runs["study"], "figures") == []
    assert not (folder / "mlflow.db").exists()
