"""The card, its driver and memory, and who uses it, as NVIDIA's management library tells; CUDA is not started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding

_MIB = 2**20
#: The oldest driver that runs builds for a major version of CUDA, by minor-version compatibility.
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
_SLOWDOWN = 1  # NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
_HOT = 90.0
#: Below this many degrees before the card slows down, it is hot.
_MARGIN = 5.0


@dataclass(frozen=True)
class Seen:
    """What the driver says of the first card.

    Attributes:
        driver: Version of the driver.
        name: Name of the card.
        total_mb: Its memory in MiB.
        free_mb: What is free of it.
        capability: Compute capability, major and minor; None when unknown.
        temperature: Degrees Celsius; None when unknown.
        slows_at: Degrees Celsius at which it slows down.
        users: Number of a process that uses the card and the MiB that it takes (None when unknown).
        computing: Those that compute on it, and not only draw the screen.
        n_cards: Cards of this machine.
    """

    driver: str
    name: str
    total_mb: float
    free_mb: float
    capability: tuple[int, int] | None = None
    temperature: float | None = None
    slows_at: float = _HOT
    users: tuple[tuple[int, float | None], ...] = field(default=())
    computing: tuple[int, ...] = field(default=())
    n_cards: int = 1


def look(nvml: ModuleType | None = None) -> Seen | str:
    """Return what the driver says of the first card; in words why it says nothing when it does not."""
    try:
        if nvml is None:
            import pynvml

            nvml = pynvml
        nvml.nvmlInit()
    except Exception as error:  # a class of its own for each kind of problem
        return str(error) or type(error).__name__
    try:
        if not nvml.nvmlDeviceGetCount():
            return "the driver sees no card"
        return _seen(nvml, nvml.nvmlDeviceGetHandleByIndex(0))
    except Exception as error:
        return str(error) or type(error).__name__
    finally:
        with suppress(Exception):
            nvml.nvmlShutdown()


def _seen(nvml: Any, card: Any) -> Seen:
    memory = nvml.nvmlDeviceGetMemoryInfo(card)
    more: dict[str, Any] = {}
    with suppress(Exception):  # cards and drivers lack one or the other of these
        more["capability"] = tuple(nvml.nvmlDeviceGetCudaComputeCapability(card))
    with suppress(Exception):
        more["temperature"] = float(nvml.nvmlDeviceGetTemperature(card, 0))
        more["slows_at"] = float(nvml.nvmlDeviceGetTemperatureThreshold(card, _SLOWDOWN))
    users: dict[int, float | None] = {}
    for kind in ("Graphics", "Compute"):
        with suppress(Exception):
            for process in getattr(nvml, f"nvmlDeviceGet{kind}RunningProcesses")(card):
                used = process.usedGpuMemory
                users[process.pid] = None if used is None else used / _MIB
                if kind == "Compute":
                    more["computing"] = (*more.get("computing", ()), process.pid)
    return Seen(
        _text(nvml.nvmlSystemGetDriverVersion()),
        _text(nvml.nvmlDeviceGetName(card)),
        memory.total / _MIB,
        memory.free / _MIB,
        users=tuple(users.items()),
        n_cards=nvml.nvmlDeviceGetCount(),
        **more,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def check_no_card(reason: str, device: str) -> Finding:
    """Say what it means that there is no card.

    Args:
        reason: Why, from :func:`look`.
        device: What the study asks for: ``auto``, ``cuda`` or ``cpu``.
    """
    if device == "cpu":
        return Finding("card", OK, "none, and the study asks for none (device: cpu)")
    step = "install NVIDIA's driver, 525 or newer (nvidia-smi shows it)"
    if device == "cuda":
        said = f"none that can be used ({reason}), and the study wants one (device: cuda)"
        return Finding("card", ERROR, said, f"{step}; or set device: auto")
    return Finding("card", WARNING, f"none that can be used ({reason}): networks run on the CPU, slowly", step)


def check_driver(driver: str, cuda: str | None) -> Finding:
    """Check that a driver runs a build of torch.

    Args:
        driver: Version of the driver, such as ``535.183.01``.
        cuda: Version of CUDA that torch is built for; None for a build without CUDA.
    """
    if cuda is None:
        said = f"{driver}, and this build of torch has no CUDA"
        return Finding("driver", WARNING, said, "run `make setup`: the lock names a build with CUDA")
    newest, major = _number(driver), _number(cuda)
    oldest = OLDEST_DRIVER.get(major)
    if oldest is None:
        said = f"{driver}; sixgig does not know which one torch's build for CUDA {cuda} needs"
        return Finding("driver", WARNING, said, "see NVIDIA's table of CUDA compatibility")
    if newest < oldest:
        said = f"{driver} is older than {oldest}, which torch's build for CUDA {cuda} needs"
        older = [version for version, needs in OLDEST_DRIVER.items() if needs <= newest]
        step = f"install driver {oldest} or newer"
        step += f", or a build of torch for CUDA {max(older)} (make setup builds the locked one)" if older else ""
        return Finding("driver", ERROR, said, step)
    return Finding("driver", OK, f"{driver} runs torch's build for CUDA {cuda} (from {oldest} on)")


def check_capability(seen: Seen, architectures: Sequence[str]) -> Finding | None:
    """Check that a build of torch holds code for the card; None when one of the two is not known.

    Args:
        seen: The card.
        architectures: ``torch.cuda.get_arch_list()``, such as ``sm_86`` and ``compute_90``.
    """
    if seen.capability is None or not architectures:
        return None
    major, minor = seen.capability
    codes, later = (_versions(architectures, kind) for kind in ("sm_", "compute_"))
    # Code runs on cards of its own major version with the same or a later minor one; PTX on all later ones.
    fits = any(code[0] == major and code[1] <= minor for code in codes)
    fits = fits or any(code <= (major, minor) for code in later)
    shown = f"compute capability {major}.{minor}"
    if fits:
        return Finding("card", OK, f"{seen.name}, {shown}, {seen.total_mb:.0f} MiB")
    said = f"{seen.name} has {shown}, and this build of torch is for {', '.join(architectures)}"
    return Finding("card", ERROR, said, "install a build of torch for this card, or set device: cpu")


def _versions(architectures: Sequence[str], kind: str) -> list[tuple[int, int]]:
    numbers = [name.removeprefix(kind).rstrip("af") for name in architectures if name.startswith(kind)]
    return [(int(number[:-1]), int(number[-1])) for number in numbers if number[:-1].isdigit()]


def check_memory(
    seen: Seen, limit_mb: int, needed_mb: float | None, name_of: Callable[[int], str]
) -> Iterator[Finding]:
    """Compare the card's free memory with what jobs may take, and say who uses it.

    Args:
        seen: The card.
        limit_mb: ``gpu.memory_limit_mb``.
        needed_mb: What the largest job is expected to take; None when it is not known.
        name_of: Returns the name of a process.
    """
    users = [f"{name_of(pid)} ({pid}{'' if used is None else f', {used:.0f} MiB'})" for pid, used in seen.users]
    by = f"; it is used by {', '.join(users)}" if users else ""
    free = f"{seen.free_mb:.0f} of {seen.total_mb:.0f} MiB free"
    wanted = min(limit_mb, needed_mb) if needed_mb else limit_mb
    what = "the largest job is expected to take" if needed_mb else "a job may take (gpu.memory_limit_mb)"
    step = "close what uses the card" if users else ""
    if limit_mb > seen.total_mb:
        said = f"gpu.memory_limit_mb is {limit_mb}, and the card has {seen.total_mb:.0f} MiB"
        yield Finding("GPU memory", WARNING, said, f"set gpu.memory_limit_mb to {int(seen.total_mb * 0.9) // 64 * 64}")
    if seen.free_mb < wanted:
        said = f"{free}, {wanted:.0f} MiB is what {what}{by}: batches get smaller, or the CPU is used"
        more = f"set gpu.memory_limit_mb to {max(int(seen.free_mb) // 64 * 64, 256)}"
        yield Finding("GPU memory", WARNING, said, f"{step}; or {more}" if step else more)
    else:
        yield Finding("GPU memory", OK, f"{free}{by}")


def check_heat(seen: Seen) -> Finding | None:
    """Check the card's temperature; None when it is not known."""
    if seen.temperature is None:
        return None
    said = f"the card has {seen.temperature:.0f} °C and slows down at {seen.slows_at:.0f}"
    if seen.temperature >= seen.slows_at - _MARGIN:
        return Finding("temperature", WARNING, said, "let it cool down, and keep its air inlets free")
    return Finding("temperature", OK, said)


def _number(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0
