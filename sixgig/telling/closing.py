"""The last lines of a finished study: its verdict on every cohort, and where its report is."""

from __future__ import annotations

from pathlib import Path

from sixgig.errors import TableError
from sixgig.tables.verdicts import VERDICTS


def closing_lines(study: Path) -> list[str]:
    """Return the lines that end a finished study; none where it has no report.

    Args:
        study: Its folder, ``results/<study>``.
    """
    report = study / "report.html"
    return [*_verdicts(study / VERDICTS.name), f"[sixgig] report: {report}"] if report.is_file() else []


def _verdicts(path: Path) -> list[str]:
    """Return one line per cohort, in the order of the table: real ones first."""
    try:
        rows = VERDICTS.read(path)
    except TableError:  # of an older study, or the run was about other files; the report says what there is
        return []
    lines = []
    for _, row in rows.iterrows():
        simulated = row["images"] == "simulated" and "simul" not in row["title"].lower()
        lines.append(f"[sixgig] {row['title']}{' (simulated)' if simulated else ''}: {row['headline']}")
    return lines
