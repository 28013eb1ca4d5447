"""All checks in their order, within a time limit: what takes long runs beside the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sixgig.command.doctor import card, environments, network, software, study
from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding
from sixgig.command.doctor.machine import examine_machine
from sixgig.command.doctor.needs import rules_need, study_needs

#: Seconds since the command began after which self-tests are waited for no longer.
SECONDS = 12.0
#: Seconds that they get in any case.
_LEAST_SECONDS = 4.0
#: The memory limit of the card by default; a test compares it with the schema.
DEFAULT_LIMIT_MB = 6144


def examine(file: Path | None, seconds: float = SECONDS) -> list[Finding]:
    """Check this machine, and a study when there is one.

    Args:
        file: The study file; None for the machine alone.
        seconds: When self-tests are waited for no longer, from the start of this process.
    """
    until = time.monotonic() + max(seconds - _age(), _LEAST_SECONDS)
    opened, problems = study.open_study(file) if file else (None, [])
    device = str(opened.plan.config["device"]) if opened else "auto"
    limit_mb = int(opened.plan.config["gpu"]["memory_limit_mb"]) if opened else DEFAULT_LIMIT_MB
    seen = card.look()
    # The self-test takes memory that a training of somebody else's may need.
    tested = isinstance(seen, card.Seen) and device != "cpu" and not seen.computing
    card_name = seen.name if isinstance(seen, card.Seen) and device != "cpu" else None
    if lacking := environments.check_temporary():
        return [software.check_python(), *lacking, *problems]
    with environments.new_folder() as folder:
        asked = environments.ask_torch(_precision(opened), tested)
        others = list(environments.ask_environments(opened.plan, Path(folder))) if opened else []
        try:
            found = [software.check_python(), *software.check_own_packages()]
            found.append(software.check_conda(opened is not None and opened.conda))
            newest = software.newest_file(Path("results") / opened.plan.study) if opened else None
            found.append(software.check_clock(newest))
            in_plan = list(_study(opened)) if opened else []
            needs = study_needs(opened.plan, card_name) if opened else rules_need()
            computer = list(examine_machine(needs.memory_mb, needs.basis, needs.disk_mb, _place(opened)))
            answer = asked.answer(until)
            facts = _printed(answer.output)
            graphics = list(_card(seen, device, facts, limit_mb, needs.vram_mb))
            arithmetic = [*environments.check_torch(answer, facts, device)]
            arithmetic += [environments.check_environment(other, until) for other in others]
        finally:
            for process in [asked, *(other.asked for other in others if other.asked)]:
                process.end()
    return [*found, *graphics, *arithmetic, *computer, *problems, *in_plan]


def _age() -> float:
    """Return the seconds since this process was started: a busy machine takes some to import what is needed."""
    import psutil

    return time.time() - float(psutil.Process().create_time())


def _precision(opened: study.Opened | None) -> str:
    """Return the type that arms compute in on a card; ``auto`` leaves it to the card."""
    asked = study.options_of_arms(opened.plan.config, "precision") if opened else []
    return next((str(name) for name in asked if name not in ("auto", "float32")), "auto")


def _place(opened: study.Opened | None) -> Path:
    """Return the innermost folder that is there, of those that results go to: each may be a link to another disk."""
    folders = [Path("results") / opened.plan.study, Path("results")] if opened else []
    return next((folder for folder in folders if folder.is_dir()), Path()).absolute()


def _study(opened: study.Opened) -> Iterator[Finding]:
    plan = opened.plan
    yield from study.check_rights(plan)
    yield from study.check_named_files(opened)
    yield from study.check_cohorts(opened)
    weights, from_hub = network.check_weights(plan, network.hub_folder())
    wrong = list(study.check_weights_files(opened))
    yield from wrong or weights
    token = network.check_token()
    if token:
        yield token
    yield from network.check_network(network.addresses(plan, from_hub))
    yield study.check_own_run(plan)


def _card(
    seen: card.Seen | str, device: str, facts: dict[str, Any] | None, limit_mb: int, needed_mb: float | None
) -> Iterator[Finding]:
    if isinstance(seen, str):
        yield card.check_no_card(seen, device)
        return
    yield card.check_driver(seen.driver, facts["cuda"] if facts else software.torch_cuda())
    capability = card.check_capability(seen, facts["architectures"] if facts else ())
    yield capability or Finding("card", OK, f"{seen.name}, {seen.total_mb:.0f} MiB")
    if facts and not facts["available"] and not seen.computing and device != "cpu":
        step = "see nvidia-smi, CUDA_VISIBLE_DEVICES, and the line of the driver"
        yield Finding("card", ERROR if device == "cuda" else WARNING, "torch cannot use it", step)
    yield from card.check_memory(seen, limit_mb, needed_mb, process_name)
    heat = card.check_heat(seen)
    if heat:
        yield heat


def process_name(pid: int) -> str:
    """Return the name of a process; ``a process`` when it is another user's or has ended."""
    import psutil

    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return "a process"


def _printed(output: str) -> dict[str, Any] | None:
    try:
        found = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
    return found if isinstance(found, dict) else None
