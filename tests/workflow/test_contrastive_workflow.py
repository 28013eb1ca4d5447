"""The contrastive arm in the real DAG, on the real TensorFlow 1 environment, and what happens without it."""

import json
import shutil

import pytest
from conftest import ROOT, snakemake

from sixgig.tables.training import TRAINING

TRAINED = "results/tiny/pretraining/brats_phantom/vit_contrastive"
FEATURES = "results/tiny/features/brats_phantom/vit_contrastive"


@pytest.fixture(scope="module")
def config(tiny_config):
    """One cohort, one arm."""
    return {
        **tiny_config,
        "arms": {"vit_contrastive": tiny_config["arms"]["vit_contrastive"]},
        "controls": {"random_vit": False},
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "weights": {"plain_vit": tiny_config["weights"]["plain_vit"]},
    }


def encode(folder, *arguments, check=True):
    return snakemake(folder, "--cores", "2", "--printshellcmds", f"{FEATURES}.json", *arguments, check=check)


def read(folder, stem):
    return json.loads((folder / f"{stem}.json").read_text())


def with_options(config, **options):
    return {**config, "arms": {"vit_contrastive": {**config["arms"]["vit_contrastive"], **options}}}


def test_arm_is_trained_on_tensorflow_and_says_so(study, config, tensorflow1):
    """Then without its environment: each way out, without computing anything else again."""
    folder = study(config)
    encode(folder)
    training = read(folder, TRAINED)["pretraining"]
    assert training["versions"]["tensorflow"] == "1.15.5"
    assert (training["status"], training["backend"], training["steps"]) == ("ok", "tensorflow1", 3)
    assert training["handover"]["relative_difference"] < 1e-3
    assert len(TRAINING.read(folder / f"{TRAINED}.csv")) == 3
    sidecar = read(folder, FEATURES)
    assert sidecar["status"] == "ok"
    assert sidecar["weights"]["pretraining"]["framework"] == "TensorFlow 1.15.5"
    kept = {path.name.partition("-")[0] for path in (folder / "results/tiny/.checkpoints").iterdir()}
    assert kept == {"prepare", "encode"}  # for the next run; nothing of the training
    log = (folder / "results/tiny/logs/check_environment/tensorflow1.log").read_text()
    assert "Traceback" not in log
    trained_on_tensorflow = (folder / f"{TRAINED}.safetensors").read_bytes()

    nowhere = str(folder / "no-python")
    stopped = encode(study(with_options(config, interpreter=nowhere)), check=False)
    assert stopped.returncode != 0
    assert "the TensorFlow 1 environment is missing" in stopped.stderr
    assert "run `make setup`" in stopped.stderr

    ran = encode(study(with_options(config, interpreter=nowhere, on_missing_environment="torch")))
    sidecar = read(folder, FEATURES)
    assert sidecar["status"].startswith("fallback: trained with PyTorch instead of TensorFlow 1: its interpreter")
    assert sidecar["weights"]["pretraining"]["backend"] == "torch"
    assert (folder / f"{TRAINED}.safetensors").read_bytes() != trained_on_tensorflow
    assert "rule prepare_cohort" not in ran.stderr

    encode(study(with_options(config, interpreter=nowhere, on_missing_environment="skip")))
    assert read(folder, FEATURES)["status"].startswith("failed: training: the TensorFlow 1 environment")


def test_environment_that_is_another_one_is_named(study, config):
    """A Python without TensorFlow: the check fails, and the study with it."""
    python = study.folder / "python"
    python.symlink_to(shutil.which("python3.11") or ROOT / ".venv/bin/python")
    result = encode(study(with_options(config, interpreter=str(python))), check=False)
    assert result.returncode != 0
    assert "the environment cannot be used" in result.stderr
    assert not (study.folder / "results/tiny/tensorflow1.json").exists()
    log = (study.folder / "results/tiny/logs/check_environment/tensorflow1.log").read_text()
    assert "which has no TensorFlow 1.15" in log


def test_two_runs_give_the_same_weights(study, config, tmp_path_factory):
    """On TensorFlow; bit for bit, in two folders."""
    first = study(config)
    encode(first)
    second = tmp_path_factory.mktemp("second")
    (second / "study.yaml").write_text((first / "study.yaml").read_text())
    encode(second)
    for file in (f"{TRAINED}.safetensors", f"{TRAINED}.csv", f"{FEATURES}.npz"):
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_too_few_subjects_fail_the_arm_with_the_way_out(study, config):
    result = encode(study(with_options(config, batch_size=16)), check=False)
    assert result.returncode == 3
    status = read(study.folder, FEATURES)["status"]
    assert status.startswith("failed: training: ")
    assert "batch_size" in status
    assert "Traceback" not in result.stderr
