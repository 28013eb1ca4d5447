"""Encoding images on a CPU.

Features of networks with random weights from 8-bit images, in float32 unless a variant says otherwise. The ratio of the
matrix product (2,048 x 2,048, as many operations as the network's own) is sixgig's share of the machine's rate.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import bench.baselines
from bench.encoding_case import Case
from bench.harness import Row, Variant, unlike, within

TITLE = "Encoding on a CPU"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: timm's name, what readers call it, the kind of arm, the arm's options, and sides of images.
_NETWORKS: tuple[tuple[str, str, str, dict[str, Any], tuple[int, ...]], ...] = (
    ("vit_small_patch14_dinov2", "ViT-S/14", "vit_pure", {"token": "cls"}, (112, 224)),
    ("tf_efficientnet_lite0", "EfficientNet-Lite0", "baseline_cnn", {}, (112, 224)),
    ("resnet50", "ResNet50", "baseline_cnn", {}, (224,)),
    ("vit_base_patch16_224", "ViT-B/16", "vit_pure", {"token": "cls"}, (224,)),
)
_SIDE = 2048


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each network and size."""
    import torch

    from sixgig.arms.base import ImageArm
    from sixgig.arms.registry import get_arm
    from sixgig.weights.loading import create_network

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    for model, name, kind, options, sizes in _NETWORKS[: 1 if quick else None]:
        for size in sizes[: 1 if quick else None]:
            arm = get_arm(kind)()
            assert isinstance(arm, ImageArm)
            count = 4 if quick else (32 if size == 112 else 16)
            images = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
            with tempfile.TemporaryDirectory() as folder:
                case = Case(
                    model, size, create_network(model, size).eval(), _MEAN, _STD, images, min(16, count), threads,
                    model.startswith("vit"), arm, options, Path(folder),
                )  # fmt: skip
                own = Variant("sixgig", own_way(case), count)
                others = [variant for module in _baselines() for variant in module.variants(case)]
                rounds = 2 if quick else 3
                yield Row(f"{name}, {size} px", own, [*others, _product(case)], within(1e-3), 1.0, rounds, "image")


def own_way(case: Case) -> Callable[[], Any]:
    """Return sixgig's own encoding, with its checks and its file of features."""
    from sixgig.arms.base import Encoder
    from sixgig.arms.encoding import PartialFeatures, encode
    from sixgig.gpu.ladder import Rung

    encoder = Encoder(case.network, case.mean, case.std, case.model, {})

    def run() -> Any:
        with tempfile.TemporaryDirectory(dir=case.folder) as folder:
            kept = PartialFeatures(Path(folder), len(case.images))
            rung = Rung(case.batch, "cpu")
            return encode(case.arm, encoder, case.images, case.options, rung, "float32", kept, lambda _: None)

    return run


def _baselines() -> list[Any]:
    names = sorted(module.name for module in pkgutil.iter_modules(bench.baselines.__path__))
    return [importlib.import_module(f"bench.baselines.{name}") for name in names if name.startswith("encoding_")]


def _product(case: Case) -> Variant:
    """Return a float32 matrix product of as many operations; its ratio is sixgig's share of the machine's rate."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        case.network(torch.zeros(1, 3, case.size, case.size))
    each = 2 * _SIDE**3
    times = max(1, round(counter.get_total_flops() * len(case.images) / each / 4))
    a, b = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    product = torch.empty(_SIDE, _SIDE)

    def run() -> None:
        for _ in range(times):
            torch.mm(a, b, out=product)

    aim = 0.85 if case.transformer else 0.0
    work = times * each / counter.get_total_flops()
    return Variant("a matrix product of as many operations", run, work, same=unlike, aim=aim)
