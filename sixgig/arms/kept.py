"""Image features of a finished encoding, kept so that it is not repeated when its images have not changed.

Snakemake runs an encoding again when something before it ran, such as the preparation of a cohort with corrected
labels. When images, weights, options, code and packages are the same, so would be the features.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.arms.job import Job
from sixgig.runtime import checkpoints
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.digests import file_sha256, settings_digest
from sixgig.runtime.versions import encoding_versions

_LOG = logging.getLogger(__name__)
_ROWS, _FACTS = "image_features.npy", "facts.json"


class KeptFeatures:
    """The features that an earlier run of the same job computed, if it is the same in all that decides them.

    They have the place of the job's checkpoints, so that the next encoding of other images removes them.

    Args:
        job: The encoding.
        inputs: Digests of what it reads, and its settings.
        place: Name of the folder of its checkpoints.
    """

    def __init__(self, job: Job, inputs: Mapping[str, Any], place: str) -> None:
        key = {
            **inputs, "device": job.device, "memory_limit_mb": job.memory_limit_mb, "versions": encoding_versions(),
            "finished": True,
        }  # fmt: skip
        self._root, self._name, self._key = job.checkpoints, place, key
        self._folder = job.checkpoints / place / settings_digest(key)

    def read(self) -> tuple[np.ndarray, dict[str, Any]] | None:
        """Return image features, float32 [n, d], and what was written down about them; None when there are none."""
        try:
            facts = read_json(self._folder / _FACTS)
            if file_sha256(self._folder / _ROWS) != facts.pop("sha256"):
                return None
            rows: np.ndarray = np.load(self._folder / _ROWS)
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        _LOG.info("images, weights, options, code and packages are those of an earlier run: its features are kept")
        return rows, facts

    def write(self, image_features: Path, facts: Mapping[str, Any]) -> None:
        """Keep the features in a file that the job has written, as a second name of the file; nothing is copied."""
        with suppress(OSError):  # a file system without second names: the encoding is repeated then
            folder = checkpoints.checkpoint_folder(self._root, self._name, self._key)
            (folder / _ROWS).unlink(missing_ok=True)
            os.link(image_features, folder / _ROWS)
            write_json(folder / _FACTS, {**facts, "sha256": file_sha256(image_features)})
