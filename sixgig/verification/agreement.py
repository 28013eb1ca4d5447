"""Agreement of what a study wrote: tables are computed again from what is before them, and so is the report."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

from threadpoolctl import threadpool_limits

from sixgig.errors import SixgigError
from sixgig.figures.catalogue import FORMATS, KINDS, figure_list, kinds_of
from sixgig.reporting.exports import write_tables
from sixgig.reporting.page import render
from sixgig.results.study import Study
from sixgig.verification.findings import DAMAGE, ERROR, NOTE, OK, Finding, reason_of
from sixgig.verification.maps import NAME as FEATURE_MAP
from sixgig.verification.maps import check_feature_map
from sixgig.verification.recomputed import Recomputed
from sixgig.version import __version__

_IMAGE_STARTS = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


def check_tables(study: Study, threads: int) -> Iterator[Finding]:
    """Compute metrics, summary and tests again and compare them with the files, number by number."""
    again = Recomputed(study, threads)
    known = {FEATURE_MAP}
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):  # as jobs of one core compute them
        for name, table, compute, source in again.tables():
            known.add(name)
            try:
                with redirect_stderr(io.StringIO()):  # bars of progress
                    table.write(compute(), Path(folder) / "again.csv")
            except DAMAGE as error:
                yield Finding("tables", ERROR, f"{name} cannot be computed again: {reason_of(error)}", name)
                continue
            yield same_text("tables", study.folder, name, Path(folder) / "again.csv", source)
    with threadpool_limits(1):
        yield from check_feature_map(study)
    for path in sorted((study.folder / "statistics").glob("*.csv")):
        name = path.relative_to(study.folder).as_posix()
        if name not in known:
            yield Finding("tables", NOTE, f"{name} is not computed again", name)


def check_exports(study: Study) -> Iterator[Finding]:
    """Write the tables of a paper again and compare them with those under ``tables/``."""
    with tempfile.TemporaryDirectory() as folder:
        write_tables(study, Path(folder))
        files = sorted(Path(folder).iterdir())
        found = [same_text("tables", study.folder, f"tables/{file.name}", file, "the study's tables") for file in files]
    wrong = [finding for finding in found if finding.level == ERROR]
    yield from wrong
    if not wrong:
        yield Finding("tables", OK, f"tables/: {len(files)} files show what the study's tables hold")


def same_text(check: str, folder: Path, name: str, again: Path, source: str) -> Finding:
    """Compare a text file of a study with what it is when it is written again; the first line that differs is shown."""
    path = folder / name
    if not path.is_file():
        return Finding(check, ERROR, f"{name} is not there", name)
    old, new = (file.read_text(encoding="utf-8", errors="replace").splitlines() for file in (path, again))
    if old == new:
        return Finding(check, OK, f"{name} follows from {source}", name)
    differ = (place for place, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    place = next(differ, min(len(old), len(new)))
    shown, expected = (lines[place] if place < len(lines) else "no such line" for lines in (old, new))
    text = f"{name} does not follow from {source}: line {place + 1} is {shown!r}, and would be {expected!r}"
    return Finding(check, ERROR, text, name)


def check_figures(study: Study) -> Iterator[Finding]:
    """Check that every figure of the study is there in every format."""
    arms = {cohort: study.training.arms(cohort) for cohort in study.cohorts}
    trained = any(arms.values())
    pictures = any(study.training.leaves_pictures(cohort) for cohort in study.cohorts)
    folder = study.folder / "figures"
    infos = figure_list(folder, kinds_of(over_cohorts=True))
    for cohort in study.cohorts:
        infos += figure_list(folder, kinds_of(False, trained, pictures, study.has_fractions, study.has_groups), cohort)
    problems = 0
    without_images = any(study.images(cohort) is None for cohort in study.cohorts)
    left_out = []
    for info in infos:
        for suffix in FORMATS:
            path = info.svg.with_suffix(f".{suffix}")
            name = path.relative_to(study.folder).as_posix()
            if not path.is_file() and without_images and KINDS[info.kind].needs == "pictures":
                left_out.append(name)
            elif not path.is_file():
                yield Finding("figures", ERROR, f"{name} is not there", name)
                problems += 1
            elif not path.read_bytes()[:8].startswith(_IMAGE_STARTS[suffix]):
                yield Finding("figures", ERROR, f"{name} is no {suffix.upper()} file", name)
                problems += 1
    if left_out:
        yield Finding("figures", NOTE, f"{len(left_out)} files that show images are not there, as the images are not")
    if not problems:
        there = len(infos) - len(left_out) // len(FORMATS)
        yield Finding("figures", OK, f"{there} figures are there as {', '.join(FORMATS)}")


def check_report(study: Study) -> Iterator[Finding]:
    """Write the report again and compare it: its numbers are those of the tables, its figures those of ``figures/``."""
    path = study.folder / "report.html"
    if not path.is_file():
        yield Finding("report", ERROR, "report.html is not there", "report.html")
        return
    without_images = any(study.images(cohort) is None for cohort in study.cohorts)
    there = sections(path.read_text(encoding="utf-8", errors="replace"))
    try:
        with redirect_stderr(io.StringIO()):
            again = sections(render(study))
    except SixgigError as error:
        if not without_images:
            raise
        yield Finding("report", NOTE, f"report.html cannot be compared without images: {reason_of(error)}")
        return
    wrong = [name for name in dict.fromkeys([*again, *there]) if again.get(name) != there.get(name)]
    if without_images:  # they are shown in some sections
        shown = [name for name in wrong if "<img" in there.get(name, "")]
        wrong = [name for name in wrong if name not in shown]
        if shown:
            yield Finding("report", NOTE, f"report.html: {', '.join(shown)} cannot be compared without images")
    # Another version of sixgig may say the same in other words.
    level = ERROR if study.info.get("sixgig") == __version__ else NOTE
    for name in wrong:
        said, expected = first_difference(there.get(name, ""), again.get(name, ""))
        yield Finding("report", level, f"report.html, {name}: says {said!r}, and would say {expected!r}", "report.html")
    if not wrong:
        yield Finding("report", OK, "report.html says what tables and figures hold", "report.html")


def sections(page: str) -> dict[str, str]:
    """Return the parts of a page by the id of their section; what is before the first is ``head``."""
    parts = re.split(r'(?=<section id=")', page)
    named = {"head": parts[0]}
    for part in parts[1:]:
        named[part[len('<section id="') :].partition('"')[0]] = part
    return named


def first_difference(old: str, new: str, width: int = 60) -> tuple[str, str]:
    """Return both texts from a little before the place where they begin to differ."""
    place = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, place - width // 3)
    return old[start : start + width], new[start : start + width]
