"""A weights file as flat names and tensors: safetensors, PyTorch's format without foreign code, NumPy's archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

_FORMATS = "give a .safetensors, .pth or .npz file that holds a state dict (names to tensors)"
#: How a pickle that wants more than tensors becomes a file that can be read without running foreign code.
_CONVERT = (
    "ask whoever made it for a .safetensors file. Or, if you trust them, open it once with their own code on a "
    "computer without patient data, and write its tensors with `safetensors.torch.save_file`; then name that file and "
    "its sha256 as a `file`"
)
_GLOBAL = re.compile(r"Unsupported global: GLOBAL ([\w.]+)|Unsupported class ([\w.]+)|found (?:module|type) ([\w.]+)")


def read_tensors(data: bytes, place: str) -> dict[str, Tensor]:
    """Return all tensors of a weights file; those of nested containers under names joined by dots.

    Args:
        data: Content of the file. Its format is recognised by its first bytes.
        place: Where the file comes from, for error messages.

    Raises:
        WeightsError: The data are in none of the formats, hold no tensors, or want foreign code to be run.
    """
    import numpy as np
    import safetensors.torch
    import torch

    try:
        if _is_npz(data):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        if data[8:9] == b"{":  # a safetensors file starts with eight bytes of length, then JSON
            return dict(safetensors.torch.load(data))
        content: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # on data of another kind the readers raise any kind of exception
        raise _unreadable(error, place) from error
    flat = dict(_flat(content))
    if not flat:
        kind = type(content).__name__
        raise WeightsError(place, f"holds no state dict (names to tensors) but a {kind} without tensors", _FORMATS)
    return flat


def _flat(content: Any, above: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of nested mappings; other values, such as epochs and settings, are no weights."""
    import torch

    if isinstance(content, torch.Tensor):
        if above:
            yield above, content.detach()
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _flat(value, f"{above}.{key}" if above else str(key))


def _unreadable(error: Exception, place: str) -> WeightsError:
    text = str(error)
    wanted = sorted({name for names in _GLOBAL.findall(text) for name in names if name})
    if wanted:
        return WeightsError(
            place,
            f"cannot be read as weights: it is a pickle that runs code of {', '.join(wanted)} when it is opened, "
            "and a weights file from elsewhere must not run code here",
            _CONVERT,
        )
    # PyTorch's own messages advise to open such files with the guard against foreign code switched off.
    return WeightsError(
        place,
        "cannot be read as weights: it is damaged, or no file of tensors",
        f"get it again, and compare its size and sha256 with those of its publisher; {_FORMATS}; an ONNX file "
        "needs its `converter`",
    )


def _is_npz(data: bytes) -> bool:
    """Tell NumPy's archive from PyTorch's: both are zip files."""
    if not data.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False
