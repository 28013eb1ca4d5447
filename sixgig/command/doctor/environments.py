"""The environments that arms need beside sixgig's own: each proves in a process of its own that it computes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sixgig.command.doctor.arithmetic import worst
from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding
from sixgig.command.doctor.processes import Answer, Asked
from sixgig.plan.plan import Plan
from sixgig.runtime.atomic import read_json
from sixgig.runtime.interpreters import ENVIRONMENTS
from sixgig.runtime.places import IMPORT_PATH, PACKAGE

_LATE = "its self-test did not end in time"
_AGAIN = "run it again when the machine is less busy"


def ask_torch(precision: str, with_card: bool) -> Asked:
    """Start the self-test of torch; see :mod:`sixgig.command.doctor.arithmetic`."""
    command = [sys.executable, "-m", "sixgig.command.doctor.arithmetic", precision, *(["--card"] * with_card)]
    return Asked(command, {"PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"})


def check_torch(answer: Answer, facts: Mapping[str, Any] | None, device: str) -> Iterator[Finding]:
    """Judge the self-test of torch.

    Args:
        answer: What the process left.
        facts: What it printed; None when it printed nothing that can be read.
        device: What the study asks for: ``auto``, ``cuda`` or ``cpu``.
    """
    if answer.code is None:
        yield Finding("torch", WARNING, _LATE, _AGAIN)
        return
    if facts is None:
        step = "run `make setup`, which builds .venv from the lock; a processor without AVX2 cannot run this build"
        yield Finding("torch", ERROR, f"its self-test {answer.reason or 'gave no result'}", step)
        return
    for place, errors in facts["errors"].items():
        name, error, fine = worst(errors)
        shown = {"cpu": "processor", "cuda": "card"}[place]
        said = f"{facts['torch']} on the {shown}: {name} is off by {error:.1g} of the largest value"
        step = "" if fine else "do not use this device: set device: cpu, or install another build or driver"
        level = OK if fine else ERROR
        if not fine and place == "cuda" and device == "auto":
            step = "set device: cpu, or install another driver: results of this card would be wrong"
        yield Finding("torch", level, said, step)


@dataclass(frozen=True)
class Tested:
    """The self-test of an environment.

    Attributes:
        title: Name of the environment, for people.
        asked: The process; None when there is none.
        facts: The file that it writes.
        required: Whether the study stops without the environment.
        reason: Why it was not started.
    """

    title: str
    asked: Asked | None
    facts: Path
    required: bool
    reason: str = ""


def ask_environments(plan: Plan, folder: Path) -> Iterator[Tested]:
    """Start the self-test of every environment that the study needs, on the processor.

    Args:
        plan: The plan.
        folder: An empty folder for what they write.
    """
    for name, interpreter in plan.environments.items():
        title, required = ENVIRONMENTS[name][1], plan.stops_without(name)
        facts = folder / f"{name}.json"
        if interpreter.missing:
            yield Tested(title, None, facts, required, f"{interpreter.python} is missing")
            continue
        if interpreter.state == "conda":
            yield Tested(title, None, facts, required)
            continue
        module = plan.environment_module(name).removesuffix(".__main__")
        command = [interpreter.python, "-m", module, "check", "--output", str(facts)]
        try:
            asked = Asked(command, {"PYTHONPATH": str(IMPORT_PATH), "PYTHONNOUSERSITE": "1"})
        except OSError as error:
            reason = f"{interpreter.python} cannot be started: {error.strerror}"
            yield Tested(title, None, facts, required, reason)
            continue
        yield Tested(title, asked, facts, required)


def check_environment(tested: Tested, until: float) -> Finding:
    """Judge the self-test of an environment.

    Args:
        tested: From :func:`ask_environments`.
        until: When to stop waiting, on the clock of :func:`time.monotonic`.
    """
    level = ERROR if tested.required else WARNING
    otherwise = "" if tested.required else "; the study goes on as its on_missing_environment says"
    step = "run `make setup`, which builds it, or choose another way out in on_missing_environment"
    if tested.reason:
        return Finding(tested.title, level, tested.reason + otherwise, step)
    if tested.asked is None:
        return Finding(tested.title, OK, "conda builds its environment when the study starts; it was not tested")
    answer = tested.asked.answer(until)
    if answer.code is None:
        return Finding(tested.title, WARNING, _LATE, f"{_AGAIN}; a job checks it in any case before the arm runs")
    if answer.reason:
        return Finding(tested.title, level, f"its self-test failed: {answer.reason}{otherwise}", step)
    try:
        facts = read_json(tested.facts)
        errors = facts["self_test"]["cpu"]
        name = max(errors, key=errors.get)
        versions = f"{facts['versions']['tensorflow']} with Python {facts['versions']['python']}"
    except (OSError, ValueError, KeyError, TypeError):
        return Finding(tested.title, level, f"its self-test left no result{otherwise}", step)
    return Finding(tested.title, OK, f"{versions}: {name} is off by {errors[name]:.1g} of the largest value")


def check_temporary(find: Callable[[], str] = tempfile.gettempdir) -> list[Finding]:
    """Say that temporary files cannot be written; empty when they can."""
    try:
        find()
    except OSError as error:
        step = "set TMPDIR to a folder that can be written"
        return [Finding("temporary files", ERROR, f"they can be written nowhere: {error.strerror or error}", step)]
    return []


def new_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder for what self-tests write."""
    return tempfile.TemporaryDirectory(prefix="sixgig-doctor-")
