"""What is left of subjects that are no longer in a cohort: their consent may have been withdrawn.

What a study computes again is written without them anyhow. But files of an arm that is no longer in the study, features
kept for a killed job, and logs would stay: they are removed here, as soon as the cohort has been prepared without them.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)
#: Folders of a study that have one folder for each cohort.
_OF_COHORTS = ("features", "figures", "predictions", "pretraining")
_PREPARATION = "prepare"


def remove_derived(study: Path, cohort: str, n_gone: int) -> None:
    """Remove everything that was computed from a cohort after its preparation.

    Args:
        study: Folder of the study.
        cohort: Name of the cohort.
        n_gone: Number of subjects that are gone, for the log.
    """
    found = [path for path in _derived(study, cohort) if path.exists()]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    _log.info("%d subjects are gone: %d files and folders computed from them are removed", n_gone, len(found))


def _derived(study: Path, cohort: str) -> Iterator[Path]:
    for name in _OF_COHORTS:
        yield study / name / cohort
    # Named after the job: encode-<cohort>-<arm>; the names of cohorts and arms hold no hyphen.
    for path in (study / ".checkpoints").glob(f"*-{cohort}-*"):
        if path.name.split("-")[1] == cohort and not path.name.startswith(f"{_PREPARATION}-"):
            yield path
    for path in (study / "logs").glob(f"*/{cohort}.*"):
        if not path.parent.name.startswith(_PREPARATION):
            yield path
