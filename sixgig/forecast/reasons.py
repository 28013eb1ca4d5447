"""Why jobs run, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sixgig.forecast.base import JobKey
from sixgig.forecast.needed import Reason, StudyJob

#: Every kind of reason in the order of their weight: in one or two words for a column, and in a sentence.
KINDS = {
    "running": ("running", "runs just now"),
    "killed": ("cut off", "did not finish the last time (killed, or failed)"),
    "forced": ("asked for", "the command asks for it"),
    "missing": ("missing", "an output is missing"),
    "options": ("options", "its options changed"),
    "code": ("code", "its code changed"),
    "software": ("versions", "the versions of its libraries changed"),
    "input": ("input", "its input changed"),
    "inputs": ("input", "it has other input files than before"),
    "new": ("new", "has never run"),
    "follows": ("follows", "what it reads is made anew"),
}
#: Kinds whose details are worth a line: options with their values, files.
_DETAILED = ("options", "input", "missing")
_MOST_DETAILS = 3


def main_reason(job: StudyJob) -> Reason | None:
    """Return the reason of a job that weighs most; None for one that need not run."""
    order = list(KINDS)
    return min(job.reasons, key=lambda reason: order.index(reason.kind), default=None)


def short_why(jobs: Iterable[StudyJob]) -> str:
    """Return why some jobs run, in a few words for a column: ``new``, ``options, follows``; "done" when none does."""
    found = {reason.kind for job in jobs if (reason := main_reason(job))}
    return ", ".join(dict.fromkeys(KINDS[kind][0] for kind in KINDS if kind in found)) or "done"


def sentence(reason: Reason) -> str:
    """Return one reason as a sentence without its subject: ``its options changed: steps 3 -> 5``."""
    details = [detail.split("/", 2)[-1] for detail in reason.details] if reason.kind in _DETAILED else []
    if reason.kind == "follows":
        details = [name_of(key) for key in reason.jobs]
    shown = details[:_MOST_DETAILS] + ([f"{len(details) - _MOST_DETAILS} more"] if len(details) > _MOST_DETAILS else [])
    return f"{KINDS[reason.kind][1]}{': ' if shown else ''}{', '.join(shown)}"


def name_of(key: JobKey) -> str:
    """Return a job's name for people: ``pretrain_arm acdc.vit_mim``."""
    return f"{key.rule} {key.name}".rstrip()


def reason_lines(jobs: Sequence[StudyJob], rows: Mapping[JobKey, str]) -> list[tuple[str, list[str], int]]:
    """Return every reason that is not another job's, with those that it holds for, the weightiest first.

    Args:
        jobs: The jobs of the study.
        rows: Title of the line of the plan that a job is counted in, in the order of the lines.

    Returns:
        The sentence, the titles of the lines, and the number of jobs. Jobs that only follow stand in one last entry.
    """
    found: dict[tuple[int, str], list[StudyJob]] = {}
    for job in jobs:
        reason = main_reason(job)
        if reason is not None:
            # Files differ from job to job, and are told together; options of several jobs are often the same.
            text = sentence(reason) if reason.kind == "options" else KINDS[reason.kind][1]
            found.setdefault((list(KINDS).index(reason.kind), text), []).append(job)
    order = list(dict.fromkeys(rows.values()))
    lines = []
    for (_, text), members in sorted(found.items(), key=lambda entry: entry[0]):
        reasons = [reason for job in members if (reason := main_reason(job))]
        if reasons[0].kind in ("input", "missing"):
            text = sentence(
                Reason(reasons[0].kind, tuple(dict.fromkeys(file for one in reasons for file in one.details)))
            )
        titles = {rows[job.key] for job in members if job.key in rows}
        lines.append((text, sorted(titles, key=order.index), len(members)))
    return lines
