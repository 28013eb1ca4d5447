"""Any tag may be absent, empty, multi-valued, or of another kind: a file is listed, or read, and nothing breaks."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.base import Image2D
from sixgig.cohorts.dicom.headers import INTENSITIES, TAGS
from sixgig.errors import SixgigError
from tests.unit.cohorts.dicom.tiny_dicom import AXIAL, enhanced, image, noise, save, write_series

_MORE = (
    "BitsAllocated", "HighBit", "PlanarConfiguration", "ModalityLUTSequence", "VOILUTSequence",
    "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "DirectoryRecordSequence",
)  # fmt: skip
_NAMES = sorted({*TAGS, *INTENSITIES, *_MORE})
_WORDS = st.sampled_from(["", "0", "1", "-1", "2", "3\\4", "1\\0\\0\\0\\1\\0", "abc", "nan", "inf", "1e400",
                          "99999999999", "\\\\", "RGB", "MONOCHROME1", "PALETTE COLOR", "MR", "SR",
                          "LOCALIZER", "0.5\\0.5", "é"])  # fmt: skip


def _element(name: str, kind: str, word: str) -> DataElement:
    if kind == "SQ":
        return DataElement(Tag(name), "SQ", Items([Dataset()] if word else []))
    if kind == "OB":
        return DataElement(Tag(name), "OB", word.encode())
    if kind == "US":
        return DataElement(Tag(name), "US", [len(word) * 1000, 3] if "\\" in word else len(word) * 1000)
    return DataElement(Tag(name), kind, word)


def _read_everything(root: Path, **options: Any) -> None:
    adapter = DicomAdapter(None, options)
    try:
        found = adapter.discover(root)
    except SixgigError:
        return
    for record in found.records:
        for item in record.items:
            try:
                read = adapter.read_item(record, item)
            except SixgigError:
                continue
            assert np.isfinite(read.array).all()
            assert read.array.ndim == (read.array.ndim if isinstance(read, Image2D) else 4)
    assert found.records or found.rejections or found.remarks


_CHANGES = st.lists(
    st.tuples(st.sampled_from(_NAMES), st.sampled_from(["LO", "SQ", "OB", "US", ""]), _WORDS), min_size=1, max_size=3
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=_CHANGES, one_slice=st.booleans(), dimensions=st.sampled_from([2, 3]), packed=st.booleans())
def test_any_tag_of_any_kind(
    tmp_path_factory: pytest.TempPathFactory, changes: list, one_slice: bool, dimensions: int, packed: bool
) -> None:
    root = tmp_path_factory.mktemp("series")
    if packed:
        frames = [{"position": (0, 0, 3 * z), "directions": AXIAL} for z in range(4)]
        save(enhanced(noise(), frames, PatientID="p1"), root / "e.dcm")
    else:
        write_series(root, RescaleSlope=2, WindowCenter=40, WindowWidth=400)
    for path in sorted(root.glob("*.dcm"))[: 1 if one_slice else None]:
        one = pydicom.dcmread(path)
        for name, kind, word in changes:
            one.pop(Tag(name), None)
            if kind:
                try:
                    one.add(_element(name, kind, word))
                except (ValueError, TypeError):  # pydicom will not write it
                    continue
        try:
            one.save_as(path, enforce_file_format=False)
        except Exception:  # pydicom will not write it
            continue
    _read_everything(root, dimensions=dimensions)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 1200), bytes_=st.binary(min_size=1, max_size=6), cut=st.booleans())
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, place: int, bytes_: bytes, cut: bool) -> None:
    root = tmp_path_factory.mktemp("bytes")
    write_series(root)
    path = root / "s001.dcm"
    data = path.read_bytes()
    place %= len(data)
    path.write_bytes(data[:place] if cut else data[:place] + bytes_ + data[place + len(bytes_) :])
    _read_everything(root)
    _read_everything(root, dimensions=2, subject="folder")


@pytest.mark.parametrize("number", ["1\\2", "0", "-3", "1A", "999999999"])
def test_numbers_of_frames_that_are_none(tmp_path: Path, number: str) -> None:
    """Two values of NumberOfFrames stopped a whole cohort once."""
    write_series(tmp_path / "a", "p1")
    one = image(noise()[..., 0], PatientID="p22")
    one.add(DataElement("NumberOfFrames", "LO", number))
    save(one, tmp_path / "b.dcm")
    found = DicomAdapter().discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["p1"]
    (rejection,) = found.rejections
    assert (rejection.subject_id, rejection.reason) == ("p22", f"has a NumberOfFrames of {number}")
