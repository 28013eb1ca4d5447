"""What a study ran on: versions, machine, GPU, source."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from sixgig.redaction import redacted_values
from sixgig.runtime.paths import shareable
from sixgig.runtime.places import IN_CLONE, WORKFLOW
from sixgig.runtime.versions import study_versions
from sixgig.version import __version__


def describe_study(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return config, versions, machine and source commit of a study, for everybody who gets the results.

    Passwords and tokens in it are masked.

    Args:
        config: The complete config. Absolute paths in it are shown without the folders of this machine.
    """
    return {
        "config": redacted_values(shareable(config)),
        "arms": list(config.get("arms") or ()),  # in display order, which JSON with sorted keys loses
        "seed": config["seed"],
        "sixgig": __version__,
        "versions": study_versions(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
            "gpu": _gpu(),
        },
        "source": source_commit(),
        "command": "snakemake --cores all",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu() -> dict[str, Any]:
    """Name, memory and driver of the first card, according to its driver; torch is not imported for it."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # NVML raises its own types when there is no driver
        return {"name": "none", "reason": str(error)}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return {
            "name": str(pynvml.nvmlDeviceGetName(handle)),
            "memory_mb": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total / 2**20),
            "driver": str(pynvml.nvmlSystemGetDriverVersion()),
        }
    except Exception as error:
        return {"name": "none", "reason": str(error)}
    finally:
        pynvml.nvmlShutdown()


def source_commit() -> dict[str, Any]:
    """Return the commit of the checkout, and whether it was changed since; empty outside a checkout."""
    if not IN_CLONE:  # an installed package may lie inside a repository of the user's
        return {}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(WORKFLOW), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}
