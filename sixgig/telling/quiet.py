"""What of Snakemake's own messages reaches the terminal; all of them are in its log, ``.snakemake/log/``."""

from __future__ import annotations

import logging

_EVENTS = frozenset(
    {
        "group_info", "job_error", "job_finished", "job_info", "job_started", "progress", "resources_info", "run_info",
        "shellcmd", "workflow_started",
    }
)  # fmt: skip
_BEGINNINGS = (
    "Building DAG of jobs",
    "Complete log(s)",
    "Conda environments: ignored",
    "Elapsed time",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Singularity containers: ignored",
    "Terminating processes on user request",
    "Trying to restart job",
    "Using shell",
)
#: What sixgig's own last lines say, with names.
_ENDINGS = ("Exiting because a job execution failed", "At least one job did not complete successfully")


class Quiet(logging.Filter):
    """Leaves out what a person does not need while a study runs; errors and warnings stay.

    That a job failed, and its log's name, is said by sixgig instead.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show a message."""
        event = str(getattr(record, "event", None) or "")
        text = str(record.msg or "")
        if event in _EVENTS:
            return False
        if event == "error" or record.levelno >= logging.ERROR:
            return "CalledProcessError" not in text and not any(ending in text for ending in _ENDINGS)
        return record.levelno > logging.INFO or not text.startswith(_BEGINNINGS)
