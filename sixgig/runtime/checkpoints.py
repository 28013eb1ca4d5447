"""Where long jobs keep unfinished work, so that a killed run continues instead of starting again.

Snakemake deletes a job's declared outputs before it runs the job again, so checkpoints are kept elsewhere, in
``results/<study>/.checkpoints/``, in a folder named by a digest of everything that would change the result.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.digests import settings_digest


def checkpoint_folder(root: Path, job: str, key: Mapping[str, Any]) -> Path:
    """Return the folder of one job's checkpoint, and remove what the same job left for another key.

    Args:
        root: ``results/<study>/.checkpoints``.
        job: Name of the job, such as ``encode-elpv-vit_pure``.
        key: Everything that would change the result: input hashes, options, source digest.
    """
    folder = root / job / settings_digest(key)
    if folder.parent.exists():
        for stale in folder.parent.iterdir():
            if stale != folder:
                shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drop(folder: Path) -> None:
    """Remove a checkpoint after its job has written its outputs."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in folder.parents[:2]:
        try:
            parent.rmdir()
        except OSError:  # another job still keeps something there
            return
