"""The batch size that fits the card, before an encoding starts: out-of-memory errors take time, and may end a job."""

from __future__ import annotations

from sixgig.errors import WeightsError
from sixgig.gpu.device import Device
from sixgig.gpu.work import ALLOCATOR_MB, encoding_memory, largest_fitting
from sixgig.weights.sizes import network_size


def fitting_batch(
    asked: int, model: str, image_size: int, device: Device, memory_limit_mb: float
) -> tuple[int, list[str]]:
    """Return the batch size to begin with, and what was given up for it, in words.

    On a CPU it is what was asked for. When not even one image is expected to fit, it is what was asked for too: the
    ladder of :mod:`sixgig.gpu.ladder` then finds out.

    Args:
        asked: Batch size of the study file.
        model: timm's name of the network.
        image_size: Side of an image in pixels.
        device: Where it is encoded.
        memory_limit_mb: What this process may take of the card, in MiB.
    """
    if device.kind != "cuda":
        return asked, []
    try:
        size = network_size(model, image_size)
    except WeightsError:  # whoever builds the network says what is wrong
        return asked, []
    state, item = encoding_memory(size, image_size, device.dtype)

    def needed(batch: int) -> float:
        return state + batch * item + ALLOCATOR_MB

    fits = largest_fitting(asked, needed, memory_limit_mb)
    if fits in (0, asked):
        return asked, []
    reason = f"batch size {asked} would take about {needed(asked):.0f} MiB of {memory_limit_mb:.0f} on the GPU"
    return fits, [f"{reason}: batch size {fits}"]
