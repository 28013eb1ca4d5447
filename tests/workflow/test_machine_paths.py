"""What is shared of a study says nothing about the folders of the machine that it ran on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import yaml
from conftest import ROOT

#: Files that jobs find things by on this machine, and logs. They are not for sharing.
PLACES = ("source.json", "tensorflow1.python", "mlflow.db")


def texts(results):
    """Yield every file of a study but logs and places; pictures and arrays too: text may be in their headers."""
    for path in sorted(results.rglob("*")):
        if path.is_file() and "logs" not in path.parts and path.name not in PLACES:
            yield path, path.read_bytes()


def test_no_file_but_logs_names_a_folder_of_the_machine(finished):
    results = finished / "results/tiny"
    study = yaml.safe_load((finished / "study.yaml").read_text())
    given = [entry["source"]["file"]["path"] for entry in study["weights"].values() if "file" in entry["source"]]
    assert given  # so there is something to leave out
    assert all(Path(path).is_absolute() for path in given)
    needles = [str(folder).encode() for folder in (finished, *given, ROOT, Path.home())]
    found = [
        (path.relative_to(results), needle) for path, data in texts(results) for needle in needles if needle in data
    ]
    assert found == []
    assert '"path": ".../test_vit.safetensors"' in (results / "study.json").read_text()
    assert ".../test_vit.safetensors" in (results / "report.html").read_text()


def test_mlflow_knows_no_folder_but_that_of_its_artifacts(finished):
    with closing(sqlite3.connect(finished / "results/tiny/mlflow.db")) as store:
        for table in ("params", "tags", "experiment_tags"):
            values = [str(value) for (value,) in store.execute(f"select value from {table}")]
            assert not [value for value in values if value.startswith("/") or str(finished) in value]
        assert store.execute("select count(*) from params").fetchone()[0] > 0
