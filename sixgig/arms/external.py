"""The encoding of an external cohort with the weights that an arm learned on another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sixgig.arms.encode_job import EncodeJob


@dataclass(frozen=True, kw_only=True)
class ExternalEncodeJob(EncodeJob):
    """An :class:`EncodeJob` of another rule, which keeps its checkpoints and its course of the card apart."""

    rule: ClassVar[str] = "encode_external"
