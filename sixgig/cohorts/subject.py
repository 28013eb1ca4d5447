"""Preparation of one subject: read, normalise, cut, resize. Runs in worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Adapter, Image2D, Record, Rejection, Volume
from sixgig.cohorts.faults import check_still_there, passing_fault
from sixgig.cohorts.images import fit
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.volumes import prepare_volume
from sixgig.errors import ImageError


@dataclass
class PreparedSubject:
    """What one subject adds to the cohort's files.

    Attributes:
        rows: Rows of manifest.csv, one per image.
        images: Pictures, uint8 [H, W, 3] each, in the order of ``rows``.
        volumes: float16 [D, H, W, M] each, in the order in which volume_ids appear in ``rows``.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    images: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    volumes: list[npt.NDArray[np.float16]] = field(default_factory=list)

    def add(
        self, record: Record, image_id: str, source: str, picture: npt.NDArray[np.uint8], place: Mapping[str, Any]
    ) -> None:
        """Add one image; ``place`` is where in which volume it lies."""
        named = {"image_id": image_id, "subject_id": record.subject_id, "label": record.label}
        self.rows.append({**named, **place, "source": source, "official": record.official})
        self.images.append(picture)


def prepare_subject(adapter: Adapter, record: Record, recipe: Recipe) -> PreparedSubject | Rejection:
    """Prepare all items of a subject, with one of them in memory at a time.

    A subject that loses one item is left out whole: features of half a subject would not be comparable with the others.

    Returns:
        The subject, or the first input that cannot be used.

    Raises:
        CohortError: The folder of the cohort is gone.
    """
    subject = PreparedSubject()
    try:
        for item in adapter.read(record):
            if isinstance(item, Volume):
                _add_volume(subject, record, recipe, item)
            else:
                _add_image(subject, record, recipe, item)
    except ImageError as error:
        return _rejection(record, error.place, error.reason, error)
    except OSError as error:  # nothing is written here, so an input file or its disk is gone
        place = str(error.filename or record.root)
        return _rejection(record, place, f"cannot be read: {error.strerror or error}", error)
    return subject


def _rejection(record: Record, place: str, reason: str, error: Exception) -> Rejection:
    """Say what is wrong with a file; when it cannot be reached because the whole cohort is gone, stop."""
    passing = passing_fault(error) is not None
    if passing:
        check_still_there(record.root)
    return Rejection(_relative(place, record.root), record.subject_id, reason, passing)


def _add_volume(subject: PreparedSubject, record: Record, recipe: Recipe, volume: Volume) -> None:
    slices, resampled = prepare_volume(volume, recipe)
    for axial, partition, picture in slices:
        place = {"volume_id": volume.volume_id, "frame": volume.frame, "slice": axial, "partition": partition}
        subject.add(record, f"{volume.volume_id}_z{axial:03d}", volume.sources[0], picture, place)
    if resampled is not None:
        subject.volumes.append(resampled)


def _add_image(subject: PreparedSubject, record: Record, recipe: Recipe, image: Image2D) -> None:
    picture = fit(image.array, (recipe.image_size, recipe.image_size))
    picture = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    place = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    subject.add(record, image.image_id, image.source, picture, place)


def _relative(place: str, root: Path) -> str:
    try:
        return str(Path(place).relative_to(root))
    except ValueError:
        return place
