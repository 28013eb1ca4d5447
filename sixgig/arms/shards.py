"""One of several jobs that encode a cohort side by side, each some of its rows; and their features together.

A network computes a batch at a time, and another batch changes the last bits of a feature. So shards begin where a
batch begins: their batches are those of one job that encodes all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sixgig.runtime.atomic import atomic_path, read_json, write_json


class Part(NamedTuple):
    """Which of several parts of a cohort a job encodes.

    Attributes:
        shard: Which, from 1.
        of: Number of parts.
    """

    shard: int
    of: int

    def rows(self, n: int, batch_size: int) -> slice:
        """Return the rows of a part: whole batches, as many as in the others or one more; none where batches are few.

        Args:
            n: Number of images or volumes.
            batch_size: Size of a batch.
        """
        batches = -(-n // batch_size)
        first, last = batches * (self.shard - 1) // self.of, batches * self.shard // self.of
        return slice(min(first * batch_size, n), min(last * batch_size, n))


class Encoded(NamedTuple):
    """Files of one shard: its rows, float32 [n, d], and what is written down about them."""

    rows: Path
    facts: Path


def write_shard(output: Encoded, rows: np.ndarray, facts: dict[str, Any]) -> None:
    """Write what one shard encoded."""
    with atomic_path(output.rows, rows.nbytes) as partial, partial.open("wb") as stream:
        np.save(stream, rows)
    write_json(output.facts, facts)


def read_shards(shards: Sequence[Encoded]) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the rows of all shards, float32 [n, d], and what is to be written down about them together.

    Seconds are the sum, peaks of memory the highest, the batch size the smallest that was used. Where a shard gave
    something up, that is said with its number. When one failed, there are no rows, and its status is that of all.
    """
    told = [read_json(shard.facts) for shard in shards]
    failed = next((facts for facts in told if facts.get("status")), None)
    if failed is not None:
        return np.zeros((0, 0), np.float32), failed
    arrays = [np.load(shard.rows) for shard in shards]
    filled = [index for index, array in enumerate(arrays) if len(array)]
    facts, costs = dict(told[filled[0]]), [told[index]["cost"] for index in filled]
    facts["fallbacks"] = [
        f"shard {index + 1} of {len(shards)}: {entry}" for index in filled for entry in told[index]["fallbacks"]
    ]
    for name in ("device", "device_name", "dtype"):
        facts[name] = ", ".join(dict.fromkeys(str(told[index][name]) for index in filled))
    facts["batch_size_used"] = min(told[index]["batch_size_used"] for index in filled)
    measured = [told[index]["rounding"] for index in filled if "rounding" in told[index]]
    if measured:
        facts["rounding"] = max(measured, key=lambda found: float(found["relative_error"]))
    rows = np.concatenate([arrays[index] for index in filled])
    seconds = sum(cost["seconds"] for cost in costs)
    facts["cost"] = {
        **costs[0],
        "seconds": seconds,
        "images_per_second": len(rows) / seconds if seconds else None,
        "peak_vram_mb": max(cost["peak_vram_mb"] for cost in costs),
        "peak_rss_mb": max(cost["peak_rss_mb"] for cost in costs),
    }
    facts["shards"] = len(shards)
    return rows, facts
