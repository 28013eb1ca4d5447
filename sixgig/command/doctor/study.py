"""The study itself: its file, cohorts, weights files, places, environments, and whether it runs already."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding, one_of
from sixgig.errors import EnvironmentMissingError, SixgigError
from sixgig.plan.early import check_cohort, check_weights
from sixgig.plan.files import check_files
from sixgig.plan.places import place_problems
from sixgig.plan.plan import Plan
from sixgig.plan.study_file import Study, read_study
from sixgig.runtime.rights import may_read
from sixgig.runtime.running import Running, killed_jobs, running_jobs


@dataclass(frozen=True)
class Opened:
    """A study that was read: its files, its plan, and whether an arm of it runs in conda's environment alone."""

    study: Study
    plan: Plan
    conda: bool = False


def open_study(file: Path) -> tuple[Opened | None, list[Finding]]:
    """Read a study file, without looking at what it names.

    Returns:
        The study, None when it cannot be planned; and what is wrong with it.
    """
    found: list[Finding] = []
    try:
        study = read_study([file])
        with study.locating():
            conda = "conda" in options_of_arms(study.config, "interpreter")
            try:
                plan = Plan(study.config, conda=conda, study=study, look=False)
            except EnvironmentMissingError as error:
                found.append(as_finding("environment", error))
                study.config = _without_interpreters(study.config)
                plan = Plan(study.config, conda=True, study=study, look=False)  # for the checks that follow
    except (SixgigError, OSError) as error:
        return None, [*found, as_finding("study", error)]
    return Opened(study, plan, conda), found


def options_of_arms(config: Mapping[str, Any], option: str) -> list[Any]:
    """Return what the arms of a study set an option to; the study need not be right."""
    arms = config.get("arms")
    stanzas = arms.values() if isinstance(arms, Mapping) else ()
    return [stanza[option] for stanza in stanzas if isinstance(stanza, Mapping) and option in stanza]


def _without_interpreters(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study whose arms leave the choice of their interpreters to conda, so that none can be missing."""
    arms = {
        name: {key: value for key, value in (stanza or {}).items() if key != "interpreter"}
        for name, stanza in config["arms"].items()
    }
    return {**config, "arms": arms}


def as_finding(name: str, error: Exception) -> Finding:
    """Return an error as a line."""
    if isinstance(error, SixgigError):
        return Finding(name, ERROR, f"{error.place}: {error.reason}", error.next_step)
    place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Finding(name, ERROR, f"{place}{reason}", "correct its permissions, or name another place")


def check_named_files(opened: Opened) -> Iterator[Finding]:
    """Check that the files are there that the study names."""
    problems: list[Finding] = []
    try:
        with opened.study.locating():
            check_files(opened.plan.config, opened.study)
    except (SixgigError, OSError) as error:
        problems = list(_each("files", as_finding("files", error)))
    yield from one_of("files", problems, "all that the study file names are there")


def _each(name: str, finding: Finding) -> Iterator[Finding]:
    """Yield one line for each of several problems that an error lists below each other."""
    listed = finding.text.split("\n    ")[1:]
    for one in listed:
        text, _, step = one.partition("; ")
        yield Finding(name, ERROR, text, step)
    if not listed:
        yield finding


def check_cohorts(opened: Opened) -> Iterator[Finding]:
    """Check every cohort: its subjects are found where its files are there already."""
    plan = opened.plan
    for name in plan.cohorts:
        folder = plan.inputs[name].own_folder
        if folder is not None and not (folder.exists() and may_read(folder)):
            continue  # the line about files says it
        try:
            with opened.study.locating(), suppress(ModuleNotFoundError):
                check_cohort(plan, opened.study, name)
        except (SixgigError, OSError) as error:
            yield as_finding("cohort", error)
            continue
        source = plan.cohort_options(name)["source"]
        kind = next(iter(source))
        if folder is not None:
            text = f"read from {folder}"
        elif Path(f"results/{plan.study}/cohorts/{name}/manifest.csv").is_file():
            text = "prepared"
        else:
            text = "to be simulated" if kind == "phantom" else "to be fetched"
        yield Finding("cohort", OK, f"{name}: {text}")


def check_weights_files(opened: Opened) -> Iterator[Finding]:
    """Check that timm has the networks, and that files of weights are those that are pinned."""
    for name, entry in opened.plan.config["weights"].items():
        try:
            with opened.study.locating(), suppress(ModuleNotFoundError):
                check_weights({name: entry})
        except (SixgigError, OSError) as error:
            yield as_finding("weights", error)


def check_rights(plan: Plan) -> Iterator[Finding]:
    """Check that results, logs and Snakemake's notes can be written."""
    targets = [file for stage in ("report", "statistics", "classify") for file in plan.targets(stage)]
    problems = [as_finding("permissions", problem) for problem in place_problems(plan.study, targets)]
    yield from one_of("permissions", problems[:5], f"results/{plan.study} and .snakemake can be written")


def check_runs(running: list[Running], killed: list[Running], host: str | None = None) -> Finding:
    """Say whether the study runs just now, or has jobs that were killed."""
    host = host or socket.gethostname()
    if running:
        first = running[0]
        where = "" if first.host == host else f" on {first.host}"
        jobs = ", ".join(job.key for job in running[:3]) + (f" and {len(running) - 3} more" if running[3:] else "")
        said = f"it runs just now{where}: {jobs} (process {first.pid})"
        step = "let it go on, or stop it with Ctrl-C in its terminal, before you start another"
        return Finding("run", WARNING, said, step)
    if killed:
        jobs = ", ".join(job.key for job in killed[:3]) + (f" and {len(killed) - 3} more" if killed[3:] else "")
        return Finding("run", OK, f"not running; {jobs} ended early, and will go on from the last checkpoint")
    return Finding("run", OK, "not running")


def check_own_run(plan: Plan) -> Finding:
    """Look for running and killed jobs of a study."""
    folder = Path("results") / plan.study
    return check_runs(running_jobs(folder), killed_jobs(folder))
