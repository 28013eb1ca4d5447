"""Channels are listed in the data set's own file."""

from __future__ import annotations

from sixgig.command.task_channels import options

__all__ = ["options"]
