"""What every cohort adapter provides: the subjects of a cohort, and their volumes or images one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy.typing as npt

from sixgig.cohorts.patterns import FilePatterns
from sixgig.errors import CohortError, ConfigError
from sixgig.runtime.paths import user_path
from sixgig.tables.classes import joined_classes

#: What to do about a subject whose images are of several classes.
KEEP_THE_LABELS = "`labels_of: image` keeps the class of each image"


@dataclass(frozen=True)
class Item:
    """One volume, or one image of a 2D cohort, that was found but not read yet.

    Attributes:
        item_id: Unique name; becomes the volume_id (3D) or the image_id (2D).
        files: Channel name -> file, relative to the record's root.
        frame: ``ED`` or ``ES``, or None.
        label: Class of this one item where a cohort is labelled per image, else None.
    """

    item_id: str
    files: Mapping[str, str]
    frame: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Record:
    """One subject that was found: its class (None when unknown) and its items, in the order they are prepared.

    Attributes:
        root: The cohort's folder or file.
        subject_id: Unique name.
        label: Class; None when unknown, and where each item has its own.
        items: Volumes or images.
        official: ``training`` or ``test`` where the cohort's authors say so, else None.
    """

    root: Path
    subject_id: str
    label: str | None
    items: tuple[Item, ...]
    official: Literal["training", "test"] | None = None

    def relative(self, place: str | Path) -> str:
        """Return a file's path relative to ``root``, or as it is when it lies elsewhere."""
        try:
            return str(Path(place).relative_to(self.root))
        except ValueError:
            return str(place)

    @property
    def labels(self) -> set[str | None]:
        """The subject's class, or those of its items where each has its own; None stands for an unknown one."""
        return {self.label} if self.label is not None else {item.label for item in self.items}

    @property
    def classes(self) -> str | None:
        """The same as one name; None when all are unknown."""
        return joined_classes(self.labels)

    def with_classes(self, new: Mapping[str, str]) -> Record | None:
        """Return the subject with its classes renamed, without items of classes that have no new name.

        Args:
            new: New name of every class that stays; an unknown class stays unknown.

        Returns:
            The subject; None when nothing is left of it.
        """
        if self.label is not None:
            return replace(self, label=new[self.label]) if self.label in new else None
        kept = [item for item in self.items if item.label is None or item.label in new]
        items = tuple(item if item.label is None else replace(item, label=new[item.label]) for item in kept)
        return replace(self, items=items) if items else None


@dataclass(frozen=True)
class Rejection:
    """One input left out, with the reason: a row of quarantine.csv.

    Attributes:
        file: The file, relative to the cohort's root where it lies below it.
        subject_id: Whose it is; None when nobody knows.
        reason: What is wrong, as the end of a sentence.
        passing: Whether the file could not be reached and may be all right: it is looked at again by every run.
    """

    file: str
    subject_id: str | None
    reason: str
    passing: bool = False


@dataclass(frozen=True)
class Remark:
    """What a reader has to know of an input that is used, or that was passed over on purpose: a row of remarks.csv.

    Attributes:
        kind: ``not read``: a file that is no image of the cohort, or that the study file leaves out. ``geometry``,
            ``intensity``, ``label``: something in doubt, and how it was taken. ``copy``: a copy of another image.
        file: Input file, relative to the cohort's folder.
        subject_id: Whose it is, or None.
        text: What is to be known, as the end of a sentence that begins with the file.
    """

    kind: Literal["not read", "geometry", "intensity", "label", "copy"]
    file: str
    subject_id: str | None
    text: str


@dataclass(frozen=True)
class Discovery:
    """What a cohort's folder holds.

    Attributes:
        records: Usable subjects in a fixed order.
        rejections: Inputs left out before any image is read.
        remarks: What is to be known of the others, and files passed over on purpose.
        unmatched: Ids of a table of labels that no subject has.
    """

    records: list[Record] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Volume:
    """One volume in memory.

    Attributes:
        array: [X, Y, Z, M]; X grows to the right, Y to anterior, Z to superior; M channels. Raw intensities, float32 or
            a small integer type.
        spacing: Voxel size along X, Y, Z in mm.
        volume_id: Unique name.
        frame: ``ED`` or ``ES``, or None.
        sources: One file per channel, relative to the cohort's folder.
        remarks: What is in doubt about it.
        window: The intensities that its files themselves show as black and as white, or None.
    """

    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    volume_id: str
    frame: str | None
    sources: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()
    window: tuple[float, float] | None = None


@dataclass(frozen=True)
class Image2D:
    """One image of a 2D cohort in memory.

    Attributes:
        array: [H, W] of any number type (grey, intensities as they were read), or uint8 or uint16 [H, W, 3] (RGB).
        image_id: Unique name.
        source: Input file, relative to the cohort's folder.
        remarks: What is in doubt about it.
        window: The intensities that its file itself shows as black and as white, or None.
    """

    array: npt.NDArray[Any]
    image_id: str
    source: str
    remarks: tuple[Remark, ...] = ()
    window: tuple[float, float] | None = None


class Adapter(ABC):
    """Reads one kind of cohort. Subclasses set the class attributes and three methods.

    Args:
        modalities: Channels to read, in this order; None for all of them in the adapter's own order.
        options: Keys of the cohort's stanza that :attr:`option_keys` names; absent keys are absent here too.

    Raises:
        ConfigError: A modality is unknown or named twice, or an option is wrong; the place is the key.
    """

    #: Name in the config.
    name: ClassVar[str]
    #: Name for people.
    title: ClassVar[str]
    #: 2 for images, 3 for volumes; an adapter of both sets it in its constructor, from its options alone.
    dimensions: Literal[2, 3]
    #: Keys of the cohort's stanza, besides ``modalities``, that the constructor takes.
    option_keys: ClassVar[tuple[str, ...]] = ()
    #: What a subject is; printed next to every result.
    subject_note: str
    #: What the cohort's path must lead to; the error message says it when it leads to something else.
    layout: ClassVar[str]
    #: Channels that exist, in the default order; empty for 2D cohorts. An adapter may set it before super().__init__().
    known_modalities: tuple[str, ...] = ()
    #: Whether pseudonyms stand in place of subjects unless the study file says otherwise: ids are those of patients.
    pseudonyms: ClassVar[bool] = False
    #: True when every voxel outside the organ is zero, so that non-zero voxels are the foreground.
    zero_background: ClassVar[bool] = False
    #: True when :meth:`discover` opens every file, which takes minutes where there are tens of thousands.
    opens_files: ClassVar[bool] = False
    #: What :meth:`subject_values` may say that names a place or a person; hidden where pseudonyms are.
    telling_values: ClassVar[tuple[str, ...]] = ()
    #: In-plane side of the centre crop in mm, or None for the bounding box of the foreground.
    crop_mm: ClassVar[float | None] = None

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})
        self.patterns = FilePatterns(self.options)
        self.modalities = self.known_modalities if modalities is None else tuple(modalities)
        unknown = [name for name in self.modalities if name not in self.known_modalities]
        if (
            unknown
            or len(set(self.modalities)) < len(self.modalities)
            or (self.known_modalities and not self.modalities)
        ):
            raise ConfigError(
                "modalities",
                f"{list(self.modalities)} cannot be read by adapter {self.name!r}",
                f"list each of these at most once: {', '.join(self.known_modalities)}"
                if self.known_modalities
                else "remove the key: this cohort has no modalities",
            )

    @abstractmethod
    def missing(self, root: Path) -> list[str]:
        """Return what ``root`` lacks to be such a cohort, as sentences; empty when it looks right. Reads no image."""

    @abstractmethod
    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images.

        Raises:
            CohortError: ``root`` is not such a cohort, or the file that holds the labels cannot be read.
        """

    @abstractmethod
    def read_item(self, record: Record, item: Item) -> Volume | Image2D:
        """Read one item of a subject.

        Raises:
            ImageError: A file of the item cannot be used; its ``place`` is the file.
        """

    def read(self, record: Record) -> Iterator[Volume | Image2D]:
        """Read a subject's items lazily, one in memory at a time.

        Raises:
            ImageError: See :meth:`read_item`.
        """
        return (self.read_item(record, item) for item in record.items)

    def listed_files(self, root: Path) -> Iterable[Path] | None:
        """Return the files that the cohort is read from, where these are not all files below ``root``; else None."""
        del root
        return None

    def tables(self) -> list[Path]:
        """Return the files outside ``root`` that :meth:`discover` reads, such as a table of labels."""
        labels = self.options.get("labels")
        return [user_path(labels["file"])] if isinstance(labels, Mapping) and "file" in labels else []

    def label_files(self, root: Path) -> list[Path]:
        """Return the files that classes, subjects or the list of images come from, and that a user may edit.

        Args:
            root: The cohort's folder or file; it has passed :meth:`missing`.
        """
        del root
        return self.tables()

    def subject_values(self, root: Path, names: Sequence[str]) -> Mapping[str, Mapping[str, str]] | None:
        """Return what the cohort's files say of subjects, at least ``names``: subject -> name -> text."""
        del root, names
        return None

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        return self.patterns.why_not(file)

    def require(self, root: Path) -> None:
        """Raise CohortError when :meth:`missing` finds something."""
        problems = self.missing(root)
        if problems:
            raise CohortError(root, "; ".join(problems), f"the path has to be {self.layout}")
