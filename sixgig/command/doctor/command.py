"""`sixgig doctor [STUDY.yaml] [--json]`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from sixgig.command.doctor.examine import examine
from sixgig.command.doctor.finding import can_start
from sixgig.command.doctor.output import as_json, as_text


def examine_study(file: Path | None, json: bool) -> int:
    """Print what is right and wrong with this machine and a study.

    Args:
        file: The study file; None for the machine alone.
        json: Whether to print JSON.

    Returns:
        0 when the study can start, though there may be warnings; 1 when it cannot.
    """
    findings = examine(file)
    subject = str(file) if file else "this machine"
    if json:
        print(as_json(findings, subject))
    else:
        width = min(shutil.get_terminal_size((80, 24)).columns, 120)
        colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(as_text(findings, subject, width, colours))
    return 0 if can_start(findings) else 1
