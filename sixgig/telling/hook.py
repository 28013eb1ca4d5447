"""A command of the user's that is run when a study ends: a mail, a message to the phone, a lamp.

The command is a list of arguments and no shell reads it: what names hold cannot become a command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sixgig.runtime.paths import user_path
from sixgig.telling.ending import Ending
from sixgig.telling.lines import in_words

_OWN = "SIXGIG_"


def run_hook(hooks: Mapping[str, Any], ending: Ending, log: Path) -> str:
    """Run the command that the study file names for its end.

    It finds the outcome in its environment (``SIXGIG_STUDY``, ``SIXGIG_OUTCOME``, ``SIXGIG_SECONDS``,
    ``SIXGIG_FAILED``, ``SIXGIG_REPORT``) and as JSON on its standard input.

    Args:
        hooks: The section of the study file: ``finished``, a list of arguments, and ``time_limit``, in seconds.
        ending: How the run ended.
        log: What the command writes goes there.

    Returns:
        What went wrong, for people; empty when nothing did. It is never raised: the study is as it is.
    """
    command = [str(user_path(str(part))) if place == 0 else str(part) for place, part in enumerate(hooks["finished"])]
    if not command:
        return ""
    limit = float(hooks["time_limit"])
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # Without the marks by which jobs are known: the command is none, and is not ended with them.
                env={name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
                | variables(ending),
                start_new_session=True,  # so that all that it started can be ended
            )
            try:
                process.communicate(json.dumps(facts(ending), ensure_ascii=False).encode(), timeout=limit)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"hooks.finished: {command[0]} was ended after {in_words(limit)} (hooks.time_limit); see {log}"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"hooks.finished: {command[0]} could not be run: {reason}. Next step: correct hooks.finished"
    if process.returncode:
        return f"hooks.finished: {command[0]} ended with exit code {process.returncode}; see {log}"
    return ""


def facts(ending: Ending) -> dict[str, Any]:
    """Return what the command reads as JSON."""
    found = asdict(ending)
    return {name: found[name] for name in sorted(found)} | {"seconds": round(ending.seconds, 1)}


def variables(ending: Ending) -> dict[str, str]:
    """Return what the command finds in its environment; failed jobs and arms one a line."""
    return {
        "SIXGIG_STUDY": ending.study,
        "SIXGIG_OUTCOME": ending.outcome,
        "SIXGIG_SECONDS": f"{ending.seconds:.0f}",
        "SIXGIG_FAILED": "\n".join([*ending.failed_jobs, *ending.failures]),
        "SIXGIG_REPORT": ending.report,
    }
