"""EfficientNet-Lite0 from a checkpoint of the ``efficientnet_pytorch`` family, for timm's ``tf_efficientnet_lite0``.

The two implementations name their layers differently but hold the same tensors in the same order, so tensors are
matched by order; every shape is checked.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

#: The timm model whose names the converter writes.
MODEL = "tf_efficientnet_lite0"


def convert(data: bytes, model: str, place: str) -> dict[str, Tensor]:
    """Return timm's state dict of the checkpoint without the classifier head.

    Args:
        data: Content of the ``.pth`` file.
        model: timm model name, :data:`MODEL`.
        place: Where the file comes from, for error messages.

    Raises:
        WeightsError: The data are not such a checkpoint, or the model is another one.
    """
    if model.split(".")[0] != MODEL:
        raise WeightsError(
            place, f"the converter efficientnet_lite0 makes weights for {MODEL}, not {model}", f"set model: {MODEL}"
        )
    complete = complete_state_dict(data, place)
    return {name: tensor for name, tensor in complete.items() if not name.startswith("classifier.")}


def complete_state_dict(data: bytes, place: str) -> dict[str, Tensor]:
    """Return timm's state dict of the checkpoint with its 1000-class ImageNet head.

    Args:
        data: Content of the ``.pth`` file.
        place: Where the file comes from, for error messages.

    Raises:
        WeightsError: The data are not a checkpoint, or its tensors differ from the network's in number or shape.
    """
    import timm
    import torch

    advice = "name the checkpoint of an EfficientNet-Lite0 in PyTorch, or another converter"
    try:
        theirs = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # on data of another kind PyTorch's restricted unpickler may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise WeightsError(place, f"is not a PyTorch checkpoint: {type(error).__name__}: {reason}", advice) from error
    with torch.device("meta"):  # names and shapes are all that is needed
        ours = timm.create_model(MODEL, pretrained=False).state_dict()
    if not isinstance(theirs, dict) or len(theirs) != len(ours):
        found = len(theirs) if isinstance(theirs, dict) else "no"
        raise WeightsError(place, f"holds {found} tensors, {MODEL} has {len(ours)}", advice)
    for (their_name, tensor), (our_name, target) in zip(theirs.items(), ours.items(), strict=True):
        if tensor.shape != target.shape:
            raise WeightsError(
                place,
                f"tensor {their_name} is {list(tensor.shape)}, and {our_name} at its place is {list(target.shape)}",
                advice,
            )
    return dict(zip(ours, theirs.values(), strict=True))
