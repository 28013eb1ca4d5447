"""Time of one training step of vit_mim against a plain implementation of the step, alternating in one run.

Both minimise the error on the same masked patches of the same crops, from the same first weights. The plain step sends
all tokens through the encoder (masked ones as empty tokens with their positions), writes attention out, computes in
float32 and does not fuse AdamW. Run with ``make bench``; on a machine with a GPU,
``.venv/bin/python -m bench.mim_step --preset laptop``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

from sixgig.mim.budget import predict
from sixgig.mim.geometry import Geometry, Shape, patchify
from sixgig.mim.masking import random_masks
from sixgig.mim.network import MaskedAutoencoder, build_network, masked_loss, select
from sixgig.mim.optimisation import Optimisation
from sixgig.mim.settings import Settings

_SMALL = Shape(384, 12, 6, 1536, decoder_width=192, decoder_depth=2, decoder_heads=4, decoder_mlp_width=768)
#: Geometry, sizes and crops in a step: a ViT-S as in the default study, and the preset of config/laptop.yaml.
PRESETS = {
    "small": (Geometry((48, 48, 48), (8, 8, 8), 3), _SMALL, 4),
    "laptop": (Geometry((96, 96, 96), (16, 16, 16), 3), Shape(), 4),
}
_RATIO = 0.75


def plain_loss(network: MaskedAutoencoder, x: Any, visible: Any, masked: Any) -> Any:
    """The masked patches' error with all tokens in the encoder, crops [n, c, *crop] to a scalar."""
    encoder, n = network.encoder, len(x)
    patches = patchify(x, encoder.geometry)
    known = encoder.embed(select(patches, visible)) + encoder.patch_positions(visible)
    encoded = encoder.encode(torch.cat([known, encoder.patch_positions(masked)], dim=1))
    positions = network.decoder_positions.expand(n, -1, -1)
    hidden = network.mask_token + select(positions, masked)
    seen = network.to_decoder(encoded[:, : visible.shape[1]]) + select(positions, visible)
    decoded = torch.cat([seen, hidden], dim=1)
    for block in network.decoder_blocks:
        decoded = block(decoded)
    predicted = network.head(network.decoder_norm(decoded[:, -masked.shape[1] :]))
    return masked_loss(predicted, select(patches, masked))


class PlainStep:
    """A step written plainly."""

    def __init__(self, network: MaskedAutoencoder, device: str) -> None:
        self.network = network.to(device)
        for module in network.modules():
            if hasattr(module, "fused_attn"):
                setattr(module, "fused_attn", False)  # noqa: B010 (nn.Module's attributes have no type)
        self._adam = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.05, foreach=False, fused=False)

    def __call__(self, x: Any, visible: Any, masked: Any) -> None:
        """Train on one batch."""
        plain_loss(self.network, x, visible, masked).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)


class OwnStep:
    """The step of the arm."""

    def __init__(self, network: MaskedAutoencoder, settings: Settings, device: str) -> None:
        self._optimisation = Optimisation(network.to(device), settings, device)

    def __call__(self, x: Any, visible: Any, masked: Any) -> None:
        """Train on one batch."""
        self._optimisation.accumulate(x, visible, masked, 1.0)
        self._optimisation.update(3e-4)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small")
    parser.add_argument("--rounds", type=int, default=7, help="steps of each kind that count")
    parser.add_argument("--memory-limit-mb", type=int, default=6144, help="of a GPU")
    options = parser.parse_args()
    geometry, shape, crops = PRESETS[options.preset]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = "float32"
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        torch.cuda.set_per_process_memory_fraction(min(1.0, options.memory_limit_mb * 2**20 / properties.total_memory))
        precision = "bfloat16" if properties.major >= 8 else "float16"
    settings = Settings(
        "mae", _RATIO, 1000, crops, 3e-4, 1e-5, 10, 0.05, 1, torch.get_num_threads(), precision=precision
    )
    networks = [
        cast("MaskedAutoencoder", build_network("mae", geometry, shape, (0.45,) * 3, (0.22,) * 3, 1)) for _ in "ab"
    ]
    x = torch.rand(crops, 3, *geometry.crop, generator=torch.Generator().manual_seed(1)).to(device)
    masks = random_masks(crops, geometry.tokens, _RATIO, torch.Generator().manual_seed(2))
    visible, masked = (tokens.to(device) for tokens in masks)
    steps: dict[str, Callable[..., None]] = {
        "vit_mim": OwnStep(networks[0], settings, device),
        "plain": PlainStep(networks[1], device),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    peaks: dict[str, float] = dict.fromkeys(steps, 0.0)
    for turn in range(options.rounds + 2):  # the first two of each kind warm up
        for name, step in steps.items():
            if device == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            step(x, visible, masked)
            if device == "cuda":
                torch.cuda.synchronize()
                peaks[name] = max(peaks[name], torch.cuda.max_memory_allocated() / 2**20)
            if turn >= 2:
                seconds[name].append(time.perf_counter() - began)
    voxels = crops * geometry.crop[0] * geometry.crop[1] * geometry.crop[2]
    found = predict(geometry, shape, settings)
    sizes = f"{crops} crops of {geometry.crop}, {geometry.tokens} tokens"
    print(f"{options.preset}: {sizes}, {device}, {precision}")
    for name, values in seconds.items():
        median = statistics.median(values)
        memory = f", peak {peaks[name]:.0f} MiB with both networks on the card" if peaks[name] else ""
        print(
            f"  {name:8} {median:.3f} s a step (median of {len(values)}), {voxels / median / 1e6:.2f} Mvoxel/s{memory}"
        )
    ratios = [plain / own for plain, own in zip(seconds["plain"], seconds["vit_mim"], strict=True)]
    print(f"  plain / vit_mim: {statistics.median(ratios):.2f} (median of paired ratios)")
    print(f"  predicted: {found.memory_mb:.0f} MiB, {found.flops_per_step / 1e9:.1f} GFLOP a step")


if __name__ == "__main__":
    main()
