"""Series made of a file that pydicom ships, and damage done to them."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.errors import ImageError

SHAPE = (16, 12, 5)  # rows, columns, slices


def write_series(folder: Path, patient: str = "p1", seed: int = 0, **changes: object) -> np.ndarray:
    """Write an axial series as slices in no order; returns stored values [rows, columns, slices]."""
    values = np.random.default_rng(seed).integers(0, 900, SHAPE).astype(np.int16)
    series = generate_uid(entropy_srcs=[patient, str(seed)])
    for z in range(SHAPE[2]):
        one = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.PatientID, one.SeriesInstanceUID = patient, series
        one.Rows, one.Columns = SHAPE[:2]
        one.PixelData = np.ascontiguousarray(values[..., z]).tobytes()
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [0, 0, 3.0 * z]
        one.PixelSpacing = [0.5, 0.7]
        one.RescaleSlope, one.RescaleIntercept = 2, -1000
        for name, value in changes.items():
            setattr(one, name, value)
        folder.mkdir(parents=True, exist_ok=True)
        one.save_as(folder / f"{(z * 3) % SHAPE[2]}.dcm")
    return values


def test_a_series_becomes_a_volume_in_ras(tmp_path: Path) -> None:
    values = write_series(tmp_path / "a")
    adapter = DicomAdapter()
    (record,) = adapter.discover(tmp_path).records
    (volume,) = adapter.read(record)
    assert volume.array.shape == (12, 16, 5, 1)
    assert volume.spacing == (0.7, 0.5, 3.0)
    # DICOM counts to the left and to posterior; columns run along x.
    expected = values.transpose(1, 0, 2)[::-1, ::-1] * 2.0 - 1000
    assert np.array_equal(volume.array[..., 0], expected)


def test_sagittal_slices_are_turned(tmp_path: Path) -> None:
    values = write_series(tmp_path)
    for path in tmp_path.glob("*.dcm"):
        one = pydicom.dcmread(path)
        one.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]  # columns to posterior, rows to inferior
        one.ImagePositionPatient = [-float(one.ImagePositionPatient[2]), 0, 0]
        one.save_as(path)
    (record,) = DicomAdapter().discover(tmp_path).records
    (volume,) = DicomAdapter().read(record)
    assert volume.array.shape == (5, 12, 16, 1)
    assert volume.spacing == (3.0, 0.7, 0.5)
    # The first slice lies at x = 0, the others towards the right (DICOM's negative x).
    assert np.array_equal(volume.array[0, :, :, 0], (values[..., 0].T * 2.0 - 1000)[::-1, ::-1])


def test_patients_series_and_labels(tmp_path: Path) -> None:
    write_series(tmp_path / "x" / "1", "p1", 0)
    write_series(tmp_path / "x" / "2", "p1", 1)
    write_series(tmp_path / "y", "", 2)
    (tmp_path / "labels.csv").write_text("subject_id,label\np1,sick\n")
    adapter = DicomAdapter(None, {"labels": {"file": str(tmp_path / "labels.csv")}})
    found = adapter.discover(tmp_path)
    assert [(record.subject_id, record.label, len(record.items)) for record in found.records] == [
        ("p1", "sick", 2), ("y", None, 1)
    ]  # fmt: skip


def test_what_is_no_volume_is_left_out(tmp_path: Path) -> None:
    write_series(tmp_path / "good")
    for name in ("rtplan.dcm", "CT_small.dcm", "examples_ybr_color.dcm", "SC_rgb_small_odd.dcm"):
        (tmp_path / name).write_bytes(Path(get_testdata_file(name)).read_bytes())
    (tmp_path / "notes.txt").write_text("no DICOM")
    found = DicomAdapter().discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["p1"]
    reasons = {rejection.file: rejection.reason for rejection in found.rejections}
    assert set(reasons) == {"CT_small.dcm", "examples_ybr_color.dcm", "SC_rgb_small_odd.dcm"}
    remarks = {remark.file: remark.text for remark in found.remarks}
    assert remarks == {"rtplan.dcm": "is a radiotherapy object, no image", "notes.txt": "is no DICOM file"}
    assert reasons["CT_small.dcm"] == "its series has 1 of the 4 slices that a volume needs"
    assert reasons["examples_ybr_color.dcm"] == "holds 30 frames, and does not say where each of them lies"
    assert reasons["SC_rgb_small_odd.dcm"] == "is a screen capture or another secondary picture, no slice of a volume"


def _read_all(root: Path) -> None:
    (record,) = DicomAdapter().discover(root).records
    list(DicomAdapter().read(record))


def test_a_missing_slice(tmp_path: Path) -> None:
    write_series(tmp_path)
    next(path for path in tmp_path.glob("*.dcm") if pydicom.dcmread(path).ImagePositionPatient[2] == 6).unlink()
    with pytest.raises(ImageError, match=r"slices 3\.00 to 6\.00 mm apart: some are missing or present twice"):
        _read_all(tmp_path)


def test_the_same_place_twice(tmp_path: Path) -> None:
    write_series(tmp_path)
    for path in tmp_path.glob("*.dcm"):
        one = pydicom.dcmread(path)
        one.ImagePositionPatient = [0, 0, 3 * (one.ImagePositionPatient[2] // 4)]
        one.save_as(path)
    with pytest.raises(ImageError, match="some are missing or present twice"):
        _read_all(tmp_path)


def test_cut_pixels(tmp_path: Path) -> None:
    write_series(tmp_path, PixelData=b"\0" * 10)
    with pytest.raises(ImageError, match="cannot be decoded"):
        _read_all(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    assert DicomAdapter().missing(tmp_path) == [f"{tmp_path} holds no DICOM file"]
