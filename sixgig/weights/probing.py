"""Try a network before anything is encoded: an image of the study's size passes through it on torch's meta device.

Nothing is fetched and no memory is taken; most networks take a fraction of a second, and the import of timm some more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.weights.tokens import TOKENS, Layout, layout_of

if TYPE_CHECKING:
    from torch import nn

#: Plain ViTs of timm with a class token, by their names: planning such a study imports no timm. A test tries each.
_PLAIN = re.compile(r"vit_(tiny|small|base|large)_patch(8|14|16|32)(_reg4)?(_224|_384|_dinov2)")
_WIDTHS = {"tiny": 192, "small": 384, "base": 768, "large": 1024}
#: How names of networks for volumes begin.
VOLUMES = "monai:"
#: What a network raises that cannot take an image.
_REFUSALS = (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Probe:
    """What a network does with an image.

    Attributes:
        layout: Of what it makes before pooling; None when no feature can be read from it.
        unreadable: Then, why not.
        features: Length of the network's own vector; 0 when it gives none.
        network: It, on the meta device, or on the CPU where torch lacks an operation there.
    """

    layout: Layout | None
    unreadable: str
    features: int
    network: nn.Module


def plain_layout(model: str, image_size: int) -> Layout | None:
    """Return the layout of a plain ViT, which its name tells; None of other networks."""
    found = _PLAIN.fullmatch(model.partition(".")[0])
    if found is None:
        return None
    return Layout(TOKENS, 5 if found[3] else 1, True, (image_size // int(found[2])) ** 2, _WIDTHS[found[1]])


@cache
def probe(model: str, image_size: int) -> Probe:
    """Let an image pass through a network without weights.

    Args:
        model: timm's name.
        image_size: Side of the image in pixels.

    Raises:
        WeightsError: timm does not know the model, or it does not take RGB images of this size; a size that it takes
            is named.
    """
    if model.startswith(VOLUMES):
        step = "use it with a kind of arm that encodes volumes"
        raise WeightsError(f"model {model}", "is a network for volumes, and the arm reads images", step)
    refused = _refusal(model, image_size)
    if isinstance(refused, Probe):
        return refused
    fits = next((size for size in _sizes(model, image_size) if _fits(model, size)), None)
    step = f"set image.size to {fits}, or choose another `model`" if fits else "choose another `model`"
    raise WeightsError(f"timm model {model}", f"does not take RGB images of {image_size} px: {refused}", step)


def require_image(network: nn.Module, model: str, image_size: int, place: str) -> None:
    """Let one black image pass through a network that holds its weights, on the CPU.

    Args:
        network: It, in any mode; it is left as it is.
        model: Its name.
        image_size: Side of the image in pixels.
        place: What names it in messages.

    Raises:
        WeightsError: It does not take RGB images of this size.
    """
    import torch

    training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, 3, image_size, image_size))
    except _REFUSALS as error:
        reason = f"{model} does not take RGB images of {image_size} px: {_in_short(error)}"
        raise WeightsError(place, reason, "choose another `model` or image.size") from error
    finally:
        network.train(training)


@cache
def _refusal(model: str, image_size: int) -> Probe | str:
    """Try a network; return what it does, or why it does not take the image."""
    from sixgig.weights.loading import check_model

    check_model(model, f"timm model {model}")
    try:
        return _try(model, image_size, "meta")
    except NotImplementedError:  # an operation that torch's meta device lacks
        pass
    except WeightsError as error:
        return error.reason
    except _REFUSALS as error:
        if "meta" not in str(error).lower():
            return _in_short(error)
    try:
        return _try(model, image_size, "cpu")
    except WeightsError as error:
        return error.reason
    except _REFUSALS as error:
        return _in_short(error)


def _try(model: str, image_size: int, device: str) -> Probe:
    import torch

    from sixgig.weights.loading import create_network

    with torch.device(device):
        network: Any = create_network(model, image_size).eval()
        image = torch.empty(1, 3, image_size, image_size) if device == "meta" else torch.zeros(1, 3, *[image_size] * 2)
    channels = next((module.in_channels for module in network.modules() if hasattr(module, "in_channels")), 3)
    if channels != 3:
        raise WeightsError(
            model, f"it takes images of {channels} channel(s); grey ones reach it as RGB, three times", ""
        )
    with torch.inference_mode():
        vector = network(image)
        shape = tuple(getattr(vector, "shape", ()))
        features = shape[1] if len(shape) == 2 else 0
        try:
            return Probe(layout_of(network, network.forward_features(image)), "", features, network)
        except WeightsError as error:
            return Probe(None, error.reason, features, network)


def _sizes(model: str, image_size: int) -> Iterator[int]:
    """Yield sizes that a network may take, the nearest first: its own, and multiples of 32 and 14 around."""
    import timm

    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    own = [int(config.input_size[-1])] if config is not None and config.input_size else []
    around = {max(image_size // side + step, 1) * side for side in (32, 14) for step in (0, 1)}
    yield from sorted({*own, *around} - {image_size}, key=lambda size: abs(size - image_size))


def _fits(model: str, image_size: int) -> bool:
    """Whether a network takes a size with the tensors of its own size; positions of ViTs alone are resampled."""
    from sixgig.weights.loading import create_network

    tried = _refusal(model, image_size)
    if not isinstance(tried, Probe):
        return False
    import torch

    with torch.device("meta"):
        own = create_network(model).state_dict()
    tensors = tried.network.state_dict()
    resampled = {"pos_embed"} if hasattr(tried.network, "num_prefix_tokens") else set()
    return all(name in resampled or tensors[name].shape == own[name].shape for name in own)


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
