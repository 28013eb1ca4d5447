"""What a run says, records in MLflow and calls at its end, in a copy of the finished study."""

import json
import re
import shutil

import pytest
import yaml
from conftest import ENVIRONMENT, snakemake

#: Rules that come after the tracking, or are no work.
AFTER = {"hash_outputs", "report", "all"}
DEAD = "http://maria:geheim-99@127.0.0.1:9"


@pytest.fixture
def folder(tmp_path, finished):
    """A copy of the finished study with a hook, which is no reason to run anything."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    config = yaml.safe_load((folder / "study.yaml").read_text())
    config["hooks"] = {"finished": ["sh", "-c", "cat > ended.json"]}
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def planned(folder, **variables):
    shown = snakemake(folder, "-n", "--cores", "2", variables=ENVIRONMENT | variables).stdout
    return set(re.findall(r"^(?:local)?rule (\w+):", shown, re.MULTILINE)) - AFTER


def test_a_store_that_was_deleted_is_made_again_and_the_end_is_told(folder):
    root = folder / "results/tiny"
    assert planned(folder) == set()
    before = json.loads((root / "mlflow.json").read_text())
    (root / "mlflow.db").unlink()
    assert planned(folder) == {"track_study"}
    assert not (folder / "ended.json").exists()  # `-n` calls nobody
    told = snakemake(folder, "--cores", "2").stderr
    assert re.search(r"^\[\d\d:\d\d\] .* jobs? to run on 2 cores", told, re.MULTILINE)
    assert re.search(r"^\[\d\d:\d\d\] the study is finished, after ", told, re.MULTILINE)
    assert "[sixgig] report: results/tiny/report.html" in told
    assert "Select jobs to execute" not in told
    assert "rule track_study" not in told
    ended = json.loads((folder / "ended.json").read_text())
    assert (ended["study"], ended["outcome"], ended["failed_jobs"]) == ("tiny", "finished", {})
    after = json.loads((root / "mlflow.json").read_text())
    assert (after["complete"], after["attempt"]) == (True, 1)
    assert after["runs"].keys() == before["runs"].keys()
    assert planned(folder) == set()


def test_a_server_that_is_away_stops_nothing_and_is_tried_again(folder):
    away = {"MLFLOW_TRACKING_URI": DEAD, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    assert planned(folder, **away) == {"track_study"}  # another place: recorded there, and nothing is trained again
    told = snakemake(folder, "--cores", "2", variables=ENVIRONMENT | away).stderr
    assert "[sixgig] MLflow: the study was not recorded in http://***@127.0.0.1:9, or not all of it: " in told
    assert planned(folder, **away) == {"track_study"}
    held = [path for path in folder.rglob("*") if path.is_file() and b"geheim-99" in path.read_bytes()]
    assert held == []
    assert "geheim-99" not in told
