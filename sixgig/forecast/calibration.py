"""A few seconds of measuring what this machine can do.

Other programs may run meanwhile. So everything is done many times in short pieces, and the best one counts: it is the
one that nobody disturbed.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sixgig.forecast.card_rates import measure_card
from sixgig.forecast.rates import REFERENCE, Machine, processor, usable_cores
from sixgig.forecast.repeating import best_of
from sixgig.forecast.sheets import CardSheet

_MIB = 1024 * 1024
#: Seconds of the scalar test on the reference machine.
_SCALAR_REFERENCE = 0.0042
#: What every job imports.
_PLAIN = "import numpy, pandas"
_ROUNDS = 4


def calibrate(seconds: float = 0.5) -> Machine:
    """Measure this machine.

    Args:
        seconds: For each of the rates, about.
    """
    start = _cpu_seconds_of(_PLAIN, 2)
    found = _in_a_process(seconds)
    card = found["card"]
    return Machine(
        name=processor(),
        cores=usable_cores(),
        memory_mb=memory_mb(),
        transformer_gflops=found["transformer"],
        convolution_gflops=found["convolution"],
        speedup=max(1.0, min(float(usable_cores()), found["speedup"])),
        scalar=found["scalar"],
        start_s=start,
        torch_start_s=found["start"],
        disk_mb_s=_disk(),
        gunzip_mb_s=_gunzip(seconds / 2),
        download_mb_s=REFERENCE.download_mb_s,
        card=CardSheet(**card) if card else None,
        basis="measured",
    )


def memory_mb() -> float:
    """Return this machine's memory in MiB."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _MIB
    except (ValueError, OSError, AttributeError):
        return 8192.0


def _scalar() -> int:
    total = 0
    for number in range(150_000):
        total += number & 7
    return total


def _cpu_seconds_of(code: str, times: int) -> float:
    """Return the least processor time that a fresh Python takes for some code, in seconds."""
    timed = f"{code}; import os; t = os.times(); print('took', t.user + t.system)"
    found = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=False)
        words = done.stdout.split()
        if done.returncode == 0 and "took" in words:
            found.append(float(words[words.index("took") + 1]))
    return min(found, default=REFERENCE.start_s)


def _disk(folder: str = ".") -> float:
    """Return MiB a second written with fsync, in the folder where the process runs."""
    block = os.urandom(_MIB) * 16
    best = 0.0
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".sixgig-disk-") as inside:
            for number in range(5):
                began = time.perf_counter()
                with (Path(inside) / str(number)).open("wb") as stream:
                    stream.write(block)
                    stream.flush()
                    os.fsync(stream.fileno())
                best = max(best, len(block) / _MIB / (time.perf_counter() - began))
    except OSError:  # nothing can be written there
        return best or REFERENCE.disk_mb_s
    return best


def _gunzip(seconds: float) -> float:
    """Return MiB a second that gzip gives back of data like a medical volume: smooth, with noise in the low bits."""
    import numpy as np

    rng = np.random.default_rng(0)
    values = (400 * np.sin(np.arange(2**19) / 3000) + rng.normal(0, 6, 2**19)).astype(np.int16)
    packed, size = gzip.compress(values.tobytes(), 6), values.nbytes / _MIB
    return size / best_of(lambda: gzip.decompress(packed), seconds, time.thread_time)


def _in_a_process(seconds: float) -> dict[str, Any]:
    """Measure torch in a process of its own, so that the caller needs no torch."""
    done = subprocess.run(
        [sys.executable, "-m", "sixgig.forecast.calibration", str(seconds)],
        capture_output=True, text=True, check=False,
        # Threads that wait must not spin, or processor time would count their waiting.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        return {
            "transformer": REFERENCE.transformer_gflops, "convolution": REFERENCE.convolution_gflops,
            "speedup": float(usable_cores()), "scalar": 1.0, "start": REFERENCE.torch_start_s, "card": None,
        }  # fmt: skip
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _measure(seconds: float) -> dict[str, Any]:
    import pandas  # noqa: F401 (the start of a job that encodes is measured too)
    import timm  # noqa: F401
    import torch
    from torch import nn

    started = time.process_time()

    torch.manual_seed(0)
    cores = usable_cores()
    # One block of a ViT-S and a few images of 65 tokens: what a study at 112 pixels computes. Pieces of some
    # milliseconds, which a busy machine now and then leaves undisturbed.
    width, images = 384, 4
    block = nn.TransformerEncoderLayer(width, 6, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    items = torch.randn(images, 65, width)
    block_flops = 2.0 * images * 65 * 12 * width**2 + 4.0 * images * 65 * 65 * width
    # Two inverted residual blocks, early and late: what a small convolutional network spends its time on.
    stages = [_inverted(24, 56), _inverted(80, 14)]
    conv_flops = sum(flops for _, _, flops in stages)

    def convolve() -> None:
        for network, maps, _ in stages:
            network(maps)

    best: dict[str, float] = {}

    def note(name: str, seconds: float) -> None:
        best[name] = min(seconds, best.get(name, float("inf")))

    with torch.inference_mode():
        # Several rounds: whoever disturbs one kind of work may be gone in the next.
        for _ in range(_ROUNDS):
            note("scalar", best_of(_scalar, seconds / _ROUNDS, time.thread_time))
            for threads in dict.fromkeys((1, cores)):
                torch.set_num_threads(threads)
                note(f"block{threads}", best_of(lambda: block(items), seconds / _ROUNDS, time.process_time))
            torch.set_num_threads(1)
            note("conv", best_of(convolve, seconds / _ROUNDS, time.process_time))
    return {
        "transformer": block_flops / best["block1"] / 1e9,
        "convolution": conv_flops / best["conv"] / 1e9,
        # Processor time, not wall time: others may hold one of the cores all the time.
        "speedup": cores * best["block1"] / best[f"block{cores}"],
        "scalar": _SCALAR_REFERENCE / best["scalar"],
        "start": started,
        "card": measure_card(seconds) if torch.cuda.is_available() else None,
    }


def _inverted(channels: int, side: int, images: int = 2) -> tuple[Any, Any, float]:
    """Return an inverted residual block, maps for it, and its operations."""
    import torch
    from torch import nn

    wide = 6 * channels
    block = nn.Sequential(
        nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
        nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
        nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels),
    )  # fmt: skip
    maps = torch.randn(images, channels, side, side).to(memory_format=torch.channels_last)
    flops = 2.0 * images * side**2 * (2 * channels * wide + 9 * wide)
    return block.eval().to(memory_format=torch.channels_last), maps, flops  # type: ignore[call-overload]


if __name__ == "__main__":
    print(json.dumps(_measure(float(sys.argv[1]))))
