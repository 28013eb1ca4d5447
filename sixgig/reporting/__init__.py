"""The report of a study: one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sixgig.study import Study

__all__ = ["write_report"]


def write_report(study: Study, output: Path) -> None:
    """Write ``report.html``; see :func:`sixgig.reporting.page.write_report`."""
    # Imported here because the figures use this package's number formats, and the page uses the figures.
    from sixgig.reporting.page import write_report as write

    write(study, output)
