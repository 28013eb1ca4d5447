"""Files without preamble, damaged ones, others; and whose they are."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.dicom.files import looks_like_dicom
from sixgig.errors import CohortError, ConfigError
from tests.unit.cohorts.dicom.tiny_dicom import image, noise, save, write_series


def subjects(root: Path, **options: Any) -> list[str]:
    return [record.subject_id for record in DicomAdapter(None, options).discover(root).records]


@pytest.mark.parametrize(("implicit", "little"), [(True, True), (False, True), (False, False)])
def test_files_without_preamble(tmp_path: Path, implicit: bool, little: bool) -> None:
    values = noise()
    write_series(tmp_path, values=values)
    for path in tmp_path.glob("*.dcm"):
        one = pydicom.dcmread(path)
        if not little:
            one.PixelData = one.pixel_array.astype(">i2").tobytes()
        bare = pydicom.Dataset()
        bare.update({element.tag: element for element in one})
        bare.save_as(path, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    adapter = DicomAdapter()
    (record,) = adapter.discover(tmp_path).records
    (volume,) = adapter.read(record)
    assert np.array_equal(volume.array[..., 0], values.transpose(1, 0, 2)[::-1, ::-1])


@pytest.mark.parametrize(("start", "expected"), [
    (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 1", True),
    (b"\x08\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x00\x08\x00", True),
    (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 1", True),
    (b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00\x02\x00\x01\x00", True),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", False), (b"", False), (b"\x08\x00", False),
    (b"subject_id,label\np1,a\n", False),
    (b"\x08\x00\x05\x00\xff\xff\xff\x7f" + bytes(8), False), (bytes(128) + b"DICM", True), (bytes(200), False),
])  # fmt: skip
def test_how_dicom_begins(tmp_path: Path, start: bytes, expected: bool) -> None:
    (tmp_path / "a").write_bytes(start)
    assert looks_like_dicom(tmp_path / "a") == expected


def test_what_is_damaged_is_its_patients(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "p1")
    write_series(tmp_path / "b", "p22")
    (tmp_path / "a" / "empty.dcm").write_bytes(b"")
    (tmp_path / "a" / "text.dcm").write_text("no DICOM at all, but called so")
    (tmp_path / "cut.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\x00")
    (tmp_path / "no_meta.dcm").write_bytes(Path(get_testdata_file("no_meta.dcm")).read_bytes())
    (tmp_path / "preview.png").write_bytes(b"\x89PNG")
    found = DicomAdapter().discover(tmp_path)
    reasons = {one.file: (one.subject_id, one.reason) for one in found.rejections}
    assert reasons["a/empty.dcm"] == ("p1", "is empty")
    assert reasons["a/text.dcm"] == ("p1", "does not begin as a DICOM file does")
    assert reasons["no_meta.dcm"] == (None, "does not begin as a DICOM file does")
    assert reasons["cut.dcm"][1].startswith("is damaged: ")
    assert [(one.file, one.text) for one in found.remarks] == [("preview.png", "is no DICOM file")]
    assert len(found.records) == 2


def test_a_file_that_cannot_be_opened_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path)
    opened = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "s002.dcm":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    found = DicomAdapter().discover(tmp_path)
    assert ("s002.dcm", "p1", "cannot be read: Permission denied") in {
        (one.file, one.subject_id, one.reason) for one in found.rejections
    }


def test_pydicom_says_nothing_about_each_slice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(tmp_path)
    for path in tmp_path.glob("*.dcm"):
        path.write_bytes(path.read_bytes().replace(b"CT", b"ct", 1).replace(b"IS\x02\x001 ", b"IS\x02\x00x "))
    with caplog.at_level(logging.WARNING):
        adapter = DicomAdapter()
        (record,) = adapter.discover(tmp_path).records
        list(adapter.read(record))
    assert caplog.records == []


@pytest.mark.parametrize("name", ["ANON", "anonymous", "0", "000", "NONE", "Removed", "N/A", "anon_id"])
def test_an_id_that_stands_for_nobody_is_asked_about(tmp_path: Path, name: str) -> None:
    for patient in range(3):
        write_series(tmp_path / f"case{patient}", name, StudyInstanceUID=f"1.2.3.{patient}")
    write_series(tmp_path / "other", "p1")
    with pytest.raises(CohortError) as caught:
        DicomAdapter().discover(tmp_path)
    assert f"PatientID {name!r} stands for several patients" in caught.value.reason
    assert "12 files, 3 studies, 3 folders" in caught.value.reason
    assert "subject_pattern" in caught.value.next_step
    assert subjects(tmp_path, subject="folder") == ["case0", "case1", "case2", "other"]
    assert subjects(tmp_path, subject_pattern=r"^case(\d)|other") == ["0", "1", "2"]
    assert subjects(tmp_path, subject="StudyInstanceUID") == ["1.2.2", "1.2.3.0", "1.2.3.1", "1.2.3.2"]
    assert subjects(tmp_path, subject="PatientID") == sorted([name, "p1"])


@pytest.mark.parametrize(("first", "second"), [
    ({"PatientName": "Doe^Jane"}, {"PatientName": "Roe^Rick"}),
    ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19600101"}),
])  # fmt: skip
def test_an_id_of_two_people_is_asked_about_and_not_one_of_them_named(
    tmp_path: Path, first: dict[str, str], second: dict[str, str]
) -> None:
    write_series(tmp_path / "a", "17", **first)
    write_series(tmp_path / "b", "17", **second)
    write_series(tmp_path / "c", "18")
    with pytest.raises(CohortError, match="PatientID '17' stands for several patients: its images have 2") as caught:
        DicomAdapter().discover(tmp_path)
    assert not any(value in str(caught.value) for value in ("Doe", "Roe", "1950"))


def test_one_name_written_in_two_ways_is_one_name(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "17", PatientName="Doe^Jane")
    write_series(tmp_path / "b", "17", PatientName="DOE^JANE^^")
    assert subjects(tmp_path) == ["17"]


def test_the_only_id_of_a_cohort_is_asked_about(tmp_path: Path) -> None:
    for patient in range(3):
        write_series(tmp_path / f"case{patient}", "17", StudyInstanceUID=f"1.2.3.{patient}")
    with pytest.raises(CohortError, match="the cohort has no other id, and 12 files, 3 studies, 3 folders"):
        DicomAdapter().discover(tmp_path)
    write_series(tmp_path / "other", "18")
    assert subjects(tmp_path) == ["17", "18"]  # now it is a patient with three studies


def test_images_without_an_id(tmp_path: Path) -> None:
    for patient in range(2):
        write_series(tmp_path / f"case{patient}", "", StudyInstanceUID=f"1.2.3.{patient}")
    found = DicomAdapter().discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["case0", "case1"]
    assert {(one.kind, one.subject_id) for one in found.remarks} == {("label", "case0"), ("label", "case1")}
    write_series(tmp_path / "case2" / "b", "", StudyInstanceUID="1.2.3.1")
    with pytest.raises(CohortError, match="lie in several folders although they are of one study"):
        DicomAdapter().discover(tmp_path)


def test_pictures_without_an_id_that_share_a_folder(tmp_path: Path) -> None:
    """As the radiographs of challenges do, whose tags were removed."""
    for number in range(3):
        save(image(noise()[..., 0]), tmp_path / f"{number:03d}.dicom")
    with pytest.raises(CohortError, match="images without PatientID share folders: 3 in 1"):
        DicomAdapter(None, {"dimensions": 2}).discover(tmp_path)
    assert subjects(tmp_path, dimensions=2, subject_pattern=r"(\d+)\.dicom") == ["000", "001", "002"]


def test_a_pattern_that_finds_nobody(tmp_path: Path) -> None:
    write_series(tmp_path / "case1")
    write_series(tmp_path / "other", "p2")
    found = DicomAdapter(None, {"subject_pattern": r"(?P<subject>case\d)"}).discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["case1"]
    assert {one.reason for one in found.rejections} == {"subject_pattern finds no subject in its path"}


@pytest.mark.parametrize("options", [
    {"subject_pattern": "("}, {"subject": "PatientIdentity"}, {"subject": "folder", "subject_pattern": "x"},
])  # fmt: skip
def test_wrong_rules_of_subjects(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="subject"):
        DicomAdapter(None, options)


def test_the_report_says_what_a_subject_is() -> None:
    assert DicomAdapter().subject_note == "subject-level split: one subject is one PatientID"
    assert "(x)" in DicomAdapter(None, {"subject_pattern": "(x)"}).subject_note
    assert "folders" in DicomAdapter(None, {"subject": "folder"}).subject_note
