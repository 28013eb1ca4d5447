"""Peak GPU memory of vit_mim's laptop preset under the card's limit, and the prediction made before it runs.

Needs a GPU: ``.venv/bin/python -m bench.mim_memory``. Each row trains a ViT-B on random crops of 96 x 96 x 96 voxels
for twelve steps with torch held to ``--memory-limit-mb``. ``reserved`` is what torch took from the card, which the
limit is about; CUDA's own memory comes on top and is in ``card``, which is what the driver reports.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import NamedTuple

import torch

from sixgig.errors import GpuError
from sixgig.gpu.device import choose_device
from sixgig.mim.budget import predict
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.masking import random_masks
from sixgig.mim.network import build_network, set_gradient_checkpointing
from sixgig.mim.optimisation import Optimisation
from sixgig.mim.settings import Settings

_GEOMETRY = Geometry((96, 96, 96), (16, 16, 16), 3)
_RATIO = 0.75
_STEPS, _WARM_UP = 12, 3
_MIB = 2**20


class Row(NamedTuple):
    """One way to train."""

    objective: str
    precision: str
    batch_size: int
    micro_batch: int
    checkpointing: bool = False
    ema: float = 0.0


ROWS = (
    Row("mae", "bfloat16", 4, 4),
    Row("mae", "bfloat16", 8, 4, ema=0.999),
    Row("mae", "float16", 4, 4),
    Row("mae", "float16", 8, 4, ema=0.999),
    Row("mae", "bfloat16", 4, 2),
    Row("mae", "bfloat16", 4, 4, checkpointing=True),
    Row("mae", "float32", 4, 4),
    Row("mae", "bfloat16", 16, 16),
    Row("simmim", "bfloat16", 4, 4),
    Row("simmim", "bfloat16", 8, 4, checkpointing=True, ema=0.999),
)


def measure(row: Row) -> str:
    """Train for some steps and describe what was taken."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    settings = Settings(
        row.objective, _RATIO, 1000, row.batch_size, 3e-4, 1e-5, 10, 0.05, 1, torch.get_num_threads(),
        micro_batch_size=row.micro_batch, ema=row.ema, gradient_checkpointing=row.checkpointing,
        precision=row.precision,
    )  # fmt: skip
    network = build_network(row.objective, _GEOMETRY, Shape(), (0.45,) * 3, (0.22,) * 3, 1)
    set_gradient_checkpointing(network, row.checkpointing)
    optimisation = Optimisation(network.to("cuda"), settings, "cuda")
    x = torch.rand(row.micro_batch, 3, *_GEOMETRY.crop, device="cuda")
    masks = random_masks(row.micro_batch, _GEOMETRY.tokens, _RATIO, torch.Generator().manual_seed(2))
    visible, masked = (tokens.cuda() for tokens in masks)
    seconds = []
    for _ in range(_STEPS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(row.batch_size // row.micro_batch):
            optimisation.accumulate(x, visible, masked, row.micro_batch / row.batch_size)
        optimisation.update(3e-4)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    free, total = torch.cuda.mem_get_info()
    reserved = torch.cuda.max_memory_reserved() / _MIB
    found = predict(_GEOMETRY, Shape(), settings)
    return (
        f"reserved {reserved:5.0f} MiB, predicted {found.memory_mb:5.0f} ({found.memory_mb / reserved:.2f}), "
        f"card {(total - free) / _MIB:5.0f}, {statistics.median(seconds[_WARM_UP:]) * 1e3:6.1f} ms a step"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory-limit-mb", type=int, default=6144)
    try:
        device = choose_device("cuda", "auto", parser.parse_args().memory_limit_mb)
    except GpuError as error:
        raise SystemExit(str(error)) from None
    print(f"{device.name}: ViT-B, {_GEOMETRY.crop} voxels, {_GEOMETRY.tokens} tokens")
    for row in ROWS:
        how = f"{row.objective:6} {row.precision:8} batch {row.batch_size:2} in passes of {row.micro_batch:2}"
        how += (", checkpointing" if row.checkpointing else "") + (", average" if row.ema else "")
        try:
            print(f"  {how:68} {measure(row)}")
        except torch.cuda.OutOfMemoryError:
            print(f"  {how:68} does not fit")


if __name__ == "__main__":
    main()
