"""What a check of a study found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sixgig.errors import SixgigError

OK, NOTE, ERROR = "ok", "note", "error"
#: What a damaged file may raise in the readers behind a check.
DAMAGE = (SixgigError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True)
class Finding:
    """One sentence about a study.

    Attributes:
        check: Name of the check, such as ``hashes``.
        level: ``ok``; ``note``, what is to be known and is no fault of the study; or ``error``.
        text: The sentence, with the file that it is about.
        place: The file or table that it is about, from the study's folder; empty for the study.
    """

    check: str
    level: str
    text: str
    place: str = ""


def reason_of(error: Exception) -> str:
    """Return what an error says, in one line."""
    reason = f"{error.place}: {error.reason}" if isinstance(error, SixgigError) else repr(error)
    return " ".join(reason.split())


def is_sound(findings: Iterable[Finding]) -> bool:
    """Whether no finding is an error."""
    return all(finding.level != ERROR for finding in findings)


def as_json(study: str, findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as what JSON can hold."""
    found = list(findings)
    return {"study": study, "passed": is_sound(found), "findings": [asdict(finding) for finding in found]}


def as_text(study: str, findings: Iterable[Finding]) -> str:
    """Return findings as lines for a terminal, errors marked by their level in capitals, and a last line."""
    found = list(findings)
    width = max((len(finding.check) for finding in found), default=0)
    marks = {OK: "ok   ", NOTE: "note ", ERROR: "ERROR"}
    lines = [f"{marks[finding.level]}  {finding.check:{width}}  {finding.text}" for finding in found]
    errors = sum(finding.level == ERROR for finding in found)
    last = f"{study}: everything agrees" if not errors else f"{study}: {errors} {'error' if errors == 1 else 'errors'}"
    return "\n".join([*lines, last])
