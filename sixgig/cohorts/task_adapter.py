"""What adapters of folders with a ``dataset.json`` share: it names the modalities, once the cohort is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sixgig.cohorts import labels, patterns
from sixgig.cohorts.base import Adapter
from sixgig.cohorts.task_index import INDEX, find_task


class TaskAdapter(Adapter):
    """Volumes that a ``dataset.json`` describes; the modalities of the stanza are compared with it when it is read."""

    dimensions = 3
    known_modalities: tuple[str, ...] = ()
    option_keys = ("labels", *labels.KEYS, *patterns.KEYS)

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        asked = tuple(modalities or ())
        self.known_modalities = asked  # dataset.json decides; discover() compares
        super().__init__(asked, options)
        self._asked = asked

    def label_files(self, root: Path) -> list[Path]:
        """Return dataset.json, and the table of labels."""
        task = find_task(root)
        return [*([task / INDEX] if task else []), *super().label_files(root)]
