"""One step of vit_contrastive on TensorFlow 1, in a process of .venv-tf1 that takes turns with the other variants.

This file is that process, too, and so runs under Python 3.7: ``python -m bench.baselines.contrastive_tensorflow1
WEIGHTS THREADS`` trains one step for every line on standard input, and answers with its loss.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.settings import Settings
from sixgig.training.arrays import read_arrays

_ROOT = Path(__file__).resolve().parents[2]
RATE = 3e-5


def settings(threads: int) -> Settings:
    """Return the settings of every variant: G^D with 8 of 12 blocks frozen, as in the default study."""
    values = {
        "loss": "g_d",
        "batch_size": 8,
        "partitions": 4,
        "steps": 100,
        "local_steps": 0,
        "learning_rate": RATE,
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
    """Return 32 images of noise, float32 [32, 112, 112, 3], and what the loss compares in them."""
    images = np.random.RandomState(0).standard_normal((32, 112, 112, 3)).astype(np.float32)
    return images, global_terms("g_d", 2, 4)


class TensorFlowStep:
    """A step in the other process.

    Args:
        weights: File of the network's arrays.
        threads: Threads for computing.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        from sixgig.arms.vit_contrastive.process import environment
        from sixgig.runtime.interpreters import find_interpreter

        interpreter = find_interpreter("tensorflow1", "auto", conda=False)
        interpreter.require()
        command = [interpreter.python, "-m", "bench.baselines.contrastive_tensorflow1", str(weights), str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment(threads), cwd=str(_ROOT),
        )  # fmt: skip

    def __call__(self) -> list[float]:
        """Train one step, and return its loss."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        return [float(self._process.stdout.readline())]

    def close(self) -> None:
        """End the other process."""
        self._process.communicate()


def _serve(weights: str, threads: int) -> None:
    from sixgig.contrastive.tensorflow1.backend import TensorFlowBackend

    arrays, architecture = read_arrays(weights)
    backend = TensorFlowBackend(arrays, architecture, settings(threads))
    images, terms = batch()
    for _ in sys.stdin:
        sys.stdout.write(f"{backend.step(images, terms, RATE)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
