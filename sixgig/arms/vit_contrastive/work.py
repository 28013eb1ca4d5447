"""What contrastive training computes and holds, for forecasts. Nothing that trains imports this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sixgig.contrastive.settings import Settings
from sixgig.gpu.work import Amount, NetworkSize, Work

_MIB = 1024 * 1024
#: Images of a batch for each that the loss counts.
_VIEWS = {"g_r": 2, "g_d_minus": 3, "g_d": 4}
#: Share of a forward pass's rate that training reaches on a processor, in TensorFlow 1 as in PyTorch.
_SHARE = 0.8
#: Bytes that Adam moves per trained parameter and step.
_MOVED = 4 * 7
#: Seconds of one core: starting the other environment, its graph and its self-test; one image's augmentation.
_START, _AUGMENT = 14.0, 0.003
#: Host memory of the other environment's process before any weights, in MiB.
_PROCESS_MB = 560.0


def training(options: Mapping[str, Any], amount: Amount, network: NetworkSize, dtype: str) -> Work:
    """Return the work of a training: all steps, and the loss and the evidence measured before and after.

    Args:
        options: The arm's stanza.
        amount: Of the cohort.
        network: The backbone's size at the cohort's images.
        dtype: Computation type; ``float32`` means a processor, where the other environment trains.
    """
    loss = options["loss"] if amount.volumetric else "g_r"
    images = int(options["batch_size"]) * _VIEWS[loss]
    depth = max(network.depth, 1)
    trained = 1 - min(int(options["frozen_blocks"]), depth - 1) / depth
    steps = int(options["steps"]) + int(options["local_steps"])
    # A product forward; two backward in the blocks that learn.
    stepping = steps * images * network.flops * (1 + 2 * trained)
    defaults = Settings._field_defaults
    evaluated = round(amount.images * (1 - amount.pretraining)) or amount.images
    evidence = min(defaults["evidence_images"], evaluated) * (1 if amount.volumetric else 2)
    measured = 2 * (defaults["evidence_batches"] * images + evidence)
    micro = int(options["micro_batch_size"]) or images
    parts, drawn = math.ceil(images / micro), steps * images + measured
    learned = network.parameters * trained
    kept = trained * network.kept + (1 - trained) * network.live
    width = 4 if dtype == "float32" else 2
    elsewhere = dtype == "float32" and options["backend"] != "torch"
    item = (1.15 * kept * width + 6 * 4 * amount.image_size**2) / _MIB
    weights = network.parameters * 4 / _MIB
    state = weights + 3 * learned * 4 / _MIB + (network.parameters * 2 / _MIB if width == 2 else 0)
    return Work(
        flops=stepping + measured * network.flops,
        passes=3.0 * steps * parts + measured / 16,
        moved=steps * learned * _MOVED,
        streamed=2.0 * width * network.kept * (steps * images * (1 + 2 * trained) + measured),
        share=_SHARE,
        host_seconds=(_START if elsewhere else 1.0) + _AUGMENT * (amount.image_size / 224) ** 2 * drawn,
        # Beside a card the host holds the weights and, while a checkpoint is written, Adam's moments and a copy.
        host_mb=(_PROCESS_MB + 2 * weights if elsewhere else 0.0) + (weights if width == 4 else 4 * weights),
        state_mb=state,
        item_mb=item,
        batch=micro,
        written_mb=4 * weights,
        kept_mb=weights,
    )
