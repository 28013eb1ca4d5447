"""Tensors on disk in parts, so that neither writing nor reading a checkpoint holds all of it in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

_PART_BYTES = 128 * 1024 * 1024


def write_tensors(folder: Path, tensors: Iterable[tuple[str, Tensor]], part_bytes: int = _PART_BYTES) -> None:
    """Write named tensors into files ``tensors-%03d.pt`` of about ``part_bytes`` each.

    Args:
        folder: Must exist.
        tensors: Names and tensors, on any device. A tensor larger than a part has a file of its own.
        part_bytes: Size from which another file begins.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    part: dict[str, Tensor] = {}
    number = size = 0
    for name, tensor in tensors:
        part[name] = tensor.detach()
        size += tensor.numel() * tensor.element_size()
        if size >= part_bytes:
            _write(folder, number, part)
            part, number, size = {}, number + 1, 0
    if part:
        _write(folder, number, part)


def _write(folder: Path, number: int, part: dict[str, Tensor]) -> None:
    try:
        torch.save(part, _path(folder, number))  # copies the tensors of a GPU to the host one by one
    except RuntimeError as error:  # of torch's writer, which says little more than that a write failed
        raise OSError(None, f"{_path(folder, number).name} cannot be written ({error})") from error


def read_tensors(folder: Path) -> Iterator[dict[str, Tensor]]:
    """Yield the parts that :func:`write_tensors` wrote, one in memory at a time, on the CPU."""
    number = 0
    while _path(folder, number).exists():
        yield torch.load(_path(folder, number), map_location="cpu", weights_only=True)
        number += 1


def _path(folder: Path, number: int) -> Path:
    return folder / f"tensors-{number:03d}.pt"
