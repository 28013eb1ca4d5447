"""What the bench needs of a machine, and what it says of it: packages, quiet, processor, versions."""

from __future__ import annotations

import datetime
import importlib.util
import os
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.harness import BenchError
from sixgig.runtime.environment import describe_study
from sixgig.runtime.versions import package_version

#: Module and package of what the bench compares with or needs.
_PACKAGES = {
    "torch": "torch", "torchvision": "torchvision", "timm": "timm", "numpy": "numpy", "scipy": "scipy",
    "sklearn": "scikit-learn", "sklearnex": "scikit-learn-intelex", "spams": "spams-bin",
    "onnxruntime": "onnxruntime", "openvino": "openvino", "monai": "monai", "SimpleITK": "SimpleITK",
    "nibabel": "nibabel", "pydicom": "pydicom", "PIL": "pillow", "statsmodels": "statsmodels", "numba": "numba",
}  # fmt: skip
#: Of the processor's flags, those that decide how fast numbers are multiplied.
_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
#: The largest share of the cores that other programs may use.
MOST = 0.15


def require_packages() -> None:
    """Check that everything to compare with is installed.

    Raises:
        BenchError: Something is missing.
    """
    missing = [package for module, package in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise BenchError(
            ".venv-bench", f"without {', '.join(missing)} there is nothing to compare with", "run it by `make bench`"
        )


def quiet(busy: bool, seconds: float = 3.0) -> None:
    """Check that other programs leave the cores alone.

    Raises:
        BenchError: They do not, and ``busy`` does not allow it.
    """
    share = psutil.cpu_percent(interval=seconds) / 100
    if share > MOST and not busy:
        raise BenchError(
            "the machine",
            f"other programs use {share:.0%} of the cores; above {MOST:.0%} times mean little",
            "wait until it is quiet, or measure all the same with BUSY=yes, which the page then says",
        )


@dataclass
class Share:
    """What passed while a section ran.

    Attributes:
        others: Share of all cores that other programs used, between 0 and 1.
        seconds: Wall time.
    """

    others: float = 0.0
    seconds: float = 0.0


@contextmanager
def others_share() -> Iterator[Share]:
    """Measure how much of the cores was used by programs that this process did not start."""
    share = Share()
    began, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    yield share
    share.seconds = time.perf_counter() - began
    used = _busy_seconds() - busy - (_own_seconds() - own)
    share.others = max(0.0, used / (share.seconds * (psutil.cpu_count() or 1)))


def _busy_seconds() -> float:
    times = psutil.cpu_times()._asdict()
    return float(sum(times.values()) - sum(times.get(name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice")))


def _own_seconds() -> float:
    """Return CPU time of this process and of all that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def machine() -> dict[str, Any]:
    """Return processor, cores, flags, memory, card, versions, source, load and date."""
    known = describe_study({"seed": 0})
    facts = known["machine"] | {
        "usable_cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in _FLAGS if flag in _cpu_flags()],
        "load": [round(value, 2) for value in os.getloadavg()],
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version()}
        | {package: package_version(package) for package in _PACKAGES.values()},
        "source": known["source"],
    }
    return dict(facts)


def _cpu_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
    return set()
