"""Python and its packages against the lock; conda; the clock."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding, one_of
from sixgig.runtime.places import IN_CLONE, WORKFLOW

#: The Python that the lock is for.
PYTHON = (3, 11)
#: Seconds since the epoch at which this version was written: no clock that is right shows an earlier time.
WRITTEN = 1_760_000_000
_SET_UP = "run `make setup`, which builds .venv from the lock" if IN_CLONE else "install sixgig into a new environment"
#: Seconds by which a file may be ahead of the clock, as on a network drive.
_AHEAD = 120.0
_MOST_NAMED = 4


def check_python(found: Sequence[int] | None = None) -> Finding:
    """Check the version of this Python, or of another that is given."""
    given: Sequence[int] = sys.version_info[:3] if found is None else found
    name = ".".join(str(part) for part in given[:3])
    if tuple(given[:2]) == PYTHON:
        return Finding("Python", OK, name)
    wanted = ".".join(map(str, PYTHON))
    return Finding("Python", ERROR, f"this is {name}, and sixgig is made and tested for {wanted}", _SET_UP)


def locked_versions(lock: Path) -> dict[str, str]:
    """Return the versions of a lock by package, of those that are for this Python and system."""
    from packaging.requirements import Requirement

    versions = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                versions[requirement.name] = next(iter(requirement.specifier)).version
    return versions


def named_packages(listed: Path) -> set[str]:
    """Return the packages that a list names: those that sixgig itself imports."""
    lines = listed.read_text(encoding="utf-8").splitlines()
    return {match[0].lower().replace("_", "-") for line in lines if (match := re.match(r"[A-Za-z0-9._-]+", line))}


def check_packages(
    locked: Mapping[str, str], needed: set[str], installed: Callable[[str], str] = version
) -> Iterator[Finding]:
    """Compare the packages that are installed with the lock.

    Args:
        locked: Version by package.
        needed: Those that sixgig itself imports.
        installed: Returns the version that is installed, or raises PackageNotFoundError.
    """
    missing, others = [], []
    for name, wanted in locked.items():
        try:
            found = installed(name).partition("+")[0]
        except PackageNotFoundError:
            missing.append(name)
            continue
        if found != wanted:
            others.append(f"{name} {found} in place of {wanted}")
    lacking = [name for name in missing if name.lower().replace("_", "-") in needed]
    problems = []
    if lacking:
        problems.append(Finding("packages", ERROR, f"not installed: {_listed(lacking)}", _SET_UP))
    elif missing:
        problems.append(Finding("packages", WARNING, f"in the lock and not installed: {_listed(missing)}", _SET_UP))
    if others:
        said = f"{_listed(others)}: results may differ from those of the lock"
        problems.append(Finding("packages", WARNING, said, _SET_UP))
    yield from one_of("packages", problems, f"all {len(locked)} as in the lock")


def check_own_packages() -> Iterator[Finding]:
    """Compare the packages of this Python with the lock of the workflow."""
    lock, listed = WORKFLOW / "envs" / "main.txt", WORKFLOW / "envs" / "main.in"
    yield from check_packages(locked_versions(lock), named_packages(listed))


def torch_cuda(folder: Path | None = None) -> str | None:
    """Return the version of CUDA that torch is built for, without importing it; None without CUDA.

    Args:
        folder: Folder of the package; the installed one's when None.
    """
    if folder is None:
        spec = find_spec("torch")
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent
    try:
        text = (folder / "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^cuda\b.*=\s*['\"]([\d.]+)", text, re.MULTILINE)
    return found[1] if found else None


def check_conda(needed: bool = False, which: Callable[[str], str | None] = shutil.which) -> Finding:
    """Say whether there is a conda.

    Args:
        needed: Whether an arm's interpreter is conda's; without it a study does not need one.
        which: Finds a command.
    """
    if which("conda"):
        return Finding("conda", OK, f"found; `--sdm conda` uses it{', as the study has to' if needed else ''}")
    if needed:
        step = "install conda, or set the arm's interpreter to auto"
        return Finding("conda", ERROR, "not found, and an arm's interpreter is conda", step)
    return Finding("conda", OK, "not found, and not needed")


def check_clock(newest: float | None = None, now: float | None = None) -> Finding:
    """Check that the clock can be right: Snakemake decides by the times of files what has to run.

    Args:
        newest: Time of the newest file of the study, in seconds since the epoch; None when there is none.
        now: What the clock shows.
    """
    now = time.time() if now is None else now
    shown = time.strftime("%Y-%m-%d %H:%M", time.localtime(now))
    step = "set the clock (timedatectl set-ntp true)"
    if now < WRITTEN:
        return Finding("clock", ERROR, f"it shows {shown}, which is before this version of sixgig was written", step)
    if newest is not None and newest > now + _AHEAD:
        ahead = time.strftime("%Y-%m-%d %H:%M", time.localtime(newest))
        said = f"it shows {shown}, and a file of the study is of {ahead}: jobs may run again for no other reason"
        return Finding("clock", WARNING, said, step)
    return Finding("clock", OK, shown)


def newest_file(study: Path) -> float | None:
    """Return the time of the newest file in a study's folder and the folders in it; None when there is none."""
    times = [path.stat().st_mtime for pattern in ("*", "*/*") for path in study.glob(pattern) if path.is_file()]
    return max(times, default=None)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
