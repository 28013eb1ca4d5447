"""Copies files of a study to where MLflow keeps artifacts, and takes away those that are no longer the study's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.runtime.atomic import atomic_path
from sixgig.tracking.target import Target

if TYPE_CHECKING:
    from mlflow.entities import RunInfo
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.tracking import MlflowClient


def keep_files(client: MlflowClient, target: Target, run: RunInfo, study: Path, files: Sequence[Path]) -> None:
    """Keep files as artifacts of a run, and no others: an old one may show subjects that have left the study.

    Args:
        client: MLflow.
        target: Where the study is tracked.
        run: The run.
        study: The folder of the study; artifacts have the names that files have below it.
        files: The files.
    """
    places = {file.relative_to(study): file for file in files}
    if not target.server:
        _keep_here(target.artifacts, target.artifacts / run.run_id / "artifacts", places)
        return
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for place, file in places.items():
        client.log_artifact(run.run_id, str(file), None if place.parent == Path() else place.parent.as_posix())
    repository = get_artifact_repository(run.artifact_uri, tracking_uri=target.server)
    names = {place.as_posix() for place in places}
    for name in list(_names(repository, None)):
        if name not in names:
            repository.delete_artifacts(name)


def _keep_here(folder: Path, own: Path, places: dict[Path, Path]) -> None:
    # The store says that artifacts are where its server keeps them: `mlflow ui` is told this folder.
    for place, file in places.items():
        with atomic_path(own / place) as partial:
            shutil.copyfile(file, partial)
    kept = {own / place for place in places}
    for path in folder.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _names(repository: ArtifactRepository, folder: str | None) -> Iterator[str]:
    for entry in repository.list_artifacts(folder):
        if entry.is_dir:
            yield from _names(repository, entry.path)
        else:
            yield entry.path
