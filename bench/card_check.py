"""Check on a machine with a GPU what the tests can only pretend: which card is locked, by whom, and what it says.

``python -m bench.card_check`` takes about half a minute, needs torch, nvidia-ml-py and tqdm, and prints JSON. Its exit
code is 1 when something is not as it should be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from typing import Any

from sixgig.gpu import card as cards
from sixgig.gpu import watch as watching
from sixgig.gpu.alone import card_alone
from sixgig.gpu.device import choose_device
from sixgig.gpu.settings import WatchSettings
from sixgig.gpu.watch import GpuWatch

_MONITORS = ("nvml", "nvidia_smi", "gputil")


def main() -> int:
    """Run every check; return the exit code."""
    if sys.argv[1:2] == ["take"]:
        return _take(sys.argv[2])
    device = choose_device("cuda", "auto", 6144)
    first = cards.first_card()
    assert device.card is not None
    uuids = {
        "torch": device.card,
        "nvml": first.uuid if first else "",
        "cuda": cards._uuid_by_cuda() or "",
        "nvidia-smi": next(card.uuid for card in cards.cards_by_smi()),
    }
    names = {
        visible: _uuid(visible) for visible in ("", "-1", "0", "7", f"GPU-{device.card}", f"GPU-{device.card[:8]}")
    }
    intervals = _intervals(device.card)
    watched = {monitor: _watched(device.card, monitor) for monitor in _MONITORS}
    found: dict[str, Any] = {"card": device.name, "uuids": uuids, "visible": names, "watched": watched}
    found |= {"intervals": len(intervals), "overlaps": sum(b < e for (_, e), (b, _) in pairwise(intervals))}
    found["paused"] = _paused(device.card)
    right = [
        len(set(uuids.values())) == 1,
        list(names.values()) == [None, None, device.card, None, device.card, device.card],
        found["intervals"] == 9 and not found["overlaps"],
        all("card_memory_peak_mb" in watched[monitor] for monitor in _MONITORS[:2]),
        found["paused"]["seconds_paused"] > 1,
    ]
    print(json.dumps({**found, "right": right}, indent=2))
    return 0 if all(right) else 1


def _uuid(visible: str) -> str | None:
    card = cards.first_card(None, {"CUDA_VISIBLE_DEVICES": visible})
    return card.uuid if card is not None else None


def _compute(seconds: float, watch: GpuWatch | None = None) -> None:
    import torch

    numbers = torch.randn(4096, 4096, device="cuda")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        numbers = torch.nn.functional.normalize(numbers @ numbers)
        torch.cuda.synchronize()
        if watch is not None:
            watch.cool_down()


def _take(card: str) -> int:
    """Have the card three times, in a process of its own, and say when."""
    for _ in range(3):
        with card_alone(card, "check"):
            began = time.monotonic()
            _compute(0.3)
            print(began, time.monotonic(), flush=True)
    return 0


def _intervals(card: str) -> list[tuple[float, float]]:
    """Let three processes with folders of their own for temporary files use the card; return when they did."""
    takers = []
    for _ in range(3):
        variables = os.environ | {"TMPDIR": tempfile.mkdtemp()}
        command = [sys.executable, "-m", "bench.card_check", "take", card]
        takers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables))
    lines = [line for taker in takers for line in taker.communicate()[0].splitlines()]
    return sorted((float(line.split()[0]), float(line.split()[1])) for line in lines)


def _watched(card: str, monitor: str) -> dict[str, Any]:
    with GpuWatch(card, WatchSettings(monitor), seconds=0.5) as watch:
        _compute(3.0)
    return {name: value for name, value in watch.summary().items() if name != "series"}


def _paused(card: str) -> dict[str, Any]:
    """Pause because of a limit below the present temperature; the pause is cut short."""
    watching._LONGEST_PAUSE = 2.0
    with GpuWatch(card, WatchSettings(max_temperature=10.0), seconds=0.2) as watch:
        _compute(4.0, watch)
    return {"seconds_paused": watch.seconds_paused, "problem": watch.problem}


if __name__ == "__main__":
    sys.exit(main())
