"""ACDC: cine cardiac MRI, five groups of 30 patients, end-diastolic (ED) and end-systolic (ES) frames.

Bernard et al., IEEE TMI 2018. A frame is read from its own file, or else from the 4D cine. The segmentations are never
opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sixgig.cohorts import labels, patterns
from sixgig.cohorts.base import Adapter, Discovery, Item, Record, Rejection, Volume
from sixgig.cohorts.faults import passing_fault
from sixgig.cohorts.nifti import find_nifti, read_channels, read_frame

_SUBJECT = re.compile(r"patient\d+")
_NUMBER = re.compile("[0-9]{1,6}")
_GROUPS = ("NOR", "MINF", "DCM", "HCM", "RV")
_FRAMES = ("ED", "ES")
_PARTS: dict[str, Literal["training", "test"]] = {"training": "training", "testing": "test"}
#: Ends the path of a frame that is cut out of a cine: ``patient001_4d.nii.gz@12`` is its 12th frame.
_FRAME_OF = "@"


class AcdcAdapter(Adapter):
    """ACDC: one subject has two volumes, ED then ES; a subject without ``Group`` is unlabelled."""

    name = "acdc"
    title = "ACDC"
    dimensions = 3
    subject_note = "subject-level split: one subject is one patient with two frames"
    layout = "the folder that holds training/ (and testing/), or one of these, with one folder patient001 per subject"
    known_modalities = ("cine",)
    # The short-axis stack is planned around the heart, so it lies near the centre of every slice.
    crop_mm = 150.0
    option_keys = ("frames", *labels.KEYS, *patterns.KEYS)

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(modalities, options)
        self.frames: tuple[str, ...] = tuple(self.options.get("frames") or _FRAMES)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be ACDC."""
        if not root.is_dir():
            return [f"{root} does not exist or is not a folder"]
        folders = _subject_folders(root)
        if not folders:
            return [f"{root} holds no folder named like training/patient001"]
        if not any((folder / "Info.cfg").is_file() for folder in folders):
            return [f"no patient folder in {root} holds Info.cfg (frames and group)"]
        return []

    def label_files(self, root: Path) -> list[Path]:
        """Return the Info.cfg of every patient."""
        return [path for folder in _subject_folders(root) if (path := folder / "Info.cfg").is_file()]

    def subject_values(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the numbers and words of every Info.cfg, such as Height and Weight."""
        del names
        return {path.parent.name: _read_info(path) for path in self.label_files(root)}

    def why_not_read(self, file: str) -> str | None:
        """Say why a file below the cohort's folder is not read, None when its name does not tell."""
        reason = super().why_not_read(file)
        if reason is None and "_gt." in file:
            return "a segmentation, which is never opened"
        frame = "a frame or a cine that is not needed" if re.search(r"patient\d+_(4d|frame\d+)\.nii", file) else None
        return reason or frame

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        found = Discovery()
        seen: set[str] = set()
        folders = [one for one in _subject_folders(root) if self.patterns.takes(one.relative_to(root).as_posix())]
        for folder in folders:
            result = self._subject(root, folder)
            if folder.name in seen:
                result = Rejection(
                    str(folder.relative_to(root)), folder.name, "a second folder has this patient number"
                )
            seen.add(folder.name)
            if isinstance(result, Record):
                found.records.append(result)
            else:
                found.rejections.append(result)
        return found

    def read_item(self, record: Record, item: Item) -> Volume:
        """Read one item of a subject."""
        (source,) = item.files.values()
        file, _, number = source.partition(_FRAME_OF)
        path = record.root / file
        # The released files carry an sform of unit scale beside the true pixdim.
        if number:
            found = read_frame(path, int(number) - 1, trust_pixdim=True)
        else:
            found = read_channels([path], trust_pixdim=True)
        return found.volume(record, item, (file,))

    def _subject(self, root: Path, folder: Path) -> Record | Rejection:
        subject_id, config = folder.name, folder / "Info.cfg"

        def reject(path: Path, reason: str) -> Rejection:
            return Rejection(str(path.relative_to(root)), subject_id, reason)

        try:
            values = _read_info(config)
        except (OSError, UnicodeDecodeError) as error:
            file, passing = str(config.relative_to(root)), passing_fault(error) is not None and config.exists()
            return Rejection(file, subject_id, f"cannot be read: {error.__class__.__name__}", passing)
        group = labels.ClassCells.of(self.options).read(values.get("Group", ""))
        if group is not None and group not in _GROUPS:
            return reject(config, f"Group is {group!r}, not one of {', '.join(_GROUPS)}")
        items = []
        length = values.get("NbFrame", "")
        for frame in self.frames:
            number = values.get(frame, "")
            if not _NUMBER.fullmatch(number) or int(number) < 1:
                return reject(config, f"has no frame number for {frame}")
            if _NUMBER.fullmatch(length) and int(number) > int(length):
                return reject(config, f"{frame} is frame {number}, and the cine has {length}")
            stem = f"{subject_id}_frame{int(number):02d}"
            path = find_nifti(folder, stem)
            cine = None if path else find_nifti(folder, f"{subject_id}_4d")
            if path is None and cine is None:
                return reject(folder / f"{stem}.nii.gz", f"{frame} frame is missing, and so is the 4D cine")
            if path is not None:
                source = str(path.relative_to(root))
            else:
                assert cine is not None
                source = f"{cine.relative_to(root)}{_FRAME_OF}{number}"
            items.append(Item(f"{subject_id}_{frame}", {"cine": source}, frame))
        return Record(root, subject_id, group, tuple(items), _PARTS.get(folder.parent.name))


def _subject_folders(root: Path) -> list[Path]:
    """Return the patients' folders of ``root``, or of its training/ and testing/ folders."""
    parents = [root / part for part in _PARTS if (root / part).is_dir()] or [root]
    folders = [
        path for parent in parents for path in parent.iterdir() if _SUBJECT.fullmatch(path.name) and path.is_dir()
    ]
    return sorted(folders, key=lambda path: path.name)


def _read_info(path: Path) -> dict[str, str]:
    """Parse lines of ``key: value``."""
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8-sig").splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


ADAPTER = AcdcAdapter
