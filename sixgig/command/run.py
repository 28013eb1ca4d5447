"""`sixgig run`: check a study file, run Snakemake on it, and say where the report is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.errors import ConfigError
from sixgig.runtime.places import WORKFLOW

_DRY = {"-n", "--dry-run", "--dryrun"}


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
    config = read_study(study)
    folder = Path(_value(options, "-d", "--directory") or ".")
    command = snakemake_command(study.resolve(), options)
    if _value(options, "-C", "--config") is None:  # else what counts is not what the file says
        _check(config, folder, options)
    code = _follow(command)
    report = folder / "results" / str(config.get("study", "")) / "report.html"
    if _DRY & set(options):
        return code
    if code == 0 and report.is_file():
        print(f"[sixgig] report: {report}")
    elif code != 0:
        again = f"sixgig run {study}"
        print(
            "[sixgig] stopped before the end; what is finished is kept.",
            f"[sixgig] Next step: mend what is named above, then {again}",
            f"[sixgig] When Snakemake says that the directory is locked (a kill, a power cut): {again} --unlock",
            sep="\n",
            file=sys.stderr,
        )
    return code


def read_study(path: Path) -> dict[str, Any]:
    """Read a study file as YAML, before defaults.

    Raises:
        ConfigError: It cannot be read, is no YAML, or holds no keys.
    """
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise ConfigError(path, f"cannot be read: {reason}", "name a study file; `sixgig new` writes one") from None
    except yaml.YAMLError as error:
        raise ConfigError(path, f"is no YAML: {error}", "correct the line that is named") from None
    if not isinstance(config, dict):
        raise ConfigError(path, "holds no keys", "write a study file; `sixgig new` writes one")
    return config


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


def _check(config: Mapping[str, Any], folder: Path, options: Sequence[str]) -> None:
    """Find mistakes before Snakemake starts; paths in the study file count from the folder it runs in."""
    from sixgig.plan.plan import Plan

    with contextlib.chdir(folder if folder.is_dir() else "."):
        Plan(config, conda="conda" in options or "--use-conda" in options)


def _follow(command: Sequence[str]) -> int:
    """Run a command to its end; it gets the signals that this process gets."""
    # The packages of this interpreter alone: not what lies in the working directory, which may be a clone.
    process = subprocess.Popen(command, env=os.environ | {"PYTHONSAFEPATH": "1"})
    earlier = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                code = process.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:  # Snakemake got it too, and ends its jobs first
                continue
    finally:
        signal.signal(signal.SIGTERM, earlier)
