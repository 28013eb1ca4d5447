"""What to do when the GPU is full: smaller batches, then gradient checkpointing, then the CPU; each step recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Rung:
    """One way to run: how many items at a time, on what, and whether activations are recomputed."""

    batch_size: int
    device: str
    gradient_checkpointing: bool = False


def rungs(batch_size: int, device: str, trains: bool, minimum: int = 1) -> Iterator[Rung]:
    """Yield the ways to run, from the one asked for to the last resort.

    Args:
        batch_size: What the config asks for.
        device: ``cuda`` or ``cpu``; on a CPU there is only the first rung.
        trains: Whether gradients are kept; only then does gradient checkpointing help.
        minimum: Smallest batch size worth trying.
    """
    yield Rung(batch_size, device)
    if device != "cuda":
        return
    smaller = batch_size // 2
    last = batch_size
    while smaller >= minimum:
        yield Rung(smaller, device)
        last = smaller
        smaller //= 2
    if trains:
        yield Rung(last, device, gradient_checkpointing=True)
    yield Rung(batch_size, "cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the GPU is full."""
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def climb_down(
    run: Callable[[Rung], _Result],
    ladder: Iterator[Rung],
    out_of_memory: Callable[[BaseException], bool] = is_out_of_memory,
    clean_up: Callable[[], None] | None = None,
) -> tuple[_Result, Rung, list[str]]:
    """Call ``run`` with one rung after another until one has enough memory.

    Args:
        run: The work. It must free what it holds when it raises.
        ladder: From :func:`rungs`.
        out_of_memory: Distinguishes memory errors from all others, which are passed on.
        clean_up: Called between two rungs, for instance to empty the allocator's cache.

    Returns:
        The result, the rung that worked, and what was given up on the way, in words.

    Raises:
        Exception: What ``run`` raised on the last rung, or any error that is not about memory.
    """
    fallbacks: list[str] = []
    remaining = list(ladder)
    for position, rung in enumerate(remaining):
        try:
            return run(rung), rung, fallbacks
        except Exception as error:
            if position + 1 == len(remaining) or not out_of_memory(error):
                raise
        # Outside the except block: the traceback there would keep the failed attempt's tensors alive.
        step = _describe(rung, remaining[position + 1])
        _LOG.warning("GPU memory is full: %s", step)
        fallbacks.append(step)
        if clean_up is not None:
            clean_up()
    raise ValueError("the ladder has no rung")


def _describe(before: Rung, after: Rung) -> str:
    if before.device != after.device:
        return f"out of GPU memory at batch size {before.batch_size}: ran on the CPU"
    if after.gradient_checkpointing and not before.gradient_checkpointing:
        return f"out of GPU memory at batch size {before.batch_size}: gradient checkpointing"
    return f"out of GPU memory at batch size {before.batch_size}: batch size {after.batch_size}"
