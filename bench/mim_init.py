"""Held-out loss of masked image modelling from inflated 2D weights against random ones, at equal steps.

Reads the volumes and weights of a finished study: ``.venv/bin/python -m bench.mim_init results/default brats_phantom``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from sixgig.arms.pretrain_job import PretrainJob
from sixgig.arms.vit_mim.arm import MaskedViT
from sixgig.arms.vit_mim.pretraining import pretrain
from sixgig.results.study import Study


def main(folder: Path, cohort: str, steps: list[int]) -> None:
    """Train from both beginnings with each number of steps, and print the error before and after."""
    study = Study(folder)
    stanza = study.config["arms"]["vit_mim"]
    options = MaskedViT.options_for(stanza, cohort, study.config["cohorts"][cohort])
    own = study.cohort_folder(cohort)
    print(f"{cohort}: mean absolute error over masked voxels of evaluation volumes ({options['objective']})")
    for init in ("inflate", "scratch"):
        for number in steps:
            with tempfile.TemporaryDirectory() as checkpoints:
                job = PretrainJob(
                    study="bench",
                    cohort=cohort,
                    arm="vit_mim",
                    options={**options, "init": init, "steps": number, "warmup_steps": max(1, number // 10)},
                    cohort_options={},
                    scope="inductive",
                    weights=folder / "weights" / f"{options['weights']}.safetensors",
                    images=own / "images.npy",
                    volumes=own / "volumes.npy",
                    manifest=own / "manifest.csv",
                    splits=own / "splits.csv",
                    environment=None,
                    python=None,
                    checkpoints=Path(checkpoints),
                    tracking=None,
                    device="auto",
                    memory_limit_mb=6144,
                    seed=2026,
                    threads=torch.get_num_threads(),
                    digest="bench",
                )
                found = pretrain(job).facts["reconstruction"]
            print(
                f"  {init:8} {number:5} steps: {found['before']['network']:.4f} to {found['after']['network']:.4f} "
                f"(mean of visible {found['after']['mean_of_visible']:.4f}, "
                f"nearest patch {found['after']['nearest_visible_patch']:.4f})"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="folder of a finished study, such as results/default")
    parser.add_argument("cohort", help="a 3D cohort of that study")
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 150])
    arguments = parser.parse_args()
    main(arguments.study, arguments.cohort, arguments.steps)
