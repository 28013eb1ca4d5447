"""Preparation of one subject: read, normalise, cut, resize. Runs in worker processes."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Adapter, Image2D, Item, Record, Rejection, Remark, Volume
from sixgig.cohorts.faults import check_still_there, passing_fault
from sixgig.cohorts.pictures import prepare_picture
from sixgig.cohorts.planes import doubt_about_plane
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.volumes import prepare_volume
from sixgig.errors import ImageError
from sixgig.tables.planes import letter


@dataclass
class PreparedSubject:
    """What one subject adds to the cohort's files.

    Attributes:
        rows: Rows of manifest.csv, one per image.
        item_ids: The item that each row is of.
        images: Pictures, uint8 [H, W, 3] each, in the order of ``rows``.
        volumes: float16 [D, H, W, M] each, in the order in which volume_ids appear in ``rows``.
        rejections: Items that cannot be used; the subject is lost when there are no rows.
        remarks: What is to be known of the others.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    images: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    volumes: list[npt.NDArray[np.float16]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def add(
        self,
        record: Record,
        item: Item,
        image_id: str,
        source: str,
        picture: npt.NDArray[np.uint8],
        place: Mapping[str, Any],
    ) -> None:
        """Add one image; ``place`` is where in which volume it lies."""
        named = {"image_id": image_id, "subject_id": record.subject_id, "label": label_of(record, item)}
        self.rows.append({**named, **place, "source": source, "official": record.official})
        self.item_ids.append(item.item_id)
        self.images.append(picture)


def label_of(record: Record, item: Item) -> str | None:
    """Return the class of an item: its own, or that of its subject."""
    return record.label if item.label is None else item.label


def prepare_subject(adapter: Adapter, record: Record, recipe: Recipe) -> PreparedSubject:
    """Prepare all items of a subject, with one of them in memory at a time.

    An item that cannot be used costs that item, and the subject only when no item is left, or when its items are
    frames: the features of one frame would not be comparable with those of both. A doubt about geometry costs the item
    where the recipe is strict, and is a remark where it is not.

    Returns:
        The subject; without rows when it is lost.

    Raises:
        CohortError: The folder of the cohort is gone.
    """
    subject = PreparedSubject()
    for item in record.items:
        lost = _add_item(subject, adapter, record, item, recipe)
        if lost is None:
            continue
        if item.frame is not None:
            return PreparedSubject(rejections=[lost])
        subject.rejections.append(lost)
    return subject


def _add_item(
    subject: PreparedSubject, adapter: Adapter, record: Record, item: Item, recipe: Recipe
) -> Rejection | None:
    """Read and prepare one item; return why that is not possible, whatever the reason is."""
    try:
        found = adapter.read_item(record, item)
        doubts = [*found.remarks, *(_about_plane(recipe, found) if isinstance(found, Volume) else ())]
        if recipe.geometry == "strict":
            for remark in doubts:
                if remark.kind == "geometry":
                    return Rejection(remark.file, record.subject_id, remark.text)
        if isinstance(found, Volume):
            _add_volume(subject, record, recipe, item, found)
        else:
            doubts = [*_add_image(subject, record, recipe, item, found)]
        subject.remarks += [replace(one, subject_id=one.subject_id or record.subject_id) for one in doubts]
    except ImageError as error:
        return _rejection(record, error.place, error.reason, error)
    except OSError as error:  # nothing is written here, so an input file or its disk is gone
        place = str(error.filename or record.root)
        return _rejection(record, place, f"cannot be read: {error.strerror or error}", error)
    except MemoryError:  # this machine is too small, whatever the file holds
        raise
    except Exception as error:  # a file that no reader was written for must not cost the cohort
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        source = next(iter(item.files.values()), item.item_id)
        reason = f"cannot be prepared: {type(error).__name__}: {error} ({where}); please report this"
        return Rejection(source, record.subject_id, reason)
    return None


def _rejection(record: Record, place: str, reason: str, error: Exception) -> Rejection:
    """Say what is wrong with a file; when it cannot be reached because the whole cohort is gone, stop."""
    passing = passing_fault(error) is not None
    if passing:
        check_still_there(record.root)
    return Rejection(record.relative(place), record.subject_id, reason, passing)


def _about_plane(recipe: Recipe, volume: Volume) -> Iterator[Remark]:
    doubt = doubt_about_plane(recipe.plane, volume.spacing)
    if doubt is not None:
        yield Remark("geometry", volume.sources[0], None, doubt)


def _add_volume(subject: PreparedSubject, record: Record, recipe: Recipe, item: Item, volume: Volume) -> None:
    prepared = prepare_volume(volume, recipe)
    for number, partition, picture in prepared.slices:
        place = {"volume_id": volume.volume_id, "frame": volume.frame, "slice": number, "partition": partition}
        image_id = f"{volume.volume_id}_{letter(prepared.plane)}{number:03d}"
        subject.add(record, item, image_id, volume.sources[0], picture, place)
    if prepared.resampled is not None:
        subject.volumes.append(prepared.resampled)


def _add_image(
    subject: PreparedSubject, record: Record, recipe: Recipe, item: Item, image: Image2D
) -> tuple[Remark, ...]:
    picture, remarks = prepare_picture(image, recipe)
    place = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    subject.add(record, item, image.image_id, image.source, picture, place)
    return remarks
