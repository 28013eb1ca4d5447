"""State dicts that already use timm's names: read the file, strip wrappers and prefixes, drop the classifier head."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIXES = ("module.", "model.")


def convert(data: bytes, model: str, place: str) -> dict[str, Tensor]:
    """Return the state dict in a ``.safetensors``, ``.pth`` or ``.npz`` file for a timm model without head.

    Args:
        data: Content of the file. Its format is recognised by its first bytes.
        model: timm model name.
        place: Where the file comes from, for error messages.

    Raises:
        WeightsError: The data are not a state dict in one of these formats.
    """
    return keep_backbone(read_state(data, place), model)


def keep_backbone(state: dict[str, Tensor], model: str) -> dict[str, Tensor]:
    """Return a state dict without name prefixes and without the tensors of the model's classifier head.

    Args:
        state: Tensors under timm's names, maybe with the prefixes ``module.`` and ``model.``.
        model: timm model name.

    Raises:
        WeightsError: timm does not know the model.
    """
    import torch

    from sixgig.weights.loading import create_network

    network = create_network(model)
    target = network.state_dict()
    heads: Any = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    kept = {}
    for name, tensor in state.items():
        short = _strip(name, target)
        if short in target or not short.startswith(tuple(f"{head}." for head in heads)):
            kept[short] = tensor
    for name, tensor in target.items():
        # A counter that inference does not use; older checkpoints lack it.
        if name.endswith(".num_batches_tracked") and name not in kept:
            kept[name] = torch.zeros_like(tensor)
    return kept


def _strip(name: str, target: dict[str, Tensor]) -> str:
    while name not in target:
        shorter = next((name[len(prefix) :] for prefix in _PREFIXES if name.startswith(prefix)), None)
        if shorter is None:
            break
        name = shorter
    return name


def read_state(data: bytes, place: str) -> dict[str, Tensor]:
    """Return the state dict in a file, under the names that it has there.

    Raises:
        WeightsError: The data are not a state dict in one of these formats.
    """
    import numpy as np
    import safetensors.torch
    import torch

    try:
        if _is_npz(data):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        if data[8:9] == b"{":  # a safetensors file starts with eight bytes of length, then JSON
            return safetensors.torch.load(data)
        state: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # on data of another kind the readers raise any kind of exception
        first = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise _no_state_dict(place, f"cannot be read as weights: {first}") from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _no_state_dict(place, "holds no state dict (names to tensors)")
    return dict(state)


def _is_npz(data: bytes) -> bool:
    """Tell NumPy's archive from PyTorch's: both are zip files."""
    if not data.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _no_state_dict(place: str, reason: str) -> WeightsError:
    return WeightsError(
        place, reason, "give a .safetensors, .pth or .npz file that holds a state dict with timm's names"
    )
