"""The rest of the machine: memory, disk, power, sleep, heat."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding

_MIB = 2**20
#: Free space in MiB that is little for any study, when nothing better is known.
LITTLE_DISK_MB = 5000
_LOW_BATTERY = 20
#: Degrees Celsius that are hot where a sensor does not say what is.
_HOT = 90.0
#: Where systemd's settings of the lid lie, the later ones first.
LOGIND = ("/etc/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/usr/lib/systemd/logind.conf.d")
LOGIND_FILE = "/etc/systemd/logind.conf"
LIDS = "/proc/acpi/button/lid"
_AWAKE = ("ignore", "lock")


def check_memory(available: float, swap_free: float, needed_mb: float, basis: str) -> Finding:
    """Compare the memory that is available with what the largest job takes.

    Args:
        available: Bytes that are available without swapping.
        swap_free: Free bytes of swap.
        needed_mb: MiB.
        basis: From what that is known, in words.
    """
    have, swap = available / _MIB, swap_free / _MIB
    said = f"{have:.0f} MiB available and {swap:.0f} MiB of swap; the largest job takes {needed_mb:.0f} ({basis})"
    step = "close other programs, or lower image.size, batch sizes or volume.size"
    if have + swap < needed_mb:
        return Finding("RAM", ERROR, said, step)
    if have < needed_mb:
        return Finding("RAM", WARNING, f"{said}: it would swap, and be slow", step)
    return Finding("RAM", OK, said)


def check_disk(free: float, needed_mb: float | None, folder: Path) -> Finding:
    """Compare the free space with what the study will leave.

    Args:
        free: Free bytes.
        needed_mb: MiB that what is still to run will leave and fetch; None when it is not known.
        folder: Where results go.
    """
    have = free / _MIB
    step = "remove files there, or run in a folder on another disk"
    if needed_mb is None:
        said = f"{have:.0f} MiB free in {folder}"
        return Finding("disk", WARNING if have < LITTLE_DISK_MB else OK, said, step if have < LITTLE_DISK_MB else "")
    said = f"{have:.0f} MiB free in {folder}; the study needs about {needed_mb:.0f} more"
    if have < needed_mb:
        return Finding("disk", ERROR, said, step)
    if have < 1.25 * needed_mb:
        return Finding("disk", WARNING, f"{said}, which is close", step)
    return Finding("disk", OK, said)


def check_power(battery: Any) -> Finding:
    """Check that the machine runs on mains.

    Args:
        battery: From ``psutil.sensors_battery()``; None without a battery.
    """
    if battery is None:
        return Finding("power", OK, "no battery: mains")
    percent = f"{battery.percent:.0f}%"
    if battery.power_plugged:
        if battery.percent < _LOW_BATTERY:
            return Finding("power", WARNING, f"plugged in, battery at {percent}", "keep it plugged in")
        return Finding("power", OK, f"plugged in, battery at {percent}")
    said = f"on battery, at {percent}: a night's run will not end, and the card is slower"
    return Finding("power", WARNING, said, "plug it in")


def lid_action(plugged: bool, folders: Sequence[str] = LOGIND, file: str = LOGIND_FILE) -> str:
    """Return what systemd does when the lid closes, by its settings; ``suspend`` when they say nothing.

    Args:
        plugged: Whether the machine is on mains.
        folders: Folders of settings, the later ones first.
        file: The file that they are added to.
    """
    settings: dict[str, str] = {}
    drop_ins: dict[str, Path] = {}
    for folder in reversed(folders):  # a file hides those of the same name in folders after it
        drop_ins.update({path.name: path for path in Path(folder).glob("*.conf")})
    for path in [Path(file), *(drop_ins[name] for name in sorted(drop_ins))]:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        if parser.has_section("Login"):
            settings.update(parser["Login"])
    closed = settings.get("handlelidswitch", "suspend")
    return settings.get("handlelidswitchexternalpower", closed) if plugged else closed


def check_sleep(has_lid: bool, action: str, inhibitors: str) -> Finding:
    """Say whether closing the lid puts the machine to sleep.

    Args:
        has_lid: Whether the machine has a lid.
        action: From :func:`lid_action`.
        inhibitors: What `systemd-inhibit --list` prints.
    """
    if not has_lid:
        return Finding("sleep", OK, "no lid that could close")
    blocked = any("handle-lid-switch" in line and "block" in line for line in inhibitors.splitlines())
    if action in _AWAKE or blocked:
        return Finding("sleep", OK, "it stays awake when the lid is closed")
    said = f"when the lid is closed, systemd does this: {action}. A run pauses meanwhile, and goes on afterwards"
    step = "leave the lid open, or start with systemd-inhibit --what=handle-lid-switch:sleep sixgig run STUDY.yaml"
    return Finding("sleep", WARNING, said, step)


def check_heat(sensors: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Check the temperatures of the processor and the rest; nothing where there are no sensors.

    Args:
        sensors: From ``psutil.sensors_temperatures()``.
    """
    read = [(reading, name) for name, readings in sensors.items() for reading in readings if reading.current]
    if not read:
        return
    hot = [(reading, name) for reading, name in read if reading.current >= _limit(reading)]
    for reading, name in hot[:1]:
        said = f"{reading.label or name} has {reading.current:.0f} °C, which is hot"
        yield Finding("temperature", WARNING, said, "let it cool down, and keep its air inlets free")
    if not hot:
        yield Finding("temperature", OK, f"at most {max(reading.current for reading, _ in read):.0f} °C")


def _limit(reading: Any) -> float:
    limits = [value for value in (reading.high, reading.critical) if value and value < 200]
    return min(limits, default=_HOT)


def examine_machine(needed_mb: float, basis: str, disk_mb: float | None, folder: Path) -> Iterator[Finding]:
    """Yield what :mod:`psutil` and systemd say of this machine."""
    import psutil

    from sixgig.command.doctor.processes import Asked

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    yield check_memory(memory.available, swap.free, needed_mb, basis)
    yield check_disk(shutil.disk_usage(folder).free, disk_mb, folder)
    battery = getattr(psutil, "sensors_battery", lambda: None)()
    yield check_power(battery)
    has_lid = Path(LIDS).is_dir() and any(Path(LIDS).iterdir())
    inhibitors = ""
    if has_lid and shutil.which("systemd-inhibit"):
        import time

        inhibitors = Asked(["systemd-inhibit", "--list", "--no-pager"]).answer(time.monotonic() + 2).output
    yield check_sleep(has_lid, lid_action(battery is None or bool(battery.power_plugged)), inhibitors)
    yield from check_heat(getattr(psutil, "sensors_temperatures", dict)())
