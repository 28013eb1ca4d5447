from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.cohorts.adapters.acdc import AcdcAdapter
from sixgig.cohorts.base import Volume
from sixgig.cohorts.registry import check_source
from sixgig.errors import ImageError
from tests.unit.cohorts.tiny_nifti import LPS, save_nifti


@pytest.mark.parametrize("below", ["", "training"])
def test_two_frames_of_a_subject(make_acdc: Callable[..., Path], below: str) -> None:
    root = make_acdc(["NOR", "DCM", None]) / below
    assert check_source({"adapter": "acdc"}, root) == []
    adapter = AcdcAdapter()
    found = adapter.discover(root)
    assert [record.label for record in found.records] == ["NOR", "DCM", None]
    volumes = list(adapter.read(found.records[0]))
    assert all(isinstance(volume, Volume) for volume in volumes)
    assert [(volume.volume_id, volume.frame) for volume in volumes] == [
        ("patient001_ED", "ED"),
        ("patient001_ES", "ES"),
    ]
    assert Path(volumes[1].sources[0]).name == "patient001_frame07.nii.gz"
    # pixdim counts, not the unit scale of the released files' sform; the voxels are turned from LPS to RAS.
    assert volumes[0].spacing == (1.5, 1.5, 10.0)
    stored = np.random.default_rng(1).integers(0, 500, (20, 24, 6))
    assert np.array_equal(volumes[0].array[..., 0], stored[::-1, ::-1])


def test_testing_part_is_included(make_acdc: Callable[..., Path]) -> None:
    make_acdc(["NOR"])
    root = make_acdc(["RV"], part="testing", first=101)
    assert [record.subject_id for record in AcdcAdapter().discover(root).records] == ["patient001", "patient101"]


def test_one_patient_number_in_both_parts_is_used_once(make_acdc: Callable[..., Path]) -> None:
    make_acdc(["NOR"])
    root = make_acdc(["NOR"], part="testing")
    found = AcdcAdapter().discover(root)
    assert len(found.records) == 1
    assert found.rejections[0].reason == "a second folder has this patient number"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: FileNotFoundError"),
        ("ED: 1\nES: 7\nGroup: XYZ\n", "Group is 'XYZ', not one of NOR, MINF, DCM, HCM, RV"),
        ("ED: 1\nGroup: NOR\n", "has no frame number for ES"),
        ("ED: 1\nES: 9\nGroup: NOR\n", "ES frame is missing, and so is the 4D cine"),
    ],
)
def test_a_bad_patient_is_left_out(make_acdc: Callable[..., Path], content: str | None, reason: str) -> None:
    root = make_acdc(["NOR", "RV"])
    config = root / "training" / "patient002" / "Info.cfg"
    config.unlink()
    if content is not None:
        config.write_text(content)
    found = AcdcAdapter().discover(root)
    assert [record.subject_id for record in found.records] == ["patient001"]
    assert [(rejection.subject_id, rejection.reason) for rejection in found.rejections] == [("patient002", reason)]


def test_what_is_missing(tmp_path: Path) -> None:
    assert check_source({"adapter": "acdc"}, tmp_path) == [f"{tmp_path} holds no folder named like training/patient001"]
    (tmp_path / "training" / "patient001").mkdir(parents=True)
    assert check_source({"adapter": "acdc"}, tmp_path) == [
        f"no patient folder in {tmp_path} holds Info.cfg (frames and group)"
    ]


def test_official_sets_and_chosen_frames(make_acdc: Callable[..., Path]) -> None:
    make_acdc(["NOR"])
    root = make_acdc(["RV"], part="testing", first=101)
    found = AcdcAdapter(None, {"frames": ["ES"]}).discover(root)
    assert [record.official for record in found.records] == ["training", "test"]
    assert [[item.frame for item in record.items] for record in found.records] == [["ES"], ["ES"]]


def test_frames_out_of_the_cine(make_acdc: Callable[..., Path]) -> None:
    root = make_acdc(["NOR"])
    folder = root / "training" / "patient001"
    cine = np.random.default_rng(5).integers(1, 500, (20, 24, 6, 12)).astype(np.int16)
    save_nifti(folder / "patient001_4d.nii.gz", cine, LPS)
    (folder / "patient001_frame07.nii.gz").unlink()
    adapter = AcdcAdapter()
    (record,) = adapter.discover(root).records
    ed, es = adapter.read(record)
    assert isinstance(es, Volume)
    assert np.array_equal(es.array[..., 0], cine[::-1, ::-1, :, 6])  # frames count from 1
    assert (ed.sources, es.sources) == (
        ("training/patient001/patient001_frame01.nii.gz",), ("training/patient001/patient001_4d.nii.gz",)
    )  # fmt: skip


def test_a_frame_beyond_the_cine(make_acdc: Callable[..., Path]) -> None:
    root = make_acdc(["NOR", "RV"])
    config = root / "training" / "patient001" / "Info.cfg"
    config.write_text("ED: 1\nES: 13\nGroup: NOR\nNbFrame: 12\n")
    assert AcdcAdapter().discover(root).rejections[0].reason == "ES is frame 13, and the cine has 12"
    # Info.cfg does not say how long the cine is, and the cine is shorter.
    config.write_text("ED: 1\nES: 13\nGroup: NOR\n")
    cine = np.random.default_rng(5).integers(1, 500, (20, 24, 6, 12)).astype(np.int16)
    save_nifti(root / "training" / "patient001" / "patient001_4d.nii.gz", cine, LPS)
    with pytest.raises(ImageError, match="has 12 volumes, and number 13 was asked for"):
        list(AcdcAdapter().read(AcdcAdapter().discover(root).records[0]))


WORDS = st.sampled_from(["1", "7", "0", "12", "\u00b2", "9" * 5000, "-1", "1.0", "", "DCM", "n/a", "?", "\u0000"])
LINES = st.lists(st.tuples(st.sampled_from(["ED", "ES", "Group", "NbFrame", "x"]), WORDS), max_size=6)


@given(LINES.map(lambda lines: "\n".join(f"{key}: {word}" for key, word in lines).encode()) | st.binary(max_size=40))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_config_says_the_patient_is_used_or_left_out(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "training" / "patient001"
    if not folder.exists():
        for frame in (1, 7):
            save_nifti(folder / f"patient001_frame{frame:02d}.nii.gz", np.ones((2, 2, 2), np.int16))
    (folder / "Info.cfg").write_bytes(content)
    found = AcdcAdapter().discover(tmp_path)
    assert len(found.records) + len(found.rejections) == 1
    assert all(record.label in (None, "DCM") for record in found.records)


@pytest.mark.parametrize("group", ["NA", "n/a", "?", "None", ""])
def test_words_that_mean_no_group(make_acdc: Callable[..., Path], group: str) -> None:
    root = make_acdc(["NOR", "RV"])
    config = root / "training" / "patient001" / "Info.cfg"
    config.write_text(config.read_text().replace("NOR", group))
    assert [record.label for record in AcdcAdapter().discover(root).records] == [None, "RV"]


def test_patterns_choose_patients(make_acdc: Callable[..., Path]) -> None:
    root = make_acdc(["NOR", "RV", "DCM"])
    found = AcdcAdapter(None, {"exclude": ["patient002"]}).discover(root)
    assert [record.subject_id for record in found.records] == ["patient001", "patient003"]
    assert AcdcAdapter().label_files(root)[0] == root / "training" / "patient001" / "Info.cfg"
