"""`sixgig plan`: what a study still has to run, why, and what it will cost."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

#: Exit code of a plan that does not fit the machine.
DOES_NOT_FIT = 1


def plan_study(
    studies: Sequence[Path],
    *,
    device: str = "",
    cores: int | None = None,
    entries: Sequence[str] = (),
    folder: Path = Path(),
    jobs: bool = False,
    json: bool = False,
    html: Path | None = None,
    options: Sequence[str] = (),
) -> int:
    """Print the plan of a study.

    Args:
        studies: The study files; each is merged into those before it.
        device: Name of a card to plan for from its data sheet; empty for this machine.
        cores: Cores to plan with; all when None.
        entries: Keys that replace those of the files, as ``key=value``.
        folder: The folder that the study runs in.
        jobs: Whether to print a line for every job instead.
        json: Whether to print JSON instead.
        html: File for a page of its own.
        options: Further options of Snakemake, and targets.

    Returns:
        0, or 1 when the study does not fit the machine as it is.

    Raises:
        SixgigError: The study file is wrong, or there is no such card.
    """
    from sixgig.forecast.as_json import as_json
    from sixgig.forecast.planning import make_plan
    from sixgig.forecast.screen import job_lines, screen

    page, files = html.resolve() if html else None, [file.resolve() for file in studies]
    with contextlib.chdir(folder):
        answer = replace(make_plan(files, entries, device, cores, options), file=" ".join(map(str, studies)))
    if page is not None:
        from sixgig.forecast.page import write_page

        write_page(answer, page)
    width = shutil.get_terminal_size((100, 24)).columns
    if json:
        print(as_json(answer))
    elif jobs:
        print(job_lines(answer))
    else:
        print(screen(answer, width))
    if page is not None and not json:
        print(f"page: {html}")
    return 0 if answer.fits else DOES_NOT_FIT
