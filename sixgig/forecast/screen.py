"""A plan in the terminal: one screen of at most 40 lines, or one line for every job."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from sixgig.forecast.answer import START, Answer, Expected
from sixgig.forecast.base import JobCost
from sixgig.forecast.overview import Row
from sixgig.forecast.reasons import main_reason, name_of, reason_lines, sentence
from sixgig.forecast.wording import clock, duration, size

#: Lines of a screen, and the widths between which it is laid out.
LINES, NARROWEST, WIDEST = 40, 60, 100
#: Columns that are left out first where there is no room, and the width of a word under "why".
_SPARED, _WORD = ("fetch", "disk", "jobs"), 8
#: Lines that reasons, notes and assumptions may take at most.
_MOST_REASONS, _MOST_NOTES, _MOST_ASSUMED = 5, 4, 5


def screen(answer: Answer, width: int = WIDEST) -> str:
    """Return the plan as at most :data:`LINES` lines.

    Args:
        answer: The plan.
        width: Columns of the terminal.
    """
    width = min(max(width, NARROWEST), WIDEST)
    head = _wrap(f"sixgig plan: {answer.study} ({answer.file}), {clock(answer.now)}", width)
    head += _wrap(f"on {answer.machine}, {answer.cores} cores", width)
    tail = [*_totals(answer, width), *_problems(answer, width)]
    reasons = _reasons(answer, width)
    notes = [line for note in answer.notes for line in _wrap(f"note: {note}", width)]
    notes = _cut(notes, _MOST_NOTES, "more notes with --html or --json", width)
    if answer.device:
        assumed = _wrap(f"assumed: {'; '.join(answer.assumptions)}", width)
        notes += _cut(assumed, _MOST_ASSUMED, "all with --html or --json", width)
    room = LINES - len(head) - len(tail) - len(reasons) - len(notes) - 1
    lines = [*head, "", *_table(answer, width, room - 1), *tail, *reasons, *notes]
    return "\n".join(lines[:LINES])


def _table(answer: Answer, width: int, room: int) -> list[str]:
    rows = list(answer.overview.rows)
    expected = {line.name: line for line in answer.expected}
    hidden: list[Row] = []
    while len(rows) + 2 > room - bool(hidden):
        # What is left out first: classifiers, then arms, and of those the ones that take least; never a stage.
        parts = [row for row in rows if row.is_part]
        if not parts:
            break
        least = min(parts, key=lambda row: (row.name in expected, row.stage == "features", row.seconds))
        rows.remove(least)
        hidden.append(least)
    head = ["", "jobs", "time", *(["yours"] if expected else []), "VRAM", "RAM", "disk", "fetch", "why"]
    texts = [head, *(_cells(row, expected) for row in [*rows, answer.overview.total])]
    for column in _SPARED:  # on narrow terminals
        if _width_without_last(texts) + _WORD <= width:
            break
        place = head.index(column)
        texts = [[cell for other, cell in enumerate(row) if other != place] for row in texts]
        head = list(texts[0])
    lines = _columns(texts, width)
    if hidden:
        lines.insert(
            len(lines) - 1, f"  and {len(hidden)} arms or classifiers that take less; --html shows all"[:width]
        )
    return lines


def _width_without_last(texts: Sequence[Sequence[str]]) -> int:
    return sum(max(len(row[place]) for row in texts) + 2 for place in range(len(texts[0]) - 1))


def _cells(row: Row, expected: Mapping[str, Expected]) -> list[str]:
    is_total = row.name == "total"
    cells = [
        f"  {row.title}" if row.is_part and not is_total else row.title,
        f"{row.n_needed}/{len(row.jobs)}",
        duration(row.seconds),
    ]
    if expected:
        theirs = expected.get(row.name)
        cells.append(hours(theirs.low, theirs.high) if theirs else "")
    sizes = (size(row.vram_mb), size(row.rss_mb), size(row.disk_mb), size(row.download_mb))
    return [*cells, *sizes, "" if is_total else row.why]


def _columns(texts: Sequence[Sequence[str]], width: int, widest_first: int = 26) -> list[str]:
    """Lay cells out: the first and the last column to the left, numbers to the right; what is too long is cut."""
    n = len(texts[0])
    widths = [max(len(row[place]) for row in texts) for place in range(n)]
    widths[0] = min(widths[0], widest_first)
    left = width - sum(widths[:-1]) - 2 * (n - 1)
    widths[-1] = max(0, min(widths[-1], left))
    lines = []
    for row in texts:
        cells = [_short(row[0], widths[0]).ljust(widths[0])]
        cells += [cell.rjust(own) for cell, own in zip(row[1:-1], widths[1:-1], strict=True)]
        cells.append(_short(row[-1], widths[-1]))
        lines.append("  ".join(cells).rstrip())
    return lines


def _totals(answer: Answer, width: int) -> list[str]:
    overview = answer.overview
    if not overview.total.n_needed:
        return ["", "nothing to do: every file of the study is there and up to date"]
    card = f", of which jobs that run one at a time {duration(overview.card_seconds)}" if overview.card_seconds else ""
    ends = f"done {clock(answer.finish)} when started now"
    lines = ["", f"{duration(answer.seconds)} from start to end with {answer.cores} cores{card}; {ends}"]
    path = [key for key in answer.schedule.critical_path if key in answer.costs]
    longest = sorted(path, key=lambda key: -answer.costs[key].seconds)[:4]
    steps = [f"{name_of(key)} ({duration(answer.costs[key].seconds)})" for key in path if key in longest]
    rest = f", and {len(path) - len(steps)} more" if len(path) > len(steps) else ""
    lines.append(f"critical path, {duration(answer.schedule.critical_seconds)}: {' > '.join(steps)}{rest}")
    return [part for line in lines for part in (_wrap(line, width) or [""])]


def _problems(answer: Answer, width: int) -> list[str]:
    known = [room for room in answer.rooms if room.needed_mb > 0]
    of = {room.name: "" if room.there_mb is None else f" of {size(room.there_mb)}" for room in known}
    parts = [f"{room.name} {size(room.needed_mb)}{of[room.name]}" for room in known]
    if answer.overview.total.download_mb > 0:
        parts.append(f"to download {size(answer.overview.total.download_mb)}")
    rooms = ", ".join(parts)
    if answer.fits:
        return _wrap(f"fits: {rooms}", width) if rooms else []
    lines = []
    for problem in answer.problems:
        lead = "cannot start" if problem.what == START else f"does not fit ({problem.what})"
        lines += _wrap(f"{lead}: {problem.reason}. Next step: {problem.next_step}", width)
    return _cut(lines, 6, "more with --json or --html", width)


def _reasons(answer: Answer, width: int) -> list[str]:
    if not answer.overview.total.n_needed:
        return []
    lines = []
    for text, rows, number in reason_lines(answer.jobs, answer.overview.row_of):
        jobs = "1 job" if number == 1 else f"{number} jobs"
        where = "" if number == len(answer.jobs) else f" ({', '.join(rows)})"
        lines += _cut(_wrap(f"why: {text}: {jobs}{where}", width), 2, "", width)
    return _cut(lines, _MOST_REASONS, "more reasons with --jobs", width)


def hours(low: float, high: float) -> str:
    """Return the user's span: ``2 to 4 h``, ``10 to 30 min``."""
    if high < 1:
        return f"{round(60 * low)} to {round(60 * high)} min"
    return f"{low:g} to {high:g} h"


def job_lines(answer: Answer) -> str:
    """Return one line for every job that has to run, and how many need not."""
    texts: list[Sequence[str]] = [("job", "time", "VRAM", "RAM", "disk", "fetch", "why")]
    for job in answer.jobs:
        reason = main_reason(job)
        if reason is None:
            continue
        cost = answer.costs.get(job.key, JobCost(0.0, 0.0))
        sizes = (size(cost.vram_mb), size(cost.rss_mb), size(cost.disk_mb), size(cost.download_mb))
        texts.append((name_of(job.key), duration(cost.seconds), *sizes, sentence(reason)))
    done = sum(not job.needed for job in answer.jobs)
    # The reason is not cut: it may be longer than the terminal is wide.
    widest = max(len(text[-1]) for text in texts)
    lines = _columns(texts, _width_without_last(texts) + widest, widest_first=70) if len(texts) > 1 else []
    return "\n".join([*lines, f"{len(texts) - 1} jobs have to run, {done} need not"])


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _cut(lines: Sequence[str], most: int, rest: str, width: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    if not rest:
        return [*lines[: most - 1], _short(f"{lines[most - 1]} ...", width)]
    return [*lines[: most - 1], _short(f"... and {len(lines) - most + 1} lines more; {rest}", width)]


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."[:width]
