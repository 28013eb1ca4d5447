"""`sixgig run -n`: the plan of what would run, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sixgig.command.plan import plan_study

DRY = {"-n", "--dry-run", "--dryrun"}
_CORES, _ENTRIES, _FOLDER = ("-c", "--cores"), ("-C", "--config"), ("-d", "--directory")
#: Options of Snakemake that choose jobs: beside these a dry run shows sixgig's plan, beside others Snakemake's own.
_CHOOSING = {
    "-f", "--force", "-F", "--forceall", "-R", "--forcerun", "-U", "--until", "-O", "--omit-from", "--",
}  # fmt: skip


def shows_plan(options: Sequence[str]) -> bool:
    """Whether options of Snakemake ask for a dry run that sixgig's plan answers."""
    known = {*DRY, *_CORES, *_ENTRIES, *_FOLDER, *_CHOOSING}
    return bool(DRY & set(options)) and all(_name(option) in known for option in options if option.startswith("-"))


def show_plan(study: Path, options: Sequence[str]) -> int:
    """Print what would run.

    Args:
        study: The study file.
        options: Options and targets for Snakemake, with which :func:`shows_plan` holds.

    Returns:
        0: a plan that does not fit is no failure of a dry run.

    Raises:
        SixgigError: The study cannot be planned.
    """
    cores, entries, folder, others = _sorted(options)
    number = int(cores) if cores.isdecimal() else None
    plan_study([study], cores=number, entries=entries, folder=Path(folder), options=others)
    print(f"every job: sixgig plan {study} --jobs; as Snakemake tells it: sixgig run {study} -n -p")
    return 0


def _name(option: str) -> str:
    """Return an option without its value: that of ``-c2`` is ``-c``, that of ``--cores=2`` ``--cores``."""
    return option.partition("=")[0] if option.startswith("--") else option[:2]


def _sorted(options: Sequence[str]) -> tuple[str, list[str], str, list[str]]:
    """Return cores, entries of the config, folder, and all other options but that of the dry run."""
    found: dict[tuple[str, ...], list[str]] = {_CORES: [], _ENTRIES: [], _FOLDER: []}
    others: list[str] = []
    taking: list[str] | None = None
    for place, option in enumerate(options):
        if option == "--":
            others += options[place:]
            break
        if option in DRY:
            taking = None
        elif option.startswith("-"):
            name = _name(option)
            kind = next((kind for kind in found if name in kind), None)
            taking = found[kind] if kind else None
            value = option.removeprefix(name).removeprefix("=")
            if taking is None:
                others.append(option)
            elif value:
                taking.append(value)
                taking = taking if kind == _ENTRIES else None
        elif taking is not None:
            taking.append(option)
            taking = taking if taking is found[_ENTRIES] else None
        else:
            others.append(option)
    return (found[_CORES] or ["all"])[-1], found[_ENTRIES], (found[_FOLDER] or ["."])[-1], others
