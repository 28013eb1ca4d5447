import logging

import pytest

from sixgig.telling.quiet import Quiet


@pytest.mark.parametrize(
    ("level", "text", "event", "shown"),
    [
        ("INFO", "Select jobs to execute...", None, False),
        ("INFO", "Building DAG of jobs...", None, False),
        ("INFO", "rule encode_images:", "job_info", False),
        ("INFO", None, "progress", False),
        ("INFO", "Nothing to be done (all requested files are present and up to date).", None, True),
        ("INFO", "Creating conda environment envs/main.yaml...", None, True),
        ("WARNING", "Select jobs to execute...", None, True),
        ("ERROR", "Error in rule x", "job_error", False),  # sixgig says it, with the log's name
        ("ERROR", "RuleException:\nCalledProcessError in file x: Command failed", "error", False),
        ("ERROR", "MissingInputException in rule x", "error", True),
        ("ERROR", "OSError: [Errno 28] No space left on device", "error", True),
        ("ERROR", "Exiting because a job execution failed. Look above for error messages", None, False),
        ("ERROR", "WorkflowError:\nAt least one job did not complete successfully.", "error", False),
    ],
)  # fmt: skip
def test_what_is_shown(level, text, event, shown):
    record = logging.LogRecord("snakemake", getattr(logging, level), "", 0, text, (), None)
    if event:
        record.event = event
    assert Quiet().filter(record) is shown
