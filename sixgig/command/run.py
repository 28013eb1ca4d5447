"""`sixgig run`: check a study file, run Snakemake on it, and say where the report is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sixgig.command.dry import DRY, show_plan, shows_plan
from sixgig.command.option_values import option_value, option_values
from sixgig.command.profiles import LOCAL, executor
from sixgig.plan.failures import WITH_FAILURES, exit_code, failures, files_again
from sixgig.plan.opening import open_plan
from sixgig.plan.plan import Plan
from sixgig.plan.study_file import read_study
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.progress import REPORT_IS_NAMED
from sixgig.runtime.stopping import SIGNALS, end_with_parent
from sixgig.telling.closing import closing_lines

#: Option of our own: what failed is tried again, with all that depends on it.
_RETRY = "--retry-failed"


def run_study(study: Path, options: Sequence[str]) -> int:
    """Run a study in the working directory.

    Args:
        study: The study file.
        options: Options and targets for Snakemake, passed on as they are.

    Returns:
        Exit code of Snakemake; 128 and the signal's number when a signal ended it; 3 when the study is finished and an
        arm or a cohort failed.

    Raises:
        SixgigError: The study file cannot be read, is wrong, or names files that do not exist.
    """
    folder = Path(option_value(options, "-d", "--directory") or ".")
    retry, options = _RETRY in options, [option for option in options if option != _RETRY]
    elsewhere = executor(options) not in LOCAL
    name, plan = _check(study, folder, options, elsewhere)
    with _working_in(folder):
        files = files_again(failures(plan)) if retry and plan is not None else []
    if retry and not files:
        print("[sixgig] nothing has failed: nothing is tried again", file=sys.stderr)
    if shows_plan(options):
        again = ["--forcerun", *files] if files else []
        # A target would count as one more file of --forcerun.
        return show_plan(study, [*again, *options] if options[0].startswith("-") else [*options, *again])
    code = _follow(snakemake_command(study.resolve(), options, files, elsewhere))
    if DRY & set(options):
        return code
    if code == 0 and plan is not None:  # when there was nothing to do, Snakemake had no last word
        with _working_in(folder):
            code = exit_code(plan)
    if code in (0, WITH_FAILURES):
        for line in closing_lines(folder / "results" / name):
            print(line)
    else:
        print(
            "[sixgig] stopped before the end; what is finished is kept.",
            f"[sixgig] Next step: mend what is named above, then sixgig run {study}",
            sep="\n",
            file=sys.stderr,
        )
    return code


def snakemake_command(
    study: Path, options: Sequence[str], again: Sequence[str] = (), elsewhere: bool = False
) -> list[str]:
    """Return the command that runs a study, with this interpreter.

    Args:
        study: The study file.
        options: Options and targets for Snakemake.
        again: Files that are made again, with all that depends on them.
        elsewhere: Whether jobs run on other machines: then the cores of this one are no limit.
    """
    command = [sys.executable, "-m", "snakemake", "--configfile", str(study)]
    if not elsewhere and option_value(options, "-c", "--cores", "-j", "--jobs") is None:
        command += ["--cores", "all"]
    if option_value(options, "--workflow-profile") is None:
        command += ["--workflow-profile", str(WORKFLOW / "profiles" / "default")]
    if option_value(options, "-q", "--quiet") is None:
        command += ["--quiet", "host"]
    if again:
        command += ["--forcerun", *again]
    # An option with one value comes last: targets may follow it.
    return [*command, "--snakefile", str(WORKFLOW / "Snakefile"), *options]


def _working_in(folder: Path) -> contextlib.chdir[Path | str]:
    return contextlib.chdir(folder if folder.is_dir() else ".")


def _check(study: Path, folder: Path, options: Sequence[str], elsewhere: bool) -> tuple[str, Plan | None]:
    """Find mistakes before Snakemake starts; paths in the study file count from the folder it runs in.

    Returns:
        The study's name, and its plan; None when other files count as well.
    """
    file, entries = study.resolve(), option_values(options, "-C", "--config")
    with _working_in(folder):
        if option_value(options, "--configfile", "--configfiles") is not None:  # the file is not all that counts
            return str(read_study([file], entries).config.get("study", "")), None
        elsewhere = elsewhere or option_value(options, "--profile") is not None  # which may name an executor too
        plan = open_plan(
            [file], entries, with_conda="conda" in options or "--use-conda" in options, jobs_here=not elsewhere
        )
    return plan.study, plan


def _follow(command: Sequence[str]) -> int:
    """Run a command to its end; it gets the signals that this process gets, and ends with it."""
    # The packages of this interpreter alone: not what lies in the working directory, which may be a clone.
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONSAFEPATH": "1", REPORT_IS_NAMED: "yes"},
        preexec_fn=partial(end_with_parent, os.getpid(), signal.SIGTERM),
    )
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, lambda number, _: process.send_signal(number)) for number in taken}
    try:
        code = process.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
