"""Compares the files that scripts opened below a study's folder with those that their rules declare.

A run of Snakemake with :func:`environment` leaves a file per job. What a C or Rust library opens by itself is not seen:
of those that sixgig uses, safetensors alone does so below a study's folder.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

HOOK = Path(__file__).parent / "audit_hook"
#: What every job keeps of itself while it runs, and of attempts that failed.
OF_EVERY_JOB = (".running", ".attempts")


@dataclass(frozen=True)
class Job:
    """What one job did: its rule, the files that it declares, and the paths that it opened or listed."""

    rule: str
    declared: frozenset[str]
    folders: tuple[str, ...]
    opened: frozenset[str]
    listed: frozenset[str]


def environment(variables, folder):
    """Return environment variables under which scripts are audited, with records in a folder."""
    folder.mkdir()
    paths = [str(HOOK), *filter(None, [variables.get("PYTHONPATH")])]
    return variables | {"PYTHONPATH": os.pathsep.join(paths), "AUDIT": str(folder)}


def read_jobs(folder, root):
    """Read the records of all jobs.

    Args:
        folder: The folder of records.
        root: The study's folder; paths below it are returned relative to it.
    """
    return [_read_job(path, root) for path in sorted(folder.glob("*.jsonl"))]


def _read_job(path, root):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (declared,) = [line for line in lines if line["event"] == "declared"]

    def below(paths):
        there = {os.path.relpath(found, root) for found in paths}
        return frozenset(found for found in there if not found.startswith("..") and found != ".")

    # Side stores are no inputs or outputs, because many jobs write to them; a rule names its own in `params`.
    here = root.parents[1]
    files = [str(here / file) for name in ("input", "output", "log") for file in declared[name]]
    folders = [str(here / name) for name in declared["params"] if name.startswith("results/")]
    folders += [str(root / name) for name in OF_EVERY_JOB]
    if declared["rule"] in (
        "prepare_cohort",
        "prepare_shard",
        "group_subjects",
    ):  # an input says where the raw files of the cohort are
        folders.append(str(here / json.loads((here / declared["input"][0]).read_text())["root"]))
    listings = ("os.listdir", "os.scandir")
    return Job(
        declared["rule"],
        below(files),
        tuple(below(folders)),
        below(line["path"] for line in lines if line["event"] not in ("declared", *listings)),
        below(line["path"] for line in lines if line["event"] in listings),
    )


def undeclared(job):
    """Return the paths that a job opened or listed without declaring them, sorted.

    A folder may be listed when every declared file of it is looked for there, so only folders without a declared file
    count. Temporary files of :func:`sixgig.runtime.atomic.atomic_path` are recorded under their final names.
    """

    def in_store(path):
        return any(path == store or path.startswith((f"{store}/", f"{store}-")) for store in job.folders)

    def known(path):
        return path in job.declared or in_store(path) or Path(path).name.startswith(".partial-")

    def is_folder_of_declared(path):
        return any(file.startswith(f"{path}/") for file in job.declared)

    files = {path for path in job.opened if not known(path) and not is_folder_of_declared(path)}
    folders = {path for path in job.listed if not in_store(path) and not is_folder_of_declared(path)}
    return sorted(files | folders)
