"""How workflow tests run Snakemake, and the study of tests/workflow/tiny.py, finished once for all of them."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import audit
import pytest
import tiny
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: The environment's own programs first, as `make` has it.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
#: How studies are run here: jobs of a tiny study mostly import packages, so two at a time beat one on two threads.
RUN = (
    "--cores", "2", "--set-threads", "encode_images=1", "code_features=1", "compute_features=1",
    "obtain_cohort=1", "prepare_cohort=1", "score_predictions=1", "pretrain_arm=1",
)  # fmt: skip


def snakemake(folder, *arguments, check=True, root=ROOT, variables=ENVIRONMENT):
    """Run Snakemake on the Snakefile of a checkout with ``folder`` as working directory."""
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder),
        "--configfile", str(folder / "study.yaml"), *arguments,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=variables, check=False)
    if check:
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-8000:]
    return result


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("tiny_weights"))


@pytest.fixture(scope="session")
def tiny_config(tiny_weights):
    return tiny.tiny_config(tiny_weights)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_config):
    """The tiny study, run once for all tests that only look at it or copy it, whichever process they run in."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished_study"
    with (shared / "finished_study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "study.yaml").write_text(yaml.safe_dump(tiny_config, sort_keys=False))
            snakemake(folder, *RUN, variables=audit.environment(ENVIRONMENT, folder / "audit"))
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def small_config(tiny_config):
    """One cohort and two of the ViT's arms, for tests that run a study of their own."""
    return {
        **tiny_config,
        "arms": {arm: tiny_config["arms"][arm] for arm in ("vit_pure", "vit_sparse")},
        "cohorts": {"brats_phantom": tiny_config["cohorts"]["brats_phantom"]},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "tracking": {"mlflow": False},
    }


@pytest.fixture
def study(tmp_path, tiny_config):
    """A working directory with ``study.yaml``; call it with changes to write another config."""

    def write(config=tiny_config):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        return tmp_path

    write()
    write.folder = tmp_path
    return write
