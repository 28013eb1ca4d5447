"""One line of `sixgig doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes:
        name: The thing, in a word or two.
        level: ``ok``; ``warning``, the study can start but may not go as meant; ``error``, it cannot.
        text: What was found, without a full stop.
        next_step: What to do about it; empty when there is nothing to do.
    """

    name: str
    level: str
    text: str
    next_step: str = ""


def can_start(findings: Iterable[Finding]) -> bool:
    """Whether nothing that was found keeps the study from starting."""
    return all(finding.level != ERROR for finding in findings)


def one_of(name: str, problems: Sequence[Finding], fine: str) -> Iterator[Finding]:
    """Yield the problems; when there are none, one line that says what is fine."""
    yield from problems or [Finding(name, OK, fine)]
