"""Training steps on a CPU.

Steps of the two trainings from the same first weights on the same batch: their first losses are compared. Masked
modelling: four crops of 48 x 48 x 48 voxels and a ViT-S. Contrastive: 32 images of 112 px (G^D, batch size 8), a
ViT-S/14 of which 8 of 12 blocks are frozen. A masked network that sees all tokens is another one, so its loss only has
to be near.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from bench.harness import Row, Variant, within

TITLE = "Training steps on a CPU"
_RATE, _RATIO = 3e-4, 0.75


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each training."""
    import torch

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    rounds = 2 if quick else 7
    yield masked_row("cpu", "float32", quick, rounds)
    with tempfile.TemporaryDirectory() as folder:
        yield from _contrastive(Path(folder), threads, rounds)


def masked_row(device: str, precision: str, small: bool, rounds: int, laptop: bool = False) -> Row:
    """Return the row of masked modelling.

    Args:
        device: ``cpu`` or ``cuda``.
        precision: Of a GPU.
        small: Tiny sizes, to try the bench.
        rounds: Turns.
        laptop: The sizes of config/laptop.yaml instead of the default study's.
    """
    import torch

    from bench.baselines.mim_plain import PlainStep
    from sixgig.mim.geometry import Geometry, Shape
    from sixgig.mim.masking import random_masks
    from sixgig.mim.network import MaskedAutoencoder, build_network
    from sixgig.mim.optimisation import Optimisation
    from sixgig.mim.settings import Settings

    geometry = Geometry((48, 48, 48), (8, 8, 8), 3)
    shape = Shape(384, 12, 6, 1536, decoder_width=192, decoder_depth=2, decoder_heads=4, decoder_mlp_width=768)
    if laptop:
        geometry, shape = Geometry((96, 96, 96), (16, 16, 16), 3), Shape()
    if small:
        geometry = Geometry((32, 32, 32), (8, 8, 8), 3)
    crops = 4
    settings = Settings(
        "mae", _RATIO, 1000, crops, _RATE, 1e-5, 10, 0.05, 1, torch.get_num_threads(), precision=precision
    )
    x = torch.rand(crops, 3, *geometry.crop, generator=torch.Generator().manual_seed(1)).to(device)
    masks = random_masks(crops, geometry.tokens, _RATIO, torch.Generator().manual_seed(2))
    visible, masked = (tokens.to(device) for tokens in masks)

    def network() -> MaskedAutoencoder:
        built = build_network("mae", geometry, shape, (0.45,) * 3, (0.22,) * 3, 1)
        return cast("MaskedAutoencoder", built).to(device)

    optimisation = Optimisation(network(), settings, device)

    def own() -> list[float]:
        optimisation.accumulate(x, visible, masked, 1.0)
        return [optimisation.update(_RATE).loss]

    dtype = getattr(torch, precision)
    plain = {every: PlainStep(network(), device, _RATE, every, dtype) for every in (False, True)}
    size = " x ".join(map(str, geometry.crop))
    return Row(
        f"masked modelling, {crops} crops of {size}, {geometry.tokens} tokens",
        Variant("sixgig", own),
        [
            Variant("plain PyTorch, visible tokens in the encoder", lambda: plain[False](x, visible, masked)),
            Variant("plain PyTorch, all tokens in it", lambda: plain[True](x, visible, masked), same=within(0.1)),
        ],
        within(1e-4 if precision == "float32" else 1e-2),
        3.0 if device == "cpu" else 1.5,
        rounds,
        "step",
    )


def _contrastive(folder: Path, threads: int, rounds: int) -> Iterator[Row]:
    import timm
    import torch

    from bench.baselines import contrastive_plain, contrastive_tensorflow1
    from bench.baselines.contrastive_tensorflow1 import RATE
    from sixgig.contrastive.pytorch.backend import TorchBackend
    from sixgig.training.arrays import write_arrays
    from sixgig.weights.export import export_vit

    def network() -> Any:
        torch.manual_seed(0)
        return timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=112)

    first, settings = network(), contrastive_tensorflow1.settings(threads)
    arrays, architecture = export_vit(first, (0.5,) * 3, (0.5,) * 3)
    write_arrays(folder / "vit.npz", arrays, architecture)
    backend = TorchBackend(first, architecture, settings)
    plain = contrastive_plain.PlainStep(network().eval(), settings, RATE)
    images, terms = contrastive_tensorflow1.batch()
    other = contrastive_tensorflow1.TensorFlowStep(folder / "vit.npz", threads)
    try:
        yield Row(
            "contrastive, 32 images of 112 px",
            Variant("sixgig, PyTorch", lambda: [backend.step(images, terms, RATE)]),
            [
                Variant("plain PyTorch", lambda: plain(images, terms)),
                Variant("TensorFlow 1.15.5, the reference's framework", other),
            ],
            within(1e-3),
            3.0,
            rounds,
            "step",
        )
    finally:
        other.close()
