"""What was found, as text for a terminal or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence

from sixgig.command.doctor.finding import ERROR, OK, WARNING, Finding, can_start

_COLOURS = {OK: "32", WARNING: "33", ERROR: "31"}
_LEVEL = max(map(len, _COLOURS))


def as_text(findings: Sequence[Finding], subject: str, width: int = 80, colours: bool = False) -> str:
    """Return one line for each finding, wrapped, with what to do below it.

    Args:
        findings: What was found.
        subject: What was looked at.
        width: Columns.
        colours: Whether levels are coloured.
    """
    named = max((len(finding.name) for finding in findings), default=0)
    indent = " " * (_LEVEL + named + 4)
    room = max(width - len(indent), 24)
    lines = [f"sixgig doctor: {subject}", ""]
    for finding in findings:
        level = finding.level.ljust(_LEVEL)
        shown = f"\x1b[{_COLOURS[finding.level]}m{level}\x1b[0m" if colours else level
        first, *rest = _wrapped(finding.text, room)
        lines.append(f"{shown}  {finding.name.ljust(named)}  {first}")
        lines += [indent + line for line in rest]
        if finding.next_step:
            first, *rest = _wrapped(finding.next_step, room - 3)
            lines += [f"{indent}-> {first}", *(f"{indent}   {line}" for line in rest)]
    lines += ["", verdict(findings)]
    return "\n".join(lines)


def verdict(findings: Sequence[Finding]) -> str:
    """Return how many lines are of which level, and whether the study can start."""
    number = Counter(finding.level for finding in findings)
    said = [f"{number[OK]} ok"]
    for level in (WARNING, ERROR):
        said.append(f"{number[level]} {level}{'' if number[level] == 1 else 's'}")
    return f"{', '.join(said)}: a study {'can' if can_start(findings) else 'cannot'} start here"


def as_json(findings: Sequence[Finding], subject: str) -> str:
    """Return the same as JSON: ``study``, ``can_start``, and ``findings`` with name, level, text and next_step."""
    listed = [{"name": one.name, "level": one.level, "text": one.text, "next_step": one.next_step} for one in findings]
    found = {"study": subject, "can_start": can_start(findings), "findings": listed}
    return json.dumps(found, indent=2, ensure_ascii=False)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False) or [""]
