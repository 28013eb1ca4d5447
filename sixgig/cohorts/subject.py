"""Preparation of one subject: read, normalise, cut, resize. Runs in worker processes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Adapter, Image2D, Record, Rejection, Volume
from sixgig.cohorts.bias_field import correct_bias
from sixgig.cohorts.images import fit
from sixgig.cohorts.options import Recipe
from sixgig.cohorts.resampling import to_spacing
from sixgig.cohorts.volumes import choose_slices, normalise_and_crop, partition_of, resample, slice_image
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


def prepare_subject(adapter: Adapter, record: Record, recipe: Recipe) -> PreparedSubject | Rejection:
    """Prepare all items of a subject, with one of them in memory at a time.

    A subject that loses one item is left out whole: features of half a subject would not be comparable with the others.

    Returns:
        The subject, or the first input that cannot be used.
    """
    subject = PreparedSubject()
    try:
        for item in adapter.read(record):
            if isinstance(item, Volume):
                _add_volume(subject, record, recipe, item)
            else:
                _add_image(subject, record, recipe, item)
    except ImageError as error:
        return Rejection(_relative(error.place, record.root), record.subject_id, error.reason)
    except OSError as error:  # nothing is written here, so an input file or its disk is gone
        place = str(error.filename or record.root)
        return Rejection(_relative(place, record.root), record.subject_id, f"cannot be read: {error.strerror or error}")
    return subject


def _corrected(volume: Volume, recipe: Recipe) -> Volume:
    """Return the volume with its bias field removed and in another voxel size, where the recipe wants that."""
    if recipe.n4:
        try:
            volume = replace(volume, array=correct_bias(volume.array, volume.spacing))
        except RuntimeError as error:  # what SimpleITK raises
            reason = str(error).strip().splitlines()[-1]
            raise ImageError(volume.sources[0], f"its bias field cannot be fitted: {reason}", "leave out n4") from error
    if recipe.spacing is not None:
        array, spacing = to_spacing(volume.array, volume.spacing, recipe.spacing)
        volume = replace(volume, array=array, spacing=spacing)
    return volume


def _add_volume(subject: PreparedSubject, record: Record, recipe: Recipe, volume: Volume) -> None:
    prepared = normalise_and_crop(
        _corrected(volume, recipe),
        foreground=recipe.foreground,
        crop=recipe.crop,
        crop_mm=recipe.crop_mm,
        normalisation=recipe.normalisation,
    )
    n_slices = prepared.array.shape[2]
    for index in choose_slices(n_slices, every=recipe.every, count=recipe.count):
        axial = prepared.first_slice + index
        subject.images.append(slice_image(prepared, index, recipe.image_size))
        subject.rows.append(
            {
                "image_id": f"{volume.volume_id}_z{axial:03d}",
                "subject_id": record.subject_id,
                "label": record.label,
                "volume_id": volume.volume_id,
                "frame": volume.frame,
                "slice": axial,
                "partition": partition_of(index, n_slices, recipe.partitions),
                "source": volume.sources[0],
                "official": record.official,
            }
        )
    if recipe.volume_size is not None:
        subject.volumes.append(resample(prepared, recipe.volume_size))


def _add_image(subject: PreparedSubject, record: Record, recipe: Recipe, image: Image2D) -> None:
    picture = fit(image.array, (recipe.image_size, recipe.image_size))
    subject.images.append(np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture)
    subject.rows.append(
        {
            "image_id": image.image_id,
            "subject_id": record.subject_id,
            "label": record.label,
            "volume_id": None,
            "frame": None,
            "slice": None,
            "partition": None,
            "source": image.source,
            "official": record.official,
        }
    )


def _relative(place: str, root: Path) -> str:
    try:
        return str(Path(place).relative_to(root))
    except ValueError:
        return place
