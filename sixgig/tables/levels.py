"""What a cohort's stanza in the study file says about classes and metrics: whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SUBJECT, IMAGE = "subject", "image"


def labels_of(stanza: Mapping[str, Any]) -> str:
    """Return what has a class: ``subject``, or ``image`` where each image has one of its own."""
    return str(stanza.get("labels_of") or SUBJECT)


def metrics_of(stanza: Mapping[str, Any]) -> str:
    """Return what metrics count: ``subject`` or ``image``."""
    return str(stanza.get("metrics_of") or labels_of(stanza))
