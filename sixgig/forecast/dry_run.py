"""Asks Snakemake what has to run, in a process of its own: ``python -m sixgig.forecast.dry_run ANSWER.json OPTIONS``.

It is Snakemake's own dry run, with the options that a run would get, and what it knows of every job afterwards: so
profile, targets and triggers count as they do in a run.
"""

from __future__ import annotations

import json
import sys
from ast import literal_eval
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.runtime.running import study_and_job

#: Params of rules that are digests of code and templates.
CODE = {"digest", "templates"}
#: Params that are states of the user's files.
INPUT = {"state", "attempt"}
#: Params that name versions of libraries.
SOFTWARE = {"versions"}
_LONGEST = 40


def main(arguments: Sequence[str]) -> int:
    """Run Snakemake's command line as a dry run and write down what it found.

    Args:
        arguments: The file for the answer, then options of Snakemake.

    Returns:
        Snakemake's exit code.
    """
    from snakemake import cli
    from snakemake.workflow import Workflow

    answer, *options = arguments
    execute = Workflow.execute

    def execute_and_tell(workflow: Any, *given: Any, **named: Any) -> None:
        execute(workflow, *given, **named)
        Path(answer).write_text(json.dumps({"jobs": describe(workflow)}), encoding="utf-8")

    Workflow.execute = execute_and_tell
    # Quiet in this way, Snakemake stops when it knows its jobs, and does not print them one by one.
    cli.main(["--dry-run", "--quiet", "rules", "progress", *options])
    return 0  # cli.main exits by itself


def describe(workflow: Any) -> list[dict[str, Any]]:
    """Return every job of a workflow whose dry run has ended, in an order in which they can run.

    Args:
        workflow: A ``snakemake.workflow.Workflow``.
    """
    dag = workflow.dag
    real = {job: place for place, job in enumerate(job for level in dag.toposorted() for job in level if job.output)}
    return [_describe_job(dag, workflow.persistence, job, real) for job in real]


def _describe_job(dag: Any, persistence: Any, job: Any, places: Mapping[Any, int]) -> dict[str, Any]:
    log = Path(str(next(iter(job.log), "")))
    found = study_and_job(log)
    needed = dag.needrun(job)
    return {
        "rule": job.rule.name,
        "name": found[2] if found else ".".join(job.wildcards_dict.values()),
        # A stage's rules stand in files that begin with its name.
        "stage": Path(str(job.rule.snakefile)).stem.partition("_")[0],
        "wildcards": {name: value for name, value in job.wildcards_dict.items() if name != "study"},
        "threads": job.threads,
        "mem_mb": _number(job.resources.get("mem_mb")),
        "gpu": bool(_number(job.resources.get("gpu"))),
        "after": sorted(places[other] for other in dag.dependencies[job] if other in places),
        "reasons": _reasons(dag, persistence, job, places) if needed else [],
        "needed": needed,
    }


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _reasons(dag: Any, persistence: Any, job: Any, places: Mapping[Any, int]) -> list[dict[str, Any]]:
    """Say why a job runs, the reasons of its own before those that come from other jobs."""
    reason = dag.reason(job)
    said: list[dict[str, Any]] = []

    def say(kind: str, details: Iterable[str] = (), jobs: Iterable[int] = ()) -> None:
        said.append({"kind": kind, "details": sorted(details), "jobs": sorted(jobs)})

    keys = [persistence._get_key(file) for file in job.output]
    if reason.forced:
        say("forced")
    marked = persistence._filter_incomplete_keys(keys)
    if marked:  # when Snakemake started it
        say("killed", [str(persistence._get_recorded_starttime(key)) for key in marked])
    elif reason._missing_output:
        ran = any(persistence._read_record(key) for key in keys)
        say("missing" if ran else "new", map(str, reason.missing_output))
    if reason._updated_input:
        say("input", map(str, reason.updated_input))
    if reason.input_changed and not reason._missing_output:
        say("inputs")
    # Snakemake does not look for it where the job before it runs.
    change = reason.params_changed or persistence.params_changed(job)
    if change:
        for kind, details in _changed_params(persistence, job, change).items():
            say(kind, details)
    if reason.code_changed:
        say("code")
    if reason.software_stack_changed:
        say("software")
    if reason._updated_input_run:
        files = set(reason.updated_input_run)
        makers = [other for other, wanted in dag.dependencies[job].items() if other in places and files & set(wanted)]
        say("follows", jobs=[places[other] for other in makers])
    return said


def _changed_params(persistence: Any, job: Any, change: Any) -> dict[str, list[str]]:
    """Sort the params that changed by what they stand for; Snakemake keeps their values without their names."""
    kinds: dict[str, list[str]] = {}
    before = list(change.only_old)
    for name, value in job.params.items():
        text = persistence._serialize_param(value)
        if text not in change.only_new:
            continue
        if name in CODE:
            kinds.setdefault("code", [])
        elif name in SOFTWARE or (name == "state" and "environment" in job.wildcards_dict):
            kinds.setdefault("software", [])
        elif name in INPUT:
            kinds.setdefault("input", [])
        else:
            kinds.setdefault("options", []).extend(changed_values(name, value, before))
    return kinds or {"options": []}


def changed_values(name: str, value: Any, before: Sequence[str]) -> list[str]:
    """Name the values of a param that are not what they were.

    Args:
        name: Name of the param.
        value: What it is now.
        before: What params of the job were that are no longer, as Python writes them.

    Returns:
        ``steps 3 -> 5`` and so on; only the name when it cannot be told what was there before.
    """
    earlier = []
    for text in before:
        try:
            earlier.append(literal_eval(text))
        except (ValueError, SyntaxError):
            continue
    if not isinstance(value, Mapping):
        same_kind = [old for old in earlier if type(old) is type(value)]
        return [f"{name} {_short(same_kind[0])} -> {_short(value)}"] if len(same_kind) == 1 else [name]
    maps = [old for old in earlier if isinstance(old, dict) and old.keys() & value.keys()]
    if not maps:
        return [name]
    old = max(maps, key=lambda old: len(old.keys() & value.keys()))
    return list(_differences(old, value, ""))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], within: str) -> Iterable[str]:
    for key in sorted(old.keys() | new.keys(), key=str):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differences(was, now, f"{within}{key}.")
        else:
            yield f"{within}{key} {_short(was)} -> {_short(now)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
