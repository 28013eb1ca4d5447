"""Outcomes that jobs leave in JSON files as ``status``: ``ok``, ``fallback: what`` or ``failed: reason``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.errors import CohortFailedError
from sixgig.runtime.atomic import read_json

FAILED = "failed: "


def failed_status(facts: Mapping[str, Any]) -> str:
    """Return the status of what failed; empty when it did not, or the facts have no status."""
    status = str(facts.get("status", ""))
    return status if status.startswith(FAILED) else ""


def failed_cohort(cohort: str, gate: Path | None) -> str:
    """Return as the status of all that was to be computed on a cohort that the cohort failed; empty when it did not.

    Args:
        cohort: Name of the cohort.
        gate: Its leakage.json, or another file that its jobs leave; None asks nothing.
    """
    status = failed_status(read_json(gate)) if gate is not None else ""
    return f"{FAILED}cohort {cohort}: {status.removeprefix(FAILED)}" if status else ""


def require_cohort(cohort: str, gate: Path | None) -> None:
    """Let nothing be computed on a cohort that failed; see :func:`failed_cohort`.

    Raises:
        CohortFailedError: It failed.
    """
    status = failed_cohort(cohort, gate)
    if status:
        reason = status.removeprefix(f"{FAILED}cohort {cohort}: ")
        raise CohortFailedError(f"cohort {cohort}", reason, "see that cohort's own line")
