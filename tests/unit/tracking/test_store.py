import subprocess
import sys

from sixgig.tracking import store as module
from sixgig.tracking.store import holds_run, known_runs, open_experiment, open_run, open_store
from sixgig.tracking.target import Target


def test_a_store_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    """A process that is killed while it makes the store leaves none, and the next one makes it."""
    target = Target(tmp_path / "night")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom sixgig.tracking import store\n"
        "store.os.link = lambda *_: os.kill(os.getpid(), 9)\n"
        "store.open_store(store.Target(Path(sys.argv[1])))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(target.study)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert not target.store.exists()
    assert [entry.name for entry in open_store(target).search_experiments()] == ["Default"]


def test_a_store_that_another_job_made_meanwhile_stays(tmp_path, monkeypatch):
    target = Target(tmp_path / "night")
    client = open_store(target)
    run = open_run(client, open_experiment(client, target), {}, "study", "study", {})
    module._make_store(target.store)
    assert holds_run(target.store, run.info.run_id)
    assert known_runs(client, open_experiment(client, target)).keys() == {"study"}
    assert sorted(path.name for path in target.study.iterdir()) == ["mlflow.db"]
