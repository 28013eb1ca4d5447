"""Which files below a folder are DICOM, with the 128 bytes before their first tag or without, and their headers."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from sixgig.cohorts.dicom.values import quiet
from sixgig.errors import ImageError

#: Suffixes that promise DICOM: such a file that cannot be read is missed, any other is only passed over.
SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")
_MAGIC = b"DICM"
_PREAMBLE = 128
#: Groups that a file without a preamble begins with: file meta information, or the identifying one.
_FIRST_GROUPS = (0x0002, 0x0008)
_VRS = (b"UL", b"UI", b"CS", b"OB", b"SH", b"LO", b"DA", b"TM", b"DT", b"UN", b"ST", b"LT", b"AE", b"PN", b"SQ", b"US")
_LONGEST_FIRST_VALUE = 1024


def files_below(root: Path) -> Iterator[Path]:
    """Yield the files below a folder in a fixed order, without hidden ones."""
    for path in sorted(root.rglob("*")):
        if not any(part.startswith(".") for part in path.relative_to(root).parts) and path.is_file():
            yield path


def looks_like_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does.

    Raises:
        OSError: It cannot be opened.
    """
    with path.open("rb") as stream:
        return _begins_as_dicom(stream.read(_PREAMBLE + len(_MAGIC)))


def _begins_as_dicom(start: bytes) -> bool:
    if start[_PREAMBLE : _PREAMBLE + 4] == _MAGIC:
        return True
    if len(start) < 16:
        return False
    for order in "<>":
        group, element = struct.unpack(f"{order}HH", start[:4])
        if group in _FIRST_GROUPS and element <= 0x0100:
            # Explicit: two letters, the kind of value. Implicit: its length.
            length: int = struct.unpack(f"{order}L", start[4:8])[0]
            if start[4:6] in _VRS or (0 < length <= _LONGEST_FIRST_VALUE and length % 2 == 0):
                return True
    return False


def read_dataset(path: Path, *, pixels: bool, tags: Sequence[Any] | None = None) -> Any:
    """Read a file with pydicom; of a file without preamble, too.

    Args:
        path: The file.
        pixels: Whether everything is read; without, reading stops before the pixels.
        tags: pydicom tags to keep; None for all.

    Returns:
        A pydicom FileDataset whose transfer syntax is set.

    Raises:
        ImageError: pydicom cannot read it.
        OSError: The disk cannot.
    """
    import pydicom

    try:
        with quiet():
            dataset = pydicom.dcmread(
                path, stop_before_pixels=not pixels, force=True, specific_tags=cast(Any, tags and list(tags))
            )
            if not len(dataset) and "MediaStorageSOPClassUID" not in dataset.file_meta:
                raise ValueError("it holds nothing")
            _set_syntax(dataset)
    except OSError:
        raise
    except Exception as error:  # pydicom raises whatever its parser stumbles over
        reason = str(error) or type(error).__name__
        raise ImageError(os.fspath(path), f"is damaged: {reason}", "restore the file") from error
    return dataset


def _set_syntax(dataset: Any) -> None:
    """State how values are stored where the file does not: pydicom found it out."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" in dataset.file_meta:
        return
    implicit, little = dataset.original_encoding
    syntax = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else syntax
