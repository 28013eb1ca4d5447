"""Whether a study fits the machine, and what would make it fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sixgig.arms.seeds import arm_and_seed
from sixgig.errors import SixgigError
from sixgig.forecast.answer import Problem, Room
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.machine import Machine
from sixgig.forecast.needed import StudyJob
from sixgig.forecast.reasons import name_of
from sixgig.forecast.schedule import Schedule, schedule
from sixgig.forecast.wording import duration, size
from sixgig.plan.plan import Plan
from sixgig.runtime.places import WORKFLOW

#: MiB of a disk that stay free for everything else.
SPARE_DISK_MB = 1024
_VRAM, _RAM, _DISK = "GPU memory", "memory", "disk"


def lay_out(jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost], cores: int) -> Schedule:
    """Return when the jobs that have to run do so, with the memory that the default profile shares out.

    Args:
        jobs: The jobs of the study.
        costs: What they cost; a job without an entry takes nothing.
        cores: Cores that they share.
    """
    due = [job for job in jobs if job.needed]
    return schedule(
        {job.key: costs.get(job.key, JobCost(0.0, 0.0)) for job in due},
        {job.key: job.after for job in due},
        cores,
        mem_mb=profile_memory(),
        reserved_mb={job.key: float(job.mem_mb) for job in due},
    )


def profile_memory(file: Path = WORKFLOW / "profiles" / "default" / "config.yaml") -> float | None:
    """Return the memory in MB that jobs of a profile may reserve together; None for any."""
    for entry in yaml.safe_load(file.read_text(encoding="utf-8")).get("resources", []):
        name, _, value = str(entry).partition("=")
        if name == "mem_mb":
            return float(value)
    return None


def rooms(
    plan: Plan,
    machine: Machine,
    jobs: Sequence[StudyJob],
    costs: Mapping[JobKey, JobCost],
    laid: Schedule,
    *,
    here: bool,
) -> list[Room]:
    """Return what the study takes at most of GPU memory, memory and disk, and what there is.

    Args:
        plan: The plan.
        machine: The machine that it is planned for.
        jobs: The jobs of the study.
        costs: What they cost.
        laid: When they run.
        here: Whether that is this machine, which can be asked for what is free now.
    """
    due = [costs[job.key] for job in jobs if job.needed and job.key in costs]
    found = []
    vram = max((cost.vram_mb for cost in due), default=0.0)
    if vram > 0:
        limit = float(plan.config["gpu"]["memory_limit_mb"])
        found.append(Room(_VRAM, vram, min(limit, machine.card.memory_mb) if machine.card else limit))
    found.append(
        Room(_RAM, max((cost.rss_mb for cost in due), default=0.0), free_memory() if here else machine.memory_mb)
    )
    found.append(Room(_DISK, sum(cost.disk_mb + cost.download_mb for cost in due), free_disk() if here else None))
    return found


def free_memory() -> float:
    """Return the memory that programs can still get, in MiB."""
    import psutil

    return float(psutil.virtual_memory().available) / 1024**2


def free_disk(folder: Path = Path()) -> float:
    """Return what is free on the disk of the results, in MiB."""
    results = folder / "results"
    return shutil.disk_usage(results if results.exists() else folder).free / 1024**2


def problems(
    found: Sequence[Room],
    jobs: Sequence[StudyJob],
    costs: Mapping[JobKey, JobCost],
    plan: Plan,
    forecast: Callable[[Plan], Mapping[JobKey, JobCost]],
    *,
    card: bool = False,
) -> list[Problem]:
    """Return what does not fit, with what would make it fit.

    Args:
        found: What is there and what is taken; see :func:`rooms`.
        jobs: The jobs of the study.
        costs: What they cost.
        plan: The plan.
        forecast: Forecasts another plan for the same machine.
        card: Whether networks are to compute on a card.
    """
    said = _too_large_for_the_card(found, jobs, costs, plan, forecast) if card else []
    for room in found:
        there = room.there_mb
        if there is None:
            continue
        if room.name == _DISK and room.needed_mb + SPARE_DISK_MB > there:
            lacking = room.needed_mb + SPARE_DISK_MB - there
            said.append(
                Problem(
                    _DISK,
                    f"results and downloads take {size(room.needed_mb)} and {size(there)} are free",
                    f"free {size(lacking)} more, or start the study in a folder on another disk",
                )
            )
        if room.name != _DISK and room.needed_mb > there:
            large = [
                job.key for job in jobs if job.needed and job.key in costs and _of(room.name, costs[job.key]) > there
            ]
            said += [_too_large(room.name, there, key, costs[key], plan, forecast) for key in large]
            if not large:  # one by one they fit
                said.append(_fewer_at_once(room, there, jobs, costs))
    return said


def _too_large_for_the_card(
    found: Sequence[Room],
    jobs: Sequence[StudyJob],
    costs: Mapping[JobKey, JobCost],
    plan: Plan,
    forecast: Callable[[Plan], Mapping[JobKey, JobCost]],
) -> list[Problem]:
    """Jobs with a network of which not even a batch of 1 fits, so that the processor would compute them."""
    limit = next((room.there_mb for room in found if room.name == _VRAM), None)
    there = float(plan.config["gpu"]["memory_limit_mb"]) if limit is None else limit
    said = []
    for job in jobs:
        cost = costs.get(job.key)
        if not job.needed or cost is None or not cost.gpu or cost.batch_size is None or cost.vram_mb > 0:
            continue
        reason = f"not even a batch of 1 of {name_of(job.key)} fits {size(there)}; on the processor it takes "
        change = _change(_VRAM, there, job.key, plan, forecast)
        said.append(Problem(_VRAM, reason + duration(cost.seconds), change or "take a smaller network"))
    return said


def smaller_batches(plan: Plan, jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost]) -> list[str]:
    """Say which arms start with a smaller batch than the study asks for, because that one does not fit the card.

    Args:
        plan: The plan.
        jobs: The jobs of the study.
        costs: What they cost.
    """
    found: dict[tuple[str, int, int], list[str]] = {}
    for job in jobs:
        cost, arm, cohort = costs.get(job.key), job.wildcards.get("arm", ""), job.wildcards.get("cohort", "")
        if not job.needed or cost is None or cost.batch_size is None or cost.vram_mb <= 0:
            continue
        options = plan.arm_options(arm, cohort)
        asked = int(options.get("micro_batch_size") or options["batch_size"])
        if cost.batch_size < asked:
            found.setdefault((arm, cost.batch_size, asked), []).append(cohort)
    return [
        f"{arm} starts with a batch of {batch} instead of {asked} on {', '.join(dict.fromkeys(cohorts))}, which fits"
        for (arm, batch, asked), cohorts in found.items()
    ]


def _fewer_at_once(room: Room, there: float, jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost]) -> Problem:
    reason = f"jobs that run at the same time take {size(room.needed_mb)} together, and {size(there)} are free"
    for cores in (8, 4, 2, 1):
        less = lay_out(jobs, costs, cores).peak_rss_mb
        if less <= there:
            return Problem(room.name, reason, f"run with --cores {cores}: {size(less)}; or close other programs")
    return Problem(room.name, reason, f"close other programs, or add {size(room.needed_mb - there)} of swap")


def _of(room: str, cost: JobCost) -> float:
    return cost.vram_mb if room == _VRAM else cost.rss_mb


def _too_large(
    room: str,
    there: float,
    key: JobKey,
    cost: JobCost,
    plan: Plan,
    forecast: Callable[[Plan], Mapping[JobKey, JobCost]],
) -> Problem:
    reason = f"{name_of(key)} takes {size(_of(room, cost))} of {size(there)}"
    change = _change(room, there, key, plan, forecast)
    if room == _RAM:
        step = f"close other programs, or add {size(cost.rss_mb - there)} of swap"
        return Problem(room, reason, f"{step}, or {change}" if change else step)
    return Problem(room, reason, change or "take a smaller network, or set device: cpu")


def _change(
    room: str, there: float, key: JobKey, plan: Plan, forecast: Callable[[Plan], Mapping[JobKey, JobCost]]
) -> str:
    """Return the mildest change of the study with which a job fits, in words; empty when none is found."""
    for words, changed in _smaller(plan, key):
        try:
            smaller = forecast(Plan(changed, look=False)).get(key)
        except SixgigError:  # a combination that the study may not have
            continue
        if smaller is not None and 0 < _of(room, smaller) <= there:
            return f"set {words} ({size(_of(room, smaller))})"
    return ""


def _smaller(plan: Plan, key: JobKey) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield changes of the study that make a job smaller, in words and as a config, the mildest first."""
    single = list(_changes(plan, key))
    yield from ((_words(path, value), _with(plan.config, path, value)) for path, value in single)
    # Together, the last of every key: the smallest.
    config, words = dict(plan.config), []
    for path, value in dict(single).items():
        config = _with(config, path, value)
        words.append(_words(path, value))
        if len(words) > 1:
            yield " and ".join(words), config


def _changes(plan: Plan, key: JobKey) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield keys of the study and values for them, the mildest first, those of one key from mild to strong."""
    arm, cohort = _arm_and_cohort(plan, key)
    stanza = plan.config["arms"].get(arm, {}) if arm else {}
    for batch in (16, 8, 4, 2, 1):
        if batch < int(stanza.get("batch_size", 0)):
            yield ("arms", str(arm), "batch_size"), batch
    if stanza.get("gradient_checkpointing") is False:
        yield ("arms", str(arm), "gradient_checkpointing"), True
    volume = plan.config["cohorts"].get(cohort, {}).get("volume", {}).get("size") if cohort else None
    for share in (0.75, 0.5, 0.25):
        if volume:
            yield (
                ("cohorts", str(cohort), "volume", "size"),
                [max(16, round(side * share / 16) * 16) for side in volume],
            )
    for side in (160, 128, 96):
        if side < plan.config["image"]["size"]:
            yield ("image", "size"), side


def _words(path: Sequence[str], value: Any) -> str:
    return f"{'.'.join(path)}: {str(value).lower() if isinstance(value, bool) else value}"


def _arm_and_cohort(plan: Plan, key: JobKey) -> tuple[str | None, str | None]:
    parts = key.name.split(".")
    arm = next((name for name, _ in map(arm_and_seed, parts) if name in plan.arms), None)
    return arm, next((part for part in parts if part in plan.cohorts), None)


def _with(config: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a config with one value replaced."""
    first, *rest = path
    return {**config, first: _with(config[first], rest, value) if rest else value}
