"""Peak GPU memory of the catalogue's encoders at batch 16, in the encode path, beside what the catalogue estimates.

``python -m bench.encoders_vram`` needs a GPU with torch, timm and numpy. Weights are random: memory does not depend on
them. The process may reserve what a study may, 6144 MiB.
``--device cpu --size 32`` tries the same code without a card. ``--json FILE`` writes what was found.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sixgig.arms.base import Encoder, ImageArm
from sixgig.arms.encoding import PartialFeatures, encode
from sixgig.arms.registry import get_arm
from sixgig.gpu.device import Device, choose_device
from sixgig.gpu.ladder import Rung
from sixgig.weights.catalogue import BATCH, CatalogueEncoder, read_catalogue

#: Families and sizes of image that differ; the same network under other weights takes the same.
TEN = (
    "resnet50", "convnext_base", "efficientnet_b0", "swin_tiny", "dino_vits16", "dinov2_vits14", "dinov2_vitb14",
    "dinov3_vitb16", "medsiglip", "sam_vitb16",
)  # fmt: skip
_LIMIT_MB = 6144
_MIB = 1024 * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=TEN, help="encoders of the catalogue")
    parser.add_argument("--all", action="store_true", help="every network for images, once each")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "cpu"))
    parser.add_argument("--size", type=int, help="side of the images in pixels (default: each encoder's own)")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    device = choose_device(chosen.device, "auto", _LIMIT_MB)
    rows = [
        measure(name, encoder, device, chosen.size or encoder.size, chosen.batch)
        for name, encoder in _chosen(chosen.names, chosen.all).items()
    ]
    print(f"{device.name}, {device.dtype}, limit {_LIMIT_MB} MiB, batch {chosen.batch}\n")
    print(f"{'encoder':22} {'px':>5} {'catalogue':>10} {'reserved':>9} {'allocated':>10} {'ratio':>6} {'seconds':>8}")
    for row in rows:
        ratio = "" if not row["reserved_mb"] else f"{row['estimated_mb'] / row['reserved_mb']:.2f}"
        print(
            f"{row['encoder']:22} {row['size']:5} {row['estimated_mb']:10.0f} {row['reserved_mb'] or 0:9.0f} "
            f"{row['allocated_mb'] or 0:10.0f} {ratio:>6} {row['seconds']:8.1f}  {row['said']}",
        )
    if chosen.json:
        facts = {"device": device.name, "dtype": device.dtype, "limit_mb": _LIMIT_MB, "batch": chosen.batch}
        chosen.json.write_text(json.dumps({**facts, "encoders": rows}, indent=2) + "\n")


def _chosen(names: list[str], every: bool) -> dict[str, CatalogueEncoder]:
    known = read_catalogue()
    if not every:
        return {name: known[name] for name in names}
    found: dict[tuple[str, int], str] = {}
    for name, encoder in known.items():
        if encoder.dimensions == 2 and encoder.weights:
            found.setdefault((encoder.weights["model"].partition(".")[0], encoder.size), name)
    return {name: known[name] for name in found.values()}


def measure(name: str, encoder: CatalogueEncoder, device: Device, size: int, batch: int) -> dict[str, Any]:
    """Encode three batches of random images, and return what was reserved and what was foretold, in MiB.

    Args:
        name: Of the encoder.
        encoder: It.
        device: Where it runs.
        size: Side of the images in pixels.
        batch: Images per batch; halved until it fits.
    """
    import numpy as np
    import torch

    from sixgig.weights.loading import create_network

    arm = get_arm(encoder.kinds[0])()
    assert isinstance(arm, ImageArm)
    network = create_network(encoder.weights["model"], size)
    ready = Encoder(network, (0.5,) * 3, (0.5,) * 3, encoder.weights["model"], {})
    images = np.random.default_rng(0).integers(0, 256, (2 * batch + 1, size, size, 3), dtype=np.uint8)
    cuda, said, began = device.kind == "cuda", "", time.perf_counter()
    while batch:
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            with tempfile.TemporaryDirectory() as folder:
                options = {"token": encoder.token or "cls"}
                kept = PartialFeatures(Path(folder), len(images))
                encode(arm, ready, images, options, Rung(batch, device.kind), device.dtype, kept, lambda _: None)
            break
        except torch.cuda.OutOfMemoryError:
            said, batch = f"{batch} does not fit; batch {batch // 2} does", batch // 2
    reserved, allocated = (
        (torch.cuda.max_memory_reserved() / _MIB, torch.cuda.max_memory_allocated() / _MIB) if cuda else (None, None)
    )
    network.cpu()
    foretold = _estimate(encoder, size, batch)
    seconds = time.perf_counter() - began
    return {
        "encoder": name, "model": encoder.weights["model"], "size": size, "batch": batch, "estimated_mb": foretold,
        "catalogue_mb": encoder.vram_mb, "reserved_mb": reserved, "allocated_mb": allocated, "seconds": seconds,
        "said": said,
    }  # fmt: skip


def _estimate(encoder: CatalogueEncoder, size: int, batch: int) -> float:
    """Return the catalogue's estimate at a batch; at another size of image, sixgig's estimate."""
    if size == encoder.size:
        return float(encoder.estimated_at(batch) or 0)
    from sixgig.gpu.work import ALLOCATOR_MB, encoding_memory
    from sixgig.weights.sizes import network_size

    fixed, each = encoding_memory(network_size(encoder.weights["model"], size), size, "bfloat16")
    return float(replace(encoder, vram_mb=round(fixed + BATCH * each + ALLOCATOR_MB)).estimated_at(batch) or 0)


if __name__ == "__main__":
    main()
