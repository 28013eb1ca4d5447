"""Parameters, operations and activations of MONAI's 3D networks, counted on the meta device without memory."""

from __future__ import annotations

import json
import math
from functools import cache

from sixgig.gpu.work import NetworkSize
from sixgig.weights.building import require_building
from sixgig.weights.live import most_alive
from sixgig.weights.monai_networks import build_network, crop_fault, features_of, own_crop

#: Side of the crop that is counted, where a network takes more than one size.
_SIDE = 64
#: Networks whose time goes into products of matrices.
_TRANSFORMERS = ("ViT", "UNETR", "SwinUNETR")


@cache
def volume_network_size(model: str, options: str) -> NetworkSize:
    """Return how large a network is, for a crop of ``voxels`` voxels; operations grow with them.

    Args:
        model: ``monai:<Network>``.
        options: For its constructor, as JSON.

    Raises:
        WeightsError: There is no such network, or it cannot be built with these options.
    """
    require_building()
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    given = json.loads(options)
    network = build_network(model, given).to("meta")
    crop = own_crop(model, given) or (_SIDE,) * 3
    fault = crop_fault(model, given, crop)
    if fault is not None:
        crop = tuple(fault[1])
    channels = next(tensor.shape[1] for tensor in network.parameters() if tensor.ndim == 5)
    outputs = 0

    def look(_: nn.Module, taken: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        nonlocal outputs
        if taken and isinstance(taken[0], torch.Tensor) and isinstance(made, torch.Tensor):
            outputs += made.numel()

    empty = torch.empty(1, channels, *crop, device="meta")
    live = most_alive(lambda item: features_of(model, network, item), empty)
    for module in network.modules():
        if not any(True for _ in module.children()):
            module.register_forward_hook(look)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        features = features_of(model, network, empty)
    return NetworkSize(
        parameters=float(sum(tensor.numel() for tensor in network.parameters())),
        flops=float(counter.get_total_flops()),
        live=live,
        kept=float(outputs),
        features=int(features.shape[-1]),
        kind="transformer" if model.rpartition(":")[2] in _TRANSFORMERS else "convolution",
        voxels=math.prod(crop),
    )
