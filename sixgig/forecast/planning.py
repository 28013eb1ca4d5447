"""From a study file to a plan: what has to run, what it costs, whether it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from sixgig.arms.looks import looks_of
from sixgig.classifiers.registry import looks as classifier_looks
from sixgig.errors import PlaceError, SixgigError
from sixgig.forecast.answer import START, Answer, Problem
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.fitting import lay_out, problems, rooms, smaller_batches
from sixgig.forecast.machine import Machine, this_machine, with_cores
from sixgig.forecast.needed import Question, StudyJob, ask_snakemake
from sixgig.forecast.overview import overview, remaining
from sixgig.forecast.past import Past
from sixgig.forecast.study import assumptions, forecast_study
from sixgig.forecast.user_table import user_table
from sixgig.plan import failures
from sixgig.plan.files import check_files
from sixgig.plan.opening import open_plan
from sixgig.plan.places import check_places
from sixgig.plan.plan import Plan
from sixgig.plan.study_file import read_study
from sixgig.statistics.resampled import FEW


def make_plan(
    files: Sequence[Path],
    entries: Sequence[str] = (),
    device: str = "",
    cores: int | None = None,
    options: Sequence[str] = (),
) -> Answer:
    """Plan a study in the working directory. Nothing is changed but the cache of this machine's rates.

    Args:
        files: The study files; each is merged into those before it.
        entries: Keys that replace those of the files, as ``key=value``.
        device: Name of a card to plan for from its data sheet; empty for this machine.
        cores: Cores to plan with; all of the machine when None.
        options: Further options of Snakemake, and targets.

    Raises:
        SixgigError: The study file is wrong, or there is no such card.
    """
    machine = machine_with_card(device) if device else this_machine()
    cores = min(cores, machine.cores) if cores else machine.cores
    machine = with_cores(machine, cores)
    plan, missing = _open(files, entries, elsewhere=bool(device))
    question = Question(files, entries, cores, look=missing is None, options=options)

    def forecast(plan: Plan, past: Past | None = None) -> Mapping[JobKey, JobCost]:
        return forecast_study(plan, machine, past)

    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(ask_snakemake, question, plan.study)
        costs = dict(forecast(plan, None if device else Past.of_study(Path("results") / plan.study)))
        jobs = asked.result()
    costs = remaining(jobs, costs)
    laid = lay_out(jobs, costs, cores)
    found = rooms(plan, machine, jobs, costs, laid, here=not device)
    trouble = problems(
        found, jobs, costs, plan, forecast, card=machine.card is not None and plan.config["device"] != "cpu"
    )
    notes = [*_notes(plan, jobs, costs), *smaller_batches(plan, jobs, costs)]
    if missing is not None and not device:
        reason = " ".join(f"{missing.place} {missing.reason}".split())
        trouble.insert(0, Problem(START, reason, missing.next_step))
    titles = {name: look.title for name, look in looks_of(plan.config).items()}
    titles |= {name: look.title for name, look in classifier_looks().items()}
    gathered = overview(jobs, costs, titles)
    return Answer(
        plan.study,
        str(plan.config["title"]),
        " ".join(map(str, files)),
        _machine_words(machine),
        cores,
        machine.card.name if device and machine.card else "",
        datetime.now().astimezone(),
        jobs,
        costs,
        gathered,
        laid,
        found,
        trouble,
        notes,
        [*_bases(machine, jobs, costs), *assumptions(plan, machine)],
        user_table(gathered, laid.total) if device else (),
    )


def _open(files: Sequence[Path], entries: Sequence[str], *, elsewhere: bool) -> tuple[Plan, SixgigError | None]:
    """Open a plan, without its data where they are not there: what is missing is the second value.

    Args:
        files: The study files.
        entries: Keys that replace those of the files.
        elsewhere: Whether it is planned for another machine, whose card and weights cannot be looked at.
    """
    try:
        if not elsewhere:
            return open_plan(files, entries), None
        plan = open_plan(files, entries, look=False)
        check_places(plan.study, plan.targets("report"))
        check_files(plan.config, read_study(files, entries))
        return plan, None
    except PlaceError:  # where nothing can be written, Snakemake cannot say what has to run
        raise
    except SixgigError as error:
        return open_plan(files, entries, look=False), error


def _machine_words(machine: Machine) -> str:
    card = machine.card
    memory = f"{machine.memory_mb / 1024:.1f} GB of memory"
    if card is None:
        return f"{machine.name}, {memory}, no card"
    return f"{machine.name}, {card.memory_mb / 1024:.0f} GB of GPU memory, {memory}"


def _notes(plan: Plan, jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost]) -> list[str]:
    notes = [*failures.sentences(plan), *plan.changes()]
    tested = plan.config["evaluation"]["folds"] * plan.config["evaluation"]["repeats"]
    if tested < FEW:
        notes.append(
            f"{tested} test folds (evaluation.folds times evaluation.repeats) show large differences only: with fewer "
            f"than {FEW}, a test takes at least the spread of the study's other comparisons"
        )
    away = [name for name, files in plan.inputs.items() if files.own_folder and not files.own_folder.exists()]
    if away:
        notes.append(f"planned without the data of {', '.join(away)}, which are not there; their size is assumed")
    simulated = [str(plan.config["cohorts"][name]["title"] or name) for name in plan.cohorts if plan.simulated(name)]
    if simulated:
        notes.append(f"simulated images, which say nothing about patients: {', '.join(simulated)}")
    running = [job.running for job in jobs if job.running is not None]
    if running:
        host = running[0].host
        notes.append(f"{len(running)} jobs run just now on {host}; sixgig monitor shows them")
    unknown = [job.key for job in jobs if job.needed and job.key not in costs]
    if unknown:
        notes.append(f"no forecast for {', '.join(sorted({key.rule for key in unknown}))}: counted as nothing")
    return notes


def _bases(machine: Machine, jobs: Sequence[StudyJob], costs: Mapping[JobKey, JobCost]) -> list[str]:
    """Say where the figures come from."""
    due = [costs[job.key] for job in jobs if job.needed and job.key in costs]
    said = []
    words = {
        "measured": "from this study's own past jobs",
        "scaled": "corrected by other studies' jobs",
        "computed": "from operations and bytes",
        "assumed": "from constants or assumed sizes",
    }
    counts = {basis: sum(cost.basis == basis for cost in due) for basis in words}
    known = [f"{number} jobs {words[basis]}" for basis, number in counts.items() if number]
    if known:
        said.append(", ".join(known))
    if any(cost.download_mb > 0 for cost in due):
        said.append(f"network {machine.download_mb_s:g} MB/s")
    return said
