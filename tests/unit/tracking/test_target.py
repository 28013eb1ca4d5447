from pathlib import Path

import pytest

from sixgig.tracking.target import Target

STUDY = Path("results/tiny")


@pytest.mark.parametrize(
    ("asked", "variables", "server"),
    [
        ("on", {}, ""),
        ("on", {"MLFLOW_TRACKING_URI": "http://there:5000"}, "http://there:5000"),
        ("https://named", {"MLFLOW_TRACKING_URI": "http://there:5000"}, "https://named"),  # the study file counts
        ("https://named", {}, "https://named"),
    ],
)
def test_the_study_file_counts_before_the_environment(asked, variables, server):
    assert Target.of(STUDY, asked, variables) == Target(STUDY, server)


def test_off_is_off_whatever_the_environment_says():
    assert Target.of(STUDY, "off", {"MLFLOW_TRACKING_URI": "http://there:5000"}) is None


def test_names_hold_no_secret(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sesame-open")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-123456")
    assert Target(STUDY).name == "mlflow.db"
    assert Target(STUDY, "https://maria:pa%20ss@there:5000/x").name == "https://***@there:5000/x"
