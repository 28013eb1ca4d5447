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
    folder = Path(_value(options, "-d", "--directory") or ".")
    retry, options = _RETRY in options, [option for option in options if option != _RETRY]
    name, plan = _check(study, folder, options)
    with _working_in(folder):
        files = files_again(failures(plan)) if retry and plan is not None else []
    if retry and not files:
        print("[sixgig] nothing has failed: nothing is tried again", file=sys.stderr)
    if shows_plan(options):
        again = ["--forcerun", *files] if files else []
        # A target would count as one more file of --forcerun.
        return show_plan(study, [*again, *options] if options[0].startswith("-") else [*options, *again])
    code = _follow(snakemake_command(study.resolve(), options, files))
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


def snakemake_command(study: Path, options: Sequence[str], again: Sequence[str] = ()) -> list[str]:
    """Return the command that runs a study, with this interpreter.

    Args:
        study: The study file.
        options: Options and targets for Snakemake.
        again: Files that are made again, with all that depends on them.
    """
    command = [sys.executable, "-m", "snakemake", "--configfile", str(study)]
    if _value(options, "-c", "--cores", "-j", "--jobs") is None:
        command += ["--cores", "all"]
    if _value(options, "--workflow-profile") is None:
        command += ["--workflow-profile", str(WORKFLOW / "profiles" / "default")]
    if _value(options, "-q", "--quiet") is None:
        command += ["--quiet", "host"]
    if again:
        command += ["--forcerun", *again]
    # An option with one value comes last: targets may follow it.
    return [*command, "--snakefile", str(WORKFLOW / "Snakefile"), *options]


def _value(options: Sequence[str], *names: str) -> str | None:
    """Return the value that an option of Snakemake is given, "" without a value; None when it is not given."""
    found = None
    for place, option in enumerate(options):
        if option == "--":
            break
        for name in names:
            if option == name:
                following = options[place + 1 : place + 2]
                found = following[0] if following and not following[0].startswith("-") else ""
            elif option.startswith(f"{name}=" if name.startswith("--") else name) and option != name:
                found = option.removeprefix(name).removeprefix("=")
    return found


def _values(options: Sequence[str], *names: str) -> list[str]:
    """Return what follows an option that takes several values, up to the next option."""
    found: list[str] = []
    taken = False
    for option in options:
        if option.startswith("-"):
            taken = option in names
            found += [option.partition("=")[2] for name in names if option.startswith(f"{name}=")]
        elif taken:
            found.append(option)
    return found


def _working_in(folder: Path) -> contextlib.chdir[Path | str]:
    return contextlib.chdir(folder if folder.is_dir() else ".")


def _check(study: Path, folder: Path, options: Sequence[str]) -> tuple[str, Plan | None]:
    """Find mistakes before Snakemake starts; paths in the study file count from the folder it runs in.

    Returns:
        The study's name, and its plan; None when other files count as well.
    """
    file, entries = study.resolve(), _values(options, "-C", "--config")
    with _working_in(folder):
        if _value(options, "--configfile", "--configfiles") is not None:  # the file is not all that counts
            return str(read_study([file], entries).config.get("study", "")), None
        elsewhere = _value(options, "-e", "--executor", "--profile", "--workflow-profile") is not None
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
