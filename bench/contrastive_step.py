"""Time of one training step of vit_contrastive on its two backends, alternating in one run.

A ViT-S/14 with random weights, 32 images of 112 px (G^D with batch size 8), 8 of 12 blocks frozen, as in the default
study. TensorFlow 1 computes in a process of .venv-tf1, which is this module run with ``--serve``; the two take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.settings import Settings
from sixgig.training.arrays import read_arrays, write_arrays

_ROOT = Path(__file__).resolve().parents[1]
_RATE = 3e-5


def settings(threads: int) -> Settings:
    """Return the settings of both backends."""
    values = {
        "loss": "g_d",
        "batch_size": 8,
        "partitions": 4,
        "steps": 100,
        "local_steps": 0,
        "learning_rate": _RATE,
        "warmup_steps": 0,
        "temperature": 0.1,
        "crop_fraction": 0.52,
        "brightness": 0.3,
        "contrast_low": 0.7,
        "contrast_high": 1.3,
        "frozen_blocks": 8,
        "micro_batch_size": 0,
        "token": "cls",
        "patience": 0,
        "precision": "float32",
        "reference_batching": False,
        "seed": 1,
        "threads": threads,
    }
    return Settings.from_dict(values, "bench")


def batch() -> Any:
    """Return 32 images of noise, and what the loss compares in them."""
    images = np.random.RandomState(0).standard_normal((32, 112, 112, 3)).astype(np.float32)
    return images, global_terms("g_d", 2, 4)


def serve(weights: str, threads: int) -> None:
    """Train one step on TensorFlow 1 for every line on standard input; answer with its seconds and loss."""
    from sixgig.contrastive.tensorflow1.backend import TensorFlowBackend

    arrays, architecture = read_arrays(weights)
    backend = TensorFlowBackend(arrays, architecture, settings(threads))
    images, terms = batch()
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = backend.step(images, terms, _RATE)
        sys.stdout.write(f"{time.perf_counter() - began} {loss}\n")
        sys.stdout.flush()


def main(rounds: int) -> None:
    """Measure and print."""
    import timm
    import torch

    from sixgig.arms.vit_contrastive.process import environment
    from sixgig.contrastive.pytorch.backend import TorchBackend
    from sixgig.runtime.interpreters import find_interpreter
    from sixgig.weights.export import export_vit

    interpreter = find_interpreter("tensorflow1", "auto", conda=False)
    interpreter.require()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=112)
    arrays, architecture = export_vit(network, (0.5,) * 3, (0.5,) * 3)
    backend = TorchBackend(network, architecture, settings(threads))
    images, terms = batch()
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(f"{folder}/vit.npz", arrays, architecture)
        command = [interpreter.python, "-m", "bench.contrastive_step", "--serve", f"{folder}/vit.npz"]
        command += ["--threads", str(threads)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment(threads), cwd=_ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
            rows = []
            for _ in range(rounds + 1):
                process.stdin.write("step\n")
                process.stdin.flush()
                theirs, their_loss = (float(word) for word in process.stdout.readline().split())
                began = time.perf_counter()
                own_loss = backend.step(images, terms, _RATE)
                rows.append((theirs, time.perf_counter() - began, their_loss, own_loss))
            process.stdin.close()
    counted = rows[1:]  # the first of each warms up
    print(f"contrastive step: 32 images of 112 px, ViT-S/14, 8 of 12 blocks frozen, {threads} threads, CPU")
    for name, column in (("TensorFlow 1.15.5", 0), (f"PyTorch {torch.__version__}", 1)):
        print(
            f"  {name:20} {statistics.median(row[column] for row in counted):.2f} s a step (median of {len(counted)})"
        )
    ratio = statistics.median(row[0] / row[1] for row in counted)
    print(f"  TensorFlow / PyTorch: {ratio:.2f} (median of paired ratios)")
    print(f"  first loss: {rows[0][2]:.6f} and {rows[0][3]:.6f}; last: {rows[-1][2]:.6f} and {rows[-1][3]:.6f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", help="arrays of the network; used by the module itself")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7, help="steps of each backend that count")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
    else:
        main(options.rounds)
