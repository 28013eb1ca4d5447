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
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.stopping import SIGNALS, end_with_parent


def run_study(study: Path, options: Sequence[str]) -> int:
    """Run a study in the working directory.

    Args:
        study: The study file.
        options: Options and targets for Snakemake, passed on as they are.

    Returns:
        Exit code of Snakemake; 128 and the signal's number when a signal ended it.

    Raises:
        SixgigError: The study file cannot be read, is wrong, or names files that do not exist.
    """
    folder = Path(_value(options, "-d", "--directory") or ".")
    command = snakemake_command(study.resolve(), options)
    name = _check(study, folder, options)
    if shows_plan(options):
        return show_plan(study, options)
    code = _follow(command)
    report = folder / "results" / name / "report.html"
    if DRY & set(options):
        return code
    if code == 0 and report.is_file():
        print(f"[sixgig] report: {report}")
    elif code != 0:
        print(
            "[sixgig] stopped before the end; what is finished is kept.",
            f"[sixgig] Next step: mend what is named above, then sixgig run {study}",
            sep="\n",
            file=sys.stderr,
        )
    return code


def snakemake_command(study: Path, options: Sequence[str]) -> list[str]:
    """Return the command that runs a study, with this interpreter."""
    command = [sys.executable, "-m", "snakemake", "--configfile", str(study)]
    if _value(options, "-c", "--cores", "-j", "--jobs") is None:
        command += ["--cores", "all"]
    if _value(options, "--workflow-profile") is None:
        command += ["--workflow-profile", str(WORKFLOW / "profiles" / "default")]
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


def _check(study: Path, folder: Path, options: Sequence[str]) -> str:
    """Find mistakes before Snakemake starts; paths in the study file count from the folder it runs in.

    Returns:
        The study's name.
    """
    from sixgig.plan.opening import open_plan
    from sixgig.plan.study_file import read_study

    file, entries = study.resolve(), _values(options, "-C", "--config")
    with contextlib.chdir(folder if folder.is_dir() else "."):
        if _value(options, "--configfile", "--configfiles") is not None:  # the file is not all that counts
            return str(read_study([file], entries).config.get("study", ""))
        elsewhere = _value(options, "-e", "--executor", "--profile", "--workflow-profile") is not None
        plan = open_plan(
            [file], entries, with_conda="conda" in options or "--use-conda" in options, jobs_here=not elsewhere
        )
    return plan.study


def _follow(command: Sequence[str]) -> int:
    """Run a command to its end; it gets the signals that this process gets, and ends with it."""
    # The packages of this interpreter alone: not what lies in the working directory, which may be a clone.
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
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
