"""On a GPU.

The process is held to 6144 MiB, as a study is. Encoding counts reading, copying and checking; it is compared with the
same network, precision and batches on images that lie on the card as floats already, so that its ratio is the share of
that rate which sixgig reaches. A step of masked modelling has the sizes of config/laptop.yaml.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness import BenchError, Row, Variant, within

TITLE = "On a GPU"
_LIMIT_MB = 6144
#: timm's name, what readers call it, kind of arm, options, and images at a time.
_NETWORKS: tuple[tuple[str, str, str, dict[str, Any], int], ...] = (
    ("resnet50", "ResNet50", "baseline_cnn", {}, 32),
    ("vit_base_patch16_224", "ViT-B/16", "vit_pure", {"token": "cls"}, 16),
)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def rows(quick: bool) -> Iterator[Row]:
    """Yield rows of encoding and of a training step; ``quick`` tries them on any device with few images.

    Raises:
        BenchError: There is no GPU.
    """
    import torch

    from bench.rows.training import masked_row
    from sixgig.gpu.device import choose_device

    if not quick and not torch.cuda.is_available():
        raise BenchError("the machine", "torch sees no GPU", "run it where there is one, or try it with --quick")
    device = choose_device("auto", "auto", _LIMIT_MB)
    for model, name, kind, options, batch in _NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            yield _encoding(model, name, kind, options, 4 if quick else batch, device, quick, Path(folder))
    yield masked_row(device.kind, device.dtype, quick, 2 if quick else 15, laptop=not quick)


def _encoding(
    model: str, name: str, kind: str, options: dict[str, Any], batch: int, device: Any, quick: bool, folder: Path
) -> Row:
    import torch

    from sixgig.arms.base import Encoder, ImageArm
    from sixgig.arms.encoding import PartialFeatures, encode
    from sixgig.arms.registry import get_arm
    from sixgig.gpu.ladder import Rung
    from sixgig.weights.loading import create_network

    arm = get_arm(kind)()
    assert isinstance(arm, ImageArm)
    size = 32 if quick else 224
    network = create_network(model, size).to(device.kind).eval()
    count = (2 if quick else 64) * batch
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    encoder = Encoder(network, _MEAN, _STD, model, {})

    def own() -> Any:
        with tempfile.TemporaryDirectory(dir=folder) as kept:
            partial, rung = PartialFeatures(Path(kept), count), Rung(batch, device.kind)
            return encode(arm, encoder, images, options, rung, device.dtype, partial, lambda _: None)

    layout = torch.channels_last if arm.channels_last else torch.contiguous_format
    raw = torch.from_numpy(images[: 2 * batch]).permute(0, 3, 1, 2).to(device.kind).float() / 255
    mean, std = (torch.tensor(values, device=device.kind).view(1, -1, 1, 1) for values in (_MEAN, _STD))
    ready = ((raw - mean) / std).contiguous(memory_format=layout)
    mixed = torch.autocast(device.kind, getattr(torch, device.dtype), enabled=device.dtype != "float32")

    def there_already() -> Any:
        """Encode two batches again and again, as many times as there are images; the last two are the first two."""
        found = []
        with torch.inference_mode(), mixed:
            for start in range(0, count, batch):
                place = start % len(ready)
                found.append(network(ready[place : place + batch]).float())
        if device.kind == "cuda":
            torch.cuda.synchronize()
        return torch.cat(found[:2]).cpu().numpy()

    compare = within(1e-3 if device.dtype == "float32" else 0.05)
    return Row(
        f"{name}, {size} px, batches of {batch}, {device.dtype}",
        Variant("sixgig", own, count),
        [Variant("the network alone, images on the card", there_already, count)],
        lambda ours, theirs: compare(ours[: len(theirs)], theirs),
        0.8,
        2 if quick else 7,
        "image",
    )
