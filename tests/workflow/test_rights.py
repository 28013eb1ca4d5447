"""What may not be written or read is said by the real commands, with the next step, and without a traceback."""

import subprocess
import sys

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT

from tests.bound import BOUND, give_away

PYTHON = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
COMMANDS = {
    "snakemake": ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml", "-n"],
    "run": ["-m", "sixgig", "run", "study.yaml", "--cores", "1"],
    "plan": ["-m", "sixgig", "plan", "study.yaml"],
}
STUDY = {
    "study": "x",
    "device": "cpu",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 20}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}


@pytest.fixture
def said(tmp_path):
    """Run a command in a folder with a study, as a user whom permission bits bind."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))

    def run(command):
        done = subprocess.run(
            [*BOUND, sys.executable, *COMMANDS[command]], capture_output=True, text=True, cwd=tmp_path, env=PYTHON
        )
        assert done.returncode not in (0, -9)
        text = done.stdout + done.stderr
        assert "Traceback" not in text
        assert "PermissionError" not in text
        assert "Next step: " in text
        return text

    yield run
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_finished_study_of_another_user(tmp_path, said, command):
    for name in (".snakemake/log", "results/x/logs"):
        (tmp_path / name).mkdir(parents=True)
    for top in (".snakemake", "results"):
        give_away(tmp_path / top)
        (tmp_path / top).chmod(0o555)
    assert ".snakemake: may not be written: it belongs to " in said(command)


@pytest.mark.parametrize("command", ["snakemake", "run"])
def test_logs_that_are_read_only(tmp_path, said, command):
    (tmp_path / "results/x/logs").mkdir(parents=True)
    (tmp_path / "results/x/logs").chmod(0o555)
    assert "results/x/logs: may not be written: it belongs to you (mode 555)" in said(command)


def test_results_that_are_a_file(tmp_path, said):
    (tmp_path / "results").touch()
    assert "results: is a file, and results go into a folder of this name" in said("snakemake")
