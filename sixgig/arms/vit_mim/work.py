"""What masked image modelling computes and holds, for forecasts. Nothing that trains imports this."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sixgig.gpu.work import Amount, NetworkSize, Work, transformer_flops
from sixgig.mim.budget import predict
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.settings import Settings
from sixgig.mim.sliding import OVERLAP

_MIB = 1024 * 1024
#: Share of a forward pass's rate that training reaches on a processor.
_SHARE = 0.8
#: Bytes that AdamW and the clipping of the gradient move per parameter and step.
_MOVED = 4 * 8


def training(options: Mapping[str, Any], amount: Amount, network: NetworkSize, dtype: str) -> Work:
    """Return the work of a training: all steps, and the reconstruction that is measured before and after.

    Args:
        options: The arm's stanza for the cohort.
        amount: Of the cohort.
        network: The backbone's size at the cohort's images.
        dtype: Computation type.
    """
    geometry, shape, settings = _sizes(options, amount, network, dtype)
    micro = settings.micro_batch
    found = predict(geometry, shape, settings)
    sizes = [micro >> halved for halved in range(micro.bit_length())]
    peaks = {
        size: predict(geometry, shape, dataclasses.replace(settings, micro_batch_size=size)).memory_mb for size in sizes
    }
    passes = math.ceil(settings.batch_size / micro)
    item = found.parts["activations"] / micro
    forward = found.flops_per_step / micro / 3
    measured = 2 * settings.evaluation_items * forward
    weights = found.parameters * 4 / _MIB
    return Work(
        flops=settings.steps * passes * found.flops_per_step + measured,
        passes=3.0 * settings.steps * passes + settings.evaluation_items,
        moved=float(settings.steps * found.parameters * _MOVED),
        streamed=3.0 * settings.steps * settings.batch_size * item * _MIB,
        share=_SHARE,
        host_seconds=settings.steps * settings.batch_size * _reading(geometry),
        host_mb=found.parameters * 4 / _MIB,
        state_mb=found.memory_mb - micro * item,
        item_mb=item,
        batch=micro,
        peaks=peaks,
        written_mb=4 * weights,
        kept_mb=weights,
    )


def encoding(options: Mapping[str, Any], amount: Amount, network: NetworkSize, dtype: str) -> Work | None:
    """Return the work of encoding a cohort's volumes; None where images are encoded, as by any network."""
    if options["mode"] != "volume":
        return None
    geometry, shape, settings = _sizes(options, amount, network, dtype)
    sides = zip(amount.volume_size, geometry.crop, strict=True)
    crops = math.prod(1 + math.ceil((whole - part) / (part * (1 - OVERLAP))) for whole, part in sides)
    if options["modalities"] == "separate":
        crops *= amount.channels
    tokens = geometry.tokens + shape.prefix_tokens
    one = transformer_flops(tokens, shape.width, shape.depth, shape.mlp_width)
    one += 2.0 * geometry.tokens * geometry.patch_values * shape.width
    items, width = amount.volumes * crops, 4 if dtype == "float32" else 2
    live = tokens * (4 * 4 * shape.width + 2 * width * shape.mlp_width) + 3 * 4 * math.prod(geometry.crop)
    return Work(
        flops=items * one,
        passes=math.ceil(items / settings.batch_size),
        host_seconds=0.8 + items * _reading(geometry),
        state_mb=network.parameters * (4 + (width if width < 4 else 0)) / _MIB,
        item_mb=live / _MIB,
        batch=settings.batch_size,
    )


def _reading(geometry: Geometry) -> float:
    """Seconds of cutting a crop out of a volume on the disk's cache, and of turning it into float32."""
    return 1.5e-9 * math.prod(geometry.crop) * geometry.channels


def _sizes(
    options: Mapping[str, Any], amount: Amount, network: NetworkSize, dtype: str
) -> tuple[Geometry, Shape, Settings]:
    decoder: dict[str, Any] = {f"decoder_{name}": int(value) for name, value in options["decoder"].items()}
    sizes: dict[str, Any] = {name: getattr(network, name) for name in ("width", "depth", "heads", "mlp_width")}
    if options["init"] == "scratch":
        sizes |= {name: int(value) for name, value in options["encoder"].items()}
    sizes["reference"] = bool(options.get("reference", False))
    if options["mode"] == "volume":
        channels = 1 if options["modalities"] == "separate" else amount.channels
        geometry = Geometry(tuple(options["crop"]), tuple(options["patch"]), channels)
        shape = Shape(**sizes, **decoder, layer_scale=network.layer_scale)
    else:
        side, patch = amount.image_size, network.patch or 16
        geometry = Geometry((side, side), (patch, patch), 3)
        registers = max(network.prefix_tokens - 1, 0)
        shape = Shape(
            **sizes, **decoder, layer_scale=network.layer_scale, class_token=network.prefix_tokens > 0,
            register_tokens=registers, prefix_positions=True,
        )  # fmt: skip
    return geometry, shape, Settings.from_stanza(options, precision=dtype, seed=0, threads=1)
