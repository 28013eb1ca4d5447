"""What encoding volumes computes and holds, for forecasts. Nothing that encodes imports this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sixgig.arms.volume_network.encoding import SEPARATE
from sixgig.gpu.work import TYPE_BYTES, Amount, NetworkSize, Work
from sixgig.mim.sliding import sliding_positions

_MIB = 1024 * 1024
#: What the allocator reserves for what crops of a pass hold. Their blocks are few, large and alike, so it leaves
#: smaller gaps than with images: 1.05 to 1.25 times what is held was reserved on a card.
_GAPS = 1.15
#: Seconds of cutting a voxel out of a volume in the disk's cache, and of turning it into float32.
_READING = 1.5e-9


def encoding(options: Mapping[str, Any], amount: Amount, network: NetworkSize, dtype: str) -> Work:
    """Return the work of encoding a cohort's volumes.

    Args:
        options: The arm's stanza for the cohort.
        amount: Of the cohort.
        network: How large the network is, for a crop of its ``voxels``.
        dtype: Computation type.

    Raises:
        ArmError: The crop is larger than the volumes.
    """
    crop, batch = options["crop"], int(options["batch_size"])
    groups = amount.channels if options["channels"] == SEPARATE else 1
    items = amount.volumes * groups * len(sliding_positions(amount.volume_size, crop))
    voxels = math.prod(crop)
    larger = voxels / network.voxels if network.voxels else 1.0
    return Work(
        flops=items * network.flops * larger,
        passes=math.ceil(items / batch),
        streamed=2.0 * items * network.kept * larger * TYPE_BYTES[dtype],
        kind=network.kind,
        share=network.share,
        host_seconds=0.8 + items * voxels * _READING,
        state_mb=network.parameters * 4 / _MIB,
        item_mb=_GAPS * (network.live * larger * TYPE_BYTES[dtype] + 3 * 4 * voxels) / _MIB,
        batch=batch,
        kept_mb=2 * amount.volumes * groups * network.features * 4 / _MIB,
    )
