"""Which series of a folder become volumes, and what is said of the rest."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.base import Discovery
from sixgig.errors import CohortError, ConfigError
from tests.unit.cohorts.dicom.tiny_dicom import AXIAL, CORONAL, SAGITTAL, enhanced, image, noise, save, write_series


def discover(root: Path, **options: Any) -> Discovery:
    return DicomAdapter(None, options).discover(root)


def volumes(found: Discovery) -> dict[str, int]:
    return {record.subject_id: len(record.items) for record in found.records}


def files(found: Discovery) -> set[str]:
    return {source for record in found.records for item in record.items for source in item.files.values()}


def test_a_localizer_in_three_planes_is_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path / "t1")
    uid = None
    for number, directions in enumerate((AXIAL, SAGITTAL, CORONAL)):
        uid = write_series(
            tmp_path / "loc", values=noise(1, (6, 5, 4)), directions=directions, uid=uid, name=f"l{number}"
        )
    found = discover(tmp_path)
    assert volumes(found) == {"p1": 1}
    assert not found.rejections
    assert {(one.kind, one.subject_id, one.text) for one in found.remarks} == {
        ("not read", "p1", "is a localizer: its series has slices in 3 directions")
    }


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a localizer"),
        ({"SeriesDescription": "3-plane Scout"}, "a localizer"),
        ({"SeriesDescription": "Survey"}, "a localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "a projection of a volume"),
        ({"SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage}, "a screen capture or another secondary picture"),
    ],
)
def test_what_is_no_slice_is_passed_over_unless_it_is_asked_for(
    tmp_path: Path, tags: dict[str, Any], what: str
) -> None:
    write_series(tmp_path / "ct", SeriesDescription="chest")
    write_series(tmp_path / "other", values=noise(1), **{"SeriesDescription": "other", **tags})
    found = discover(tmp_path)
    assert all(source.startswith("ct/") for source in files(found))
    assert [(one.kind, one.file, one.text) for one in found.remarks] == [
        ("not read", f"other/s{z:03d}.dcm", f"is {what}, no slice of a volume") for z in range(4)
    ]
    named = discover(tmp_path, select={"SeriesDescription": tags.get("SeriesDescription", "other")})
    assert all(source.startswith("other/") for source in files(named))


def test_a_patient_with_nothing_left_is_rejected_with_the_reason(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "p1")
    write_series(tmp_path / "b", "p22", ImageType=["DERIVED", "SECONDARY", "MIP"])
    write_series(tmp_path / "b2", "p22", noise(1, (6, 5, 2)))
    found = discover(tmp_path)
    assert volumes(found) == {"p1": 1}
    (rejection,) = found.rejections
    assert rejection.subject_id == "p22"
    assert sorted(rejection.reason.split("; ")) == [
        "is a projection of a volume, no slice of a volume", "its series has 2 of the 4 slices that a volume needs"
    ]  # fmt: skip


def test_objects_that_are_no_images(tmp_path: Path) -> None:
    write_series(tmp_path / "ct")
    kinds = {
        "rtstruct.dcm": "a radiotherapy object", "rtplan.dcm": "a radiotherapy object",
        "DICOMDIR": "a DICOMDIR, the list of", "rtdose.dcm": "a radiotherapy object",
        "liver_1frame.dcm": "a segmentation", "reportsi.dcm": "a structured report",
        "test-SR.dcm": "a structured report", "waveform_ecg.dcm": "a waveform",
        "ExplVR_LitEndNoMeta.dcm": "a radiotherapy object",
    }  # fmt: skip
    for name in kinds:
        (tmp_path / name).write_bytes(Path(get_testdata_file(name)).read_bytes())
    (tmp_path / "notes.txt").write_text("no DICOM")
    found = discover(tmp_path)
    assert volumes(found) == {"p1": 1}
    assert not found.rejections
    said = {one.file: one.text for one in found.remarks}
    assert said.pop("notes.txt") == "is no DICOM file"
    assert set(said) == set(kinds)
    assert all(text.startswith(f"is {kinds[file]}") for file, text in said.items())


def _clinic(root: Path) -> None:
    for patient in range(4):
        write_series(root / f"{patient}/ct", f"p{patient}", SeriesDescription="CT chest")
        if patient % 2:
            write_series(root / f"{patient}/pt", f"p{patient}", Modality="PT", SeriesDescription="PET AC")


def test_series_of_several_kinds_are_asked_about(tmp_path: Path) -> None:
    _clinic(tmp_path)
    with pytest.raises(CohortError) as caught:
        discover(tmp_path)
    assert "2 of 4 subjects have series of several kinds" in caught.value.reason
    assert "CT 'CT chest', axial: 4 subjects; PT 'PET AC', axial: 2 subjects" in caught.value.reason
    assert "select: {Modality: CT}" in caught.value.next_step


@pytest.mark.parametrize("select", [
    {"Modality": "CT"}, {"SeriesDescription": "ct chest"}, {"SeriesDescription": {"matches": "^ct"}},
    {"0008,0060": ["MR", "CT"]}, {"Modality": {"not": "PT"}}, {"SeriesDescription": {"not": {"matches": "pet"}}},
    {"Modality": "CT", "plane": "axial"}, {"(0008,0060)": "CT"},
])  # fmt: skip
def test_select(tmp_path: Path, select: dict[str, Any]) -> None:
    _clinic(tmp_path)
    found = discover(tmp_path, select=select)
    assert volumes(found) == {"p0": 1, "p1": 1, "p2": 1, "p3": 1}
    assert all("/ct/" in source for source in files(found))
    assert [one.text for one in found.remarks] == ["is left out by select"] * 8


def test_select_by_numbers_several_values_and_absent_tags(tmp_path: Path) -> None:
    write_series(tmp_path, SliceThickness="2.50", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    for select in ({"SliceThickness": 2.5}, {"ImageType": "primary"}, {"ImageType": "ORIGINAL\\PRIMARY\\AXIAL"},
                   {"SequenceName": {"not": "x"}}):  # fmt: skip
        assert volumes(discover(tmp_path, select=select)) == {"p1": 1}
    for select in ({"SliceThickness": 3}, {"SequenceName": "x"}, {"ImageType": {"not": ["AXIAL"]}}):
        with pytest.raises(CohortError, match="select leaves none of 4 images"):
            discover(tmp_path, select=select)


def test_a_selection_that_leaves_nothing_shows_what_there_is_but_no_names(tmp_path: Path) -> None:
    write_series(tmp_path, SeriesDescription="T1", PatientName="Doe^Jane")
    with pytest.raises(CohortError, match=r"SeriesDescription is T1 \(4\)"):
        discover(tmp_path, select={"SeriesDescription": "T2"})
    with pytest.raises(CohortError, match="PatientName has 1 values") as caught:
        discover(tmp_path, select={"PatientName": "Roe"})
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize(("select", "message"), [
    ({"SeriesDescripton": "x"}, "write SeriesDescription"),
    ({"Modality": {"is": "CT"}}, "write a value, a list"),
    ({"Modality": {"matches": "("}}, "is not a regular expression"),
    ({"Modality": []}, "has no value for Modality"),
])  # fmt: skip
def test_wrong_conditions(select: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DicomAdapter(None, {"select": select})


def test_the_best_series(tmp_path: Path) -> None:
    """Of the kind that most subjects have; then original, most slices, lowest number."""
    _clinic(tmp_path)
    write_series(tmp_path / "0/thin", "p0", noise(3, (6, 5, 9)), SeriesDescription="CT chest", SeriesNumber=9)
    write_series(tmp_path / "0/made", "p0", noise(3, (6, 5, 12)), SeriesDescription="CT chest", ImageType=["DERIVED"])
    write_series(tmp_path / "x", "p4", Modality="PT", SeriesDescription="PET AC")
    found = discover(tmp_path, series="best")
    assert volumes(found) == {f"p{patient}": 1 for patient in range(5)}
    chosen = {source.rpartition("/")[0] for source in files(found)}
    assert chosen == {"0/thin", "1/ct", "2/ct", "3/ct", "x"}
    assert {(one.file.rpartition("/")[0], one.kind) for one in found.remarks} == {
        ("0/ct", "not read"), ("0/made", "not read"), ("1/pt", "not read"), ("3/pt", "not read"), ("x", "intensity"),
    }  # fmt: skip


def test_all_series_and_repeated_ones(tmp_path: Path) -> None:
    _clinic(tmp_path)
    assert volumes(discover(tmp_path, series="all")) == {"p0": 1, "p1": 2, "p2": 1, "p3": 2}
    write_series(tmp_path / "0/again", "p0", SeriesDescription="ct  chest ")
    assert volumes(discover(tmp_path, select={"Modality": "CT"}))["p0"] == 2  # of one kind: nothing to ask


def test_modalities_that_differ_between_subjects_are_asked_about(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "p1", Modality="CT")
    write_series(tmp_path / "b", "p2", Modality="MR")
    with pytest.raises(CohortError, match="series of several modalities"):
        discover(tmp_path)
    write_series(tmp_path / "b", "p2", Modality=...)
    assert volumes(discover(tmp_path)) == {"p1": 1, "p2": 1}  # nothing is known of the other's


def _echoes(root: Path, values: np.ndarray, **tags: Any) -> None:
    """Slices 0, 0, 1, 1, ... at 3 mm."""
    write_series(root, values=values, ImagePositionPatient=lambda z: [0, 0, 3.0 * (z // 2)], **tags)


@pytest.mark.parametrize(("tag", "values"), [
    ("EchoTime", (4.6, 80)), ("TemporalPositionIdentifier", (1, 2)), ("DiffusionBValue", (0.0, 1000.0)),
    ("AcquisitionNumber", (1, 2)), ("ImageType", (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])),
])  # fmt: skip
def test_a_series_of_two_volumes_is_named_and_can_be_chosen_from(tmp_path: Path, tag: str, values: tuple) -> None:
    array = noise(1, (6, 5, 8))
    _echoes(tmp_path, array, **{tag: lambda z: values[z % 2]})
    with pytest.raises(CohortError, match=f"{tag} .*{tag} "):
        discover(tmp_path)
    for number, value in enumerate(values):
        adapter = DicomAdapter(None, {"select": {tag: value[-1] if isinstance(value, list) else value}})
        (record,) = adapter.discover(tmp_path).records
        (volume,) = adapter.read(record)
        assert np.array_equal(volume.array[..., 0], array[..., number::2].transpose(1, 0, 2)[::-1, ::-1])
    assert volumes(discover(tmp_path, series="all")) == {"p1": 2}


def test_echoes_in_time(tmp_path: Path) -> None:
    """Two tags differ: four volumes."""
    write_series(
        tmp_path,
        values=noise(1, (6, 5, 16)),
        ImagePositionPatient=lambda z: [0, 0, 3.0 * (z // 4)],
        EchoTime=lambda z: 10 + z % 2,
        TemporalPositionIdentifier=lambda z: 1 + z // 2 % 2,
    )
    assert volumes(discover(tmp_path, series="all")) == {"p1": 4}
    one = discover(tmp_path, select={"EchoTime": 11, "TemporalPositionIdentifier": 2})
    assert volumes(one) == {"p1": 1}
    assert files(one) == {f"s{z:03d}.dcm" for z in (3, 7, 11, 15)}


def test_a_series_in_time_of_one_place(tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", "p22", step=(0, 0, 0), TriggerTime=lambda z: 10 * z)
    (rejection,) = discover(tmp_path).rejections
    assert rejection.reason == "its series has 4 images of 1 place, as one in time has; a volume needs 4 places"


def test_enhanced_files(tmp_path: Path) -> None:
    values = noise(2, (6, 5, 4))
    order = [2, 0, 3, 1]
    frames = [{"position": (0, 0, 2.5 * z), "rescale": (z + 1, -10)} for z in order]
    save(enhanced(values, frames, PatientID="p1"), tmp_path / "e.dcm")
    adapter = DicomAdapter()
    (record,) = adapter.discover(tmp_path).records
    (volume,) = adapter.read(record)
    assert volume.spacing == (0.7, 0.5, 2.5)
    expected = np.stack([values[..., order.index(z)] * (z + 1.0) - 10 for z in range(4)], axis=-1)
    assert np.array_equal(volume.array[..., 0], expected.transpose(1, 0, 2)[::-1, ::-1])


def test_enhanced_files_of_several_stacks(tmp_path: Path) -> None:
    frames = [{"position": (0, 0, 3 * z)} for z in range(4)]
    frames += [{"position": (3 * x, 0, 0), "directions": SAGITTAL} for x in range(5)]
    values = noise(2, (6, 6, 9))
    save(enhanced(values, frames, PatientID="p1"), tmp_path / "e.dcm")
    with pytest.raises(CohortError, match="MR, sagittal: 1 subjects"):
        discover(tmp_path)
    adapter = DicomAdapter(None, {"select": {"plane": "sagittal"}})
    (record,) = adapter.discover(tmp_path).records
    (volume,) = adapter.read(record)
    assert volume.array.shape == (5, 6, 6, 1)
    assert np.array_equal(volume.array[::-1, ::-1, ::-1, 0], values[..., 4:].transpose(2, 1, 0))


def test_frames_without_a_place(tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    one = image(noise(), PatientID="p22", Modality="US", NumberOfFrames=4)
    one.PixelData = one.PixelData * 4
    save(one, tmp_path / "cine.dcm")
    (rejection,) = discover(tmp_path).rejections
    assert (rejection.subject_id, rejection.reason) == (
        "p22", "holds 4 frames, and does not say where each of them lies"
    )  # fmt: skip


def test_a_mosaic_and_colours_are_refused_by_name(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "p1", ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])
    write_series(tmp_path / "b", "p22", SamplesPerPixel=3, PhotometricInterpretation="RGB")
    reasons = {one.subject_id: one.reason for one in discover(tmp_path).rejections}
    assert reasons["p1"].startswith("is a mosaic")
    assert reasons["p22"].startswith("is in colour")


def test_radiographs_say_how_they_are_read(tmp_path: Path) -> None:
    save(image(noise()[..., 0], PatientID="p1", Modality="DX"), tmp_path / "a.dcm")
    with pytest.raises(CohortError, match="holds pictures such as radiographs.*\n.*write dimensions: 2"):
        discover(tmp_path)
    write_series(tmp_path / "ct", "p22")
    (rejection,) = discover(tmp_path).rejections
    assert rejection.reason == "is a picture (DX), which has no place in a volume: read pictures with dimensions: 2"


def test_copies_are_left_out(tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a" / "s001.dcm").read_bytes())
    found = discover(tmp_path)
    assert "b.dcm" not in files(found)
    (remark,) = found.remarks
    assert (remark.kind, remark.file) == ("not read", "b.dcm")


def test_series_as_channels(tmp_path: Path) -> None:
    """The second lies on voxels of half the size, and is resampled to those of the first."""
    x = np.arange(8, dtype=np.int16)
    coarse = np.broadcast_to(10 * x[None, :, None], (6, 8, 4)).astype(np.int16)
    fine = np.broadcast_to(5 * np.arange(16, dtype=np.int16)[None, :, None], (12, 16, 8)).astype(np.int16)
    for patient in ("p1", "p2"):
        write_series(tmp_path / patient / "t1", patient, coarse, SeriesDescription="T1", FrameOfReferenceUID="1.2.3")
        write_series(tmp_path / patient / "t2", patient, fine, SeriesDescription="T2", PixelSpacing=[0.5, 0.5],
                     step=(0, 0, 1.5), FrameOfReferenceUID="1.2.3")  # fmt: skip
        write_series(tmp_path / patient / "x", patient, SeriesDescription="extra")
    write_series(tmp_path / "p3" / "t1", "p3", coarse, SeriesDescription="T1")
    adapter = DicomAdapter(None, {"series": {"T1": {"SeriesDescription": "T1"}, "T2": {"SeriesDescription": "T2"}}})
    assert adapter.modalities == ("T1", "T2")
    found = adapter.discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["p1", "p2"]
    assert [(one.subject_id, one.reason) for one in found.rejections] == [("p3", "its subject has no series for T2")]
    assert {(one.subject_id, one.text) for one in found.remarks} == {
        ("p1", "is of a series that is no channel"), ("p2", "is of a series that is no channel"),
        ("p3", "its subject has no series for T2"),
    }  # fmt: skip
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (8, 6, 4, 2)
    assert np.allclose(volume.array[..., 0], volume.array[..., 1])
    assert volume.sources == ("p1/t1/s000.dcm", "p1/t2/s000.dcm")
    (remark,) = volume.remarks
    assert remark.text == "lies on other voxels than the first channel: resampled to those, linearly"
    only = DicomAdapter(["T2"], {"series": {"T1": {"SeriesDescription": "T1"}, "T2": {"SeriesDescription": "T2"}}})
    (one,) = only.read(only.discover(tmp_path).records[0])
    assert one.array.shape == (16, 12, 8, 1)


def test_two_series_for_one_channel_are_asked_about(tmp_path: Path) -> None:
    for name in "ab":
        write_series(tmp_path / name, SeriesDescription=f"T1 {name}")
    with pytest.raises(CohortError, match="have series for T1 of several kinds"):
        discover(tmp_path, series={"T1": {"SeriesDescription": {"matches": "T1"}}})


@pytest.mark.parametrize("options", [{"series": "first"}, {"series": "best", "dimensions": 2}])
def test_wrong_ways_to_choose(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="series"):
        DicomAdapter(None, options)


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    values = noise(4, (6, 5, 4))
    for number, order in enumerate(itertools.islice(itertools.permutations(range(4)), 0, 24, 5)):
        write_series(tmp_path / str(number), values=values[..., list(order)], start=(0, 0, 0),
                     ImagePositionPatient=lambda z, order=order: [0, 0, 3.0 * order[z]])  # fmt: skip
        adapter = DicomAdapter()
        (record,) = adapter.discover(tmp_path / str(number)).records
        (volume,) = adapter.read(record)
        assert np.array_equal(volume.array[..., 0], values.transpose(1, 0, 2)[::-1, ::-1])
