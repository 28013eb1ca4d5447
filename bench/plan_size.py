"""What planning a study takes as it grows: `snakemake -n` and `sixgig plan`, wall time, CPU time and peak memory.

``.venv/bin/python -m bench.plan_size`` writes a study of 20 cohorts, 8 arms, 4 classifiers and 3 seeds, of simulated
cohorts and networks of random weights, plans it and runs nothing. ``--tiny`` is a study of one cohort, one arm and one
classifier: what every start of Snakemake costs. ``--write FOLDER`` only writes the study.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from sixgig.runtime.digests import file_sha256
from sixgig.runtime.places import PACKAGE

_ROOT = PACKAGE.parent
_MODELS = {"vit": "test_vit", "plain_vit": "vit_tiny_patch16_224", "cnn": "test_efficientnet"}
_ARMS: dict[str, dict[str, Any]] = {
    "vit_pure": {"weights": "vit", "batch_size": 8},
    "baseline_cnn": {"weights": "cnn", "batch_size": 8},
    "handcrafted": {},
    "vit_contrastive": {"weights": "plain_vit", "batch_size": 4, "steps": 3, "warmup_steps": 1, "frozen_blocks": 6},
    "vit_mim": {"weights": "plain_vit", "batch_size": 4, "steps": 3, "crop": [8, 16, 16], "patch": [4, 8, 8]},
    "vit_sparse": {"atoms": 6, "nonzeros": 2, "epochs": 2},
    "other_contrastive": {"kind": "vit_contrastive", "weights": "plain_vit", "batch_size": 4, "steps": 5},
    "other_sparse": {"kind": "vit_sparse", "atoms": 8, "nonzeros": 2, "epochs": 2},
}
_CLASSIFIERS = ("svm", "src", "logistic", "knn")


def write_study(
    folder: Path, cohorts: int, arms: int, classifiers: int, seeds: int, subjects: int = 16, **cohort: Any
) -> Path:
    """Write weights and the file of a study of small phantoms, and return the file.

    Args:
        folder: Where to.
        cohorts: Number of cohorts.
        arms: Number of arms, of the first that this bench knows.
        classifiers: Number of classifiers, likewise.
        seeds: Seeds of what learns.
        subjects: Subjects of each cohort.
        cohort: Further keys of every cohort.
    """
    stanza = {"adapter": "brats", "modalities": ["flair", "t1ce", "t2"], "slices": {"count": 2}, "partitions": 2}
    phantom = {"kind": "brats", "subjects": subjects, "shape": [32, 32, 24], "spacing": 6.0}
    chosen = dict(list(_ARMS.items())[:arms])
    used = {stanza["weights"] for stanza in chosen.values() if "weights" in stanza}
    study: dict[str, Any] = {
        "study": "size",
        "device": "cpu",
        "image": {"size": 32},
        "cohorts": {
            f"cohort_{number}": stanza | {"source": {"phantom": phantom | {"seed": number}}} | cohort
            for number in range(cohorts)
        },
        "weights": {
            name: _weights(folder / f"{model}.safetensors", model) for name, model in _MODELS.items() if name in used
        },
        "arms": chosen,
        "controls": {"random_networks": arms > 1, "majority_class": arms > 1},
        "classifiers": {name: {} for name in _CLASSIFIERS[:classifiers]},
        "evaluation": {"folds": 2, "repeats": 2, "inner_folds": 2, "bootstrap_samples": 100, "seeds": seeds},
    }
    if "vit_mim" in chosen:
        for one in study["cohorts"].values():
            one["volume"] = {"size": [8, 16, 16]}
    file = folder / "size.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return file


def measure(command: list[str], folder: Path, log: Path) -> tuple[float, float, float]:
    """Run a command and return its wall seconds, its CPU seconds and the peak memory of its largest process in MiB.

    Raises:
        RuntimeError: It failed.
    """
    before, started = os.times(), time.perf_counter()
    with log.open("wb") as stream:
        child = os.posix_spawn(
            command[0],
            command,
            os.environ | {"PYTHONPATH": str(_ROOT)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, stream.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, stream.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(child, 0)
    wall, after = time.perf_counter() - started, os.times()
    if os.waitstatus_to_exitcode(status) not in (0, 1 if "plan" in command else 0):
        raise RuntimeError(f"{' '.join(command)} failed: {log.read_text(errors='replace')[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, usage.ru_maxrss / 1024


def main() -> None:
    """Plan the study several times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, number in (("cohorts", 20), ("arms", 8), ("classifiers", 4), ("seeds", 3), ("subjects", 16)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--shards", type=int, help="shards of every cohort")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="one cohort, one arm, one classifier, one seed")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the study there, and stop")
    asked = parser.parse_args()
    size = (1, 1, 1, 1) if asked.tiny else (asked.cohorts, asked.arms, asked.classifiers, asked.seeds)
    further: dict[str, Any] = {"subjects": asked.subjects} | ({} if asked.shards is None else {"shards": asked.shards})
    if asked.write:
        asked.write.mkdir(parents=True, exist_ok=True)
        print(write_study(asked.write.resolve(), *size, **further))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = write_study(folder, *size, **further)
        snakemake = [sys.executable, "-m", "snakemake", "-s", str(_ROOT / "Snakefile"), "-d", name, "--cores", "2"]
        commands = {
            "snakemake -n": [*snakemake, "-n", "--quiet", "all", "--configfile", str(study)],
            "sixgig plan": [sys.executable, "-m", "sixgig", "plan", str(study), "--cores", "2", "-d", name],
        }
        for label, command in commands.items():
            measure(command, folder, folder / "log")  # what is asked of timm once, and cached
            taken = [measure(command, folder, folder / "log") for _ in range(asked.runs)]
            wall, cpu, memory = (statistics.median(column) for column in zip(*taken, strict=True))
            print(
                f"{label}: {wall:.1f} s wall, {cpu:.1f} s of CPU, {memory:.0f} MiB (median of {asked.runs})", flush=True
            )


def _weights(path: Path, model: str) -> dict[str, Any]:
    """Write random weights of one of timm's networks, and return its entry in a study file."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(5)
    save_file(timm.create_model(model, num_classes=0).state_dict(), path)
    file = {"path": str(path), "sha256": file_sha256(path)}
    return {"source": {"file": file}, "converter": "timm", "model": model, "mean": [0.5] * 3, "std": [0.5] * 3}


if __name__ == "__main__":
    main()
