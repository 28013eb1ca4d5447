"""A tiny study: 32-pixel images, timm's smallest networks with random weights, phantoms of a few subjects."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import audit
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: The environment's own programs first, as `make` has it.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
#: How studies are run here: jobs of a tiny study mostly import packages, so two at a time beat one on two threads.
RUN = (
    "--cores", "2", "--set-threads", "encode_images=1", "code_features=1", "obtain_cohort=1", "prepare_cohort=1",
    "score_predictions=1", "pretrain_arm=1",
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
    """Files of timm's smallest ViTs and CNN with random values. The contrastive arm needs a plain ViT."""
    import timm
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("tiny_weights")
    torch.manual_seed(5)
    for model in ("test_vit", "test_efficientnet", "vit_tiny_patch16_224"):
        save_file(timm.create_model(model, num_classes=0).state_dict(), folder / f"{model}.safetensors")
    return folder


@pytest.fixture(scope="session")
def tiny_config(tiny_weights):
    from sixgig.runtime.digests import file_sha256

    def entry(model):
        path = tiny_weights / f"{model}.safetensors"
        file = {"path": str(path), "sha256": file_sha256(path)}
        return {"source": {"file": file}, "converter": "timm", "model": model}

    def phantom(kind, shape, spacing, subjects):
        size = {"kind": kind, "subjects": subjects, "shape": shape, "spacing": spacing, "seed": 3}
        modalities = {"modalities": ["flair", "t1ce", "t2"]} if kind == "brats" else {}
        slices = {"slices": {"count": 2}, "partitions": 2}
        return {"adapter": kind, "source": {"phantom": size}, **slices, **modalities}

    return {
        "study": "tiny",
        "seed": 7,
        "device": "cpu",
        "image": {"size": 32},
        "cohorts": {
            "brats_phantom": phantom("brats", [32, 32, 24], 6.0, 16) | {"volume": {"size": [8, 16, 16]}},
            "acdc_phantom": phantom("acdc", [40, 40, 10], 4.0, 25),
        },
        "weights": {
            "vit": entry("test_vit"),
            "cnn": entry("test_efficientnet"),
            "plain_vit": entry("vit_tiny_patch16_224"),
        },
        "arms": {
            "baseline_cnn": {"weights": "cnn", "batch_size": 8},
            "vit_pure": {"weights": "vit", "batch_size": 8},
            "vit_contrastive": {
                "weights": "plain_vit",
                "batch_size": 4,
                "steps": 3,
                "warmup_steps": 1,
                "frozen_blocks": 6,
            },
            "vit_mim": {
                "weights": "plain_vit",
                "batch_size": 4,
                "steps": 3,
                "warmup_steps": 1,
                "crop": [8, 16, 16],
                "patch": [4, 8, 8],
                "decoder": {"width": 32, "depth": 1, "heads": 2, "mlp_width": 64},
            },
            "vit_sparse": {"atoms": 6, "nonzeros": 2, "epochs": 2},
        },
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}, "src": {"coding": ["omp"], "n_nonzero": [2]}},
        "evaluation": {"folds": 2, "repeats": 2, "inner_folds": 2, "bootstrap_samples": 100},
    }


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
