"""Parameters, operations and activations of timm's networks, without building them where that can be helped.

Vision transformers follow from their names. Of common convolutional networks a table holds what torch counted on its
meta device at 224 pixels. Any other network is built there, which takes some seconds and no memory.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sixgig.gpu.work import NetworkSize, transformer_flops
from sixgig.weights.live import most_alive
from sixgig.weights.probing import probe

#: Width, depth, heads of timm's ViTs.
_WIDTHS = {
    "tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16),
    "huge": (1280, 32, 16), "so400m": (1152, 27, 16),
}  # fmt: skip
_VIT = re.compile(
    r"^(?:vit|deit3?)_(tiny|small|base|large|huge)_(?:distilled_)?patch(\d+)(?:_(reg4))?"
    r"(?:_dinov2|(?:_clip(?:_quickgelu)?)?_\d{3})?$"
)
#: At 224 pixels without head: 10^6 parameters, 10^9 operations, 10^6 numbers at the widest layer (input and output),
#: 10^6 numbers of all layers' outputs, length of a feature.
_CONVOLUTIONAL = {
    "resnet18": (11.18, 3.627, 1.61, 8.98, 512),
    "resnet34": (21.28, 7.326, 1.61, 14.00, 512),
    "resnet50": (23.51, 8.174, 1.61, 34.80, 2048),
    "resnet101": (42.50, 15.599, 1.61, 51.86, 2048),
    "resnet152": (58.14, 23.023, 1.61, 72.94, 2048),
    "efficientnet_b0": (4.01, 0.769, 2.41, 22.75, 1280),
    "efficientnet_b1": (6.51, 1.137, 2.41, 32.16, 1280),
    "efficientnet_b2": (7.70, 1.315, 2.41, 33.73, 1408),
    "efficientnet_b3": (10.70, 1.922, 3.61, 44.72, 1536),
    "tf_efficientnet_lite0": (3.37, 0.768, 2.41, 25.04, 1280),
    "tf_efficientnet_b0": (4.01, 0.769, 2.41, 22.75, 1280),
    "mobilenetv2_100": (2.22, 0.599, 2.41, 24.86, 1280),
    "mobilenetv3_large_100": (4.20, 0.431, 1.61, 15.86, 960),
    "densenet121": (6.95, 5.666, 1.61, 38.61, 1024),
    "convnext_tiny": (27.82, 8.910, 2.41, 48.93, 768),
    "convnext_small": (49.45, 17.366, 2.41, 78.73, 768),
    "convnext_base": (87.57, 30.707, 3.21, 104.98, 1024),
}
#: Layers in a row of those of the table: more than one is held at a time.
_LIVE = 1.5
#: Share of the rate of small convolutions that large dense ones reach.
_DENSE = 2.5


def is_common_cnn(model: str) -> bool:
    """Whether a network is one of the table of common convolutional ones, all of which end in one vector."""
    return model.partition(".")[0] in _CONVOLUTIONAL


@cache
def network_size(model: str, image_size: int) -> NetworkSize:
    """Return how large a network is.

    Args:
        model: timm's name, with or without the tag of its weights.
        image_size: Side of the images in pixels.

    Raises:
        WeightsError: timm does not know the model, or it cannot take this image size.
    """
    name = model.split(".")[0]
    found = _VIT.match(name)
    if found and found[1] in _WIDTHS:
        return _vit(name, *_WIDTHS[found[1]], patch=int(found[2]), registers=4 if found[3] else 0, size=image_size)
    if name in _CONVOLUTIONAL:
        parameters, flops, widest, outputs, features = _CONVOLUTIONAL[name]
        area = (image_size / 224) ** 2
        live = _LIVE * widest * 1e6 * area
        return _convolutional(parameters * 1e6, flops * 1e9 * area, live, outputs * 1e6 * area, features)
    return _counted(model, image_size)


def _vit(name: str, width: int, depth: int, heads: int, *, patch: int, registers: int, size: int) -> NetworkSize:
    scaled = "dinov2" in name or name.startswith("deit3")
    prefix = 1 + registers + (1 if "distilled" in name else 0)
    tokens = (size // patch) ** 2 + prefix
    mlp = 4 * width
    block = 4 * width**2 + 2 * width * mlp + 9 * width + mlp + (2 * width if scaled else 0)
    parameters = depth * block + 3 * patch**2 * width + width + (tokens + prefix) * width + 2 * width
    flops = transformer_flops(tokens, width, depth, mlp) + 2.0 * (tokens - prefix) * 3 * patch**2 * width
    # At the widest place: residual, branch and norms, some of them in float32; the hidden layer before and after GELU.
    live = tokens * (8 * width + 2 * mlp)
    kept = tokens * depth * (10 * width + 2 * mlp)
    return NetworkSize(
        parameters, flops, live, kept, width, "transformer", 1.0,
        width, depth, heads, mlp, tokens, prefix, patch, scaled,
    )  # fmt: skip


def _convolutional(parameters: float, flops: float, live: float, outputs: float, features: int) -> NetworkSize:
    share = _DENSE if flops / max(outputs, 1.0) > 200 else 1.0
    return NetworkSize(parameters, flops, live, outputs, features, "convolution", share)


@cache
def _counted(model: str, image_size: int) -> NetworkSize:
    """Build the network on torch's meta device, and count. One that gives no vector has features of length 0."""
    probed = probe(model, image_size)
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    network: Any = probed.network.requires_grad_(False)
    image = torch.empty(1, 3, image_size, image_size, device=next(network.parameters()).device)
    outputs = 0

    def look(_: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        nonlocal outputs
        if given and isinstance(given[0], torch.Tensor) and isinstance(made, torch.Tensor):
            outputs += made.numel()

    hooks = [
        module.register_forward_hook(look) for module in network.modules() if not any(True for _ in module.children())
    ]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    for hook in hooks:
        hook.remove()
    live = most_alive(network, image)
    parameters = float(sum(tensor.numel() for tensor in network.parameters()))
    counted = counter.get_flop_counts()["Global"]
    flops = float(sum(counted.values()))
    convolved = sum(number for operation, number in counted.items() if "convolution" in str(operation))
    found = _blocks(network)
    if found or 2 * convolved < flops:  # most of its work is in products of matrices
        return NetworkSize(parameters, flops, live, float(outputs), probed.features, "transformer", 1.0, **found)
    return _convolutional(parameters, flops, live, float(outputs), probed.features)


def _blocks(network: Any) -> dict[str, Any]:
    """Return width, depth and so on of a vision transformer as timm builds it; nothing of other networks."""
    try:
        first = network.blocks[0]
        patch = int(network.patch_embed.patch_size[0])
        prefix = int(network.num_prefix_tokens)
        return {
            "width": int(network.embed_dim),
            "depth": len(network.blocks),
            "heads": int(first.attn.num_heads),
            "mlp_width": int(first.mlp.fc1.out_features),
            "tokens": int(network.patch_embed.num_patches) + prefix,
            "prefix_tokens": prefix,
            "patch": patch,
            "layer_scale": hasattr(first.ls1, "gamma"),
        }
    except (AttributeError, TypeError, IndexError):
        return {}
