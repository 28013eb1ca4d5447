from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.base import Volume
from sixgig.cohorts.registry import check_source
from sixgig.errors import CohortError, ImageError
from tests.unit.cohorts.tiny_nifti import LPS, head, save_nifti

DATA = "MICCAI_BraTS2020_TrainingData"


def _first_file(root: Path) -> Path:
    return root / DATA / "BraTS20_Training_001" / "BraTS20_Training_001_flair.nii.gz"


@pytest.mark.parametrize("below", ["", DATA])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
def test_parent_or_folder_packed_or_not(make_brats: Callable[..., Path], below: str, suffix: str) -> None:
    root = make_brats(["HGG", "LGG", "NA", None], suffix) / below
    assert check_source({"adapter": "brats"}, root) == []
    found = BratsAdapter().discover(root)
    assert [record.label for record in found.records] == ["HGG", "LGG", None, None]
    assert not found.rejections
    file = found.records[0].items[0].files["t1ce"]
    assert (root / file).name == f"BraTS20_Training_001_t1ce{suffix}"


def test_modalities_become_channels_in_the_order_asked_for(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG"])
    adapter = BratsAdapter(["t2", "flair"])
    (volume,) = adapter.read(adapter.discover(root).records[0])
    assert isinstance(volume, Volume)
    rng = np.random.default_rng(1)
    flair, _, _, t2 = (head(rng) for _ in range(4))
    assert volume.array.dtype == np.int16  # as it is stored: most of it is never needed
    assert np.array_equal(volume.array[..., 0], t2)
    assert np.array_equal(volume.array[..., 1], flair)
    assert volume.spacing == (1.0, 1.0, 1.0)
    assert [Path(source).name for source in volume.sources] == [
        "BraTS20_Training_001_t2.nii.gz",
        "BraTS20_Training_001_flair.nii.gz",
    ]


def test_a_missing_modality_matters_only_when_it_is_used(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    _first_file(root).unlink()
    found = BratsAdapter().discover(root)
    assert [record.subject_id for record in found.records] == ["BraTS20_Training_002"]
    assert found.rejections[0].file == str(_first_file(root).relative_to(root))
    assert found.rejections[0].reason == "modality flair is missing"
    assert len(BratsAdapter(["t1", "t2"]).discover(root).records) == 2


def test_modalities_on_two_grids_are_refused(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG"])
    other = root / DATA / "BraTS20_Training_001" / "BraTS20_Training_001_t1.nii.gz"
    save_nifti(other, head(np.random.default_rng(0), (24, 28, 21)), LPS)
    adapter = BratsAdapter()
    with pytest.raises(ImageError, match=r"_t1\.nii\.gz: shape \(24, 28, 21\) .* differ from .*_flair"):
        list(adapter.read(adapter.discover(root).records[0]))


def test_grades_are_needed(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["HGG", "LGG"])
    mapping = root / DATA / "name_mapping.csv"
    mapping.write_text("Grade,BraTS_2019_subject_ID\nHGG,x\n")
    with pytest.raises(
        CohortError, match="lacks the column BraTS_2020_subject_ID; it has Grade, BraTS_2019_subject_ID"
    ):
        BratsAdapter().discover(root)
    mapping.write_text("Grade,BraTS_2020_subject_ID\nHGG,BraTS20_Training_001\nLGG,BraTS20_Training_001\n")
    with pytest.raises(CohortError, match="BraTS20_Training_001 has the grades HGG and LGG"):
        BratsAdapter().discover(root)
    mapping.unlink()
    assert check_source({"adapter": "brats"}, root) == [f"{mapping} (the grades) does not exist"]


def test_a_folder_without_subjects(tmp_path: Path) -> None:
    assert check_source({"adapter": "brats"}, tmp_path) == [
        f"{tmp_path} holds no folder named like BraTS20_Training_001 or BraTS-GLI-00000-000"
    ]


def _write(folder: Path, release: str, name: str, suffixes: tuple[str, ...] = ("flair", "t1", "t1ce", "t2")) -> None:
    for seed, suffix in enumerate(suffixes):
        joint = "-" if release == "2023" else "_"
        save_nifti(folder / name / f"{name}{joint}{suffix}.nii.gz", head(np.random.default_rng(seed)), LPS)


def test_grades_by_folder_in_2018(tmp_path: Path) -> None:
    for grade, name in (("HGG", "Brats18_2013_2_1"), ("LGG", "Brats18_TCIA09_141_1")):
        _write(tmp_path / "MICCAI_BraTS_2018_Data_Training" / grade, "2018", name)
    found = BratsAdapter().discover(tmp_path)
    assert {record.subject_id: record.label for record in found.records} == {
        "Brats18_2013_2_1": "HGG", "Brats18_TCIA09_141_1": "LGG"
    }  # fmt: skip


def test_2021_has_no_grades_unless_a_table_gives_them(tmp_path: Path) -> None:
    for name in ("BraTS2021_00000", "BraTS2021_00002"):
        _write(tmp_path, "2021", name)
    assert [record.label for record in BratsAdapter().discover(tmp_path).records] == [None, None]
    (tmp_path / "mgmt.csv").write_text("BraTS21ID;MGMT\nBraTS2021_00002;1\n")
    labels = {"file": str(tmp_path / "mgmt.csv"), "subject": "BraTS21ID", "label": "MGMT"}
    adapter = BratsAdapter(["flair"], {"labels": labels})
    assert [record.label for record in adapter.discover(tmp_path).records] == [None, "1"]


def test_time_points_of_one_patient_from_2023_on(tmp_path: Path) -> None:
    for name in ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001", "BraTS-GLI-00005-000"):
        _write(tmp_path / "TrainingData", "2023", name, ("t2f", "t1n", "t1c", "t2w"))
    adapter = BratsAdapter(["t1ce", "flair"])
    found = adapter.discover(tmp_path)
    assert [(record.subject_id, len(record.items)) for record in found.records] == [
        ("BraTS-GLI-00000", 2), ("BraTS-GLI-00005", 1)
    ]  # fmt: skip
    volumes = list(adapter.read(found.records[0]))
    assert [Path(volume.sources[0]).name for volume in volumes if isinstance(volume, Volume)] == [
        "BraTS-GLI-00000-000-t1c.nii.gz", "BraTS-GLI-00000-001-t1c.nii.gz"
    ]  # fmt: skip


ALL = ("t2f", "t1n", "t1c", "t2w")


@pytest.mark.parametrize(
    ("names", "endings", "subjects"),
    [
        (["BraTS-GoAT-00001", "BraTS-GoAT-00002"], [f"-{name}.nii.gz" for name in ALL], {"BraTS-GoAT-00001": 1}),
        (["BraTS-SSA-00002-000", "BraTS-SSA-00002-001"], [f"-{name}.nii.gz" for name in ALL], {"BraTS-SSA-00002": 2}),
        (["BraTS-PED-00002-000"], [f"-{name}.nii.gz" for name in ALL], {"BraTS-PED-00002": 1}),
        (["BraTS-MEN-00004-000"], [f"-{name}.nii" for name in ALL], {"BraTS-MEN-00004": 1}),
        (["BRATS-MET-00810-000"], [f"-{name}.nii.gz".upper() for name in ALL], {"BRATS-MET-00810": 1}),
        (["BraTS-GLI-02405-100"], [f"_{name}.nii.gz" for name in ALL], {"BraTS-GLI-02405": 1}),
        (["BraTS-GLI-00000-000"], [f"-{name}.nii/00000057_brain_{name}.nii" for name in ALL], {"BraTS-GLI-00000": 1}),
        (["Brats17_2013_2_1"], ["_flair.nii.gz", "_t1.nii.gz", "_t1ce.nii.gz", "_t2.nii.gz"], {"Brats17_2013_2_1": 1}),
        (["BraTS20_Training_355"], [f"_{name}.nii/x.nii" for name in ("flair", "t1", "t1ce", "t2")],
         {"BraTS20_Training_355": 1}),
    ],
    ids=["GoAT", "time points", "PED", "not packed", "capitals", "underscores", "folders", "2017", "2020 in folders"],
)  # fmt: skip
def test_names_of_releases(tmp_path: Path, names: list[str], endings: list[str], subjects: dict[str, int]) -> None:
    for name in names:
        for seed, ending in enumerate(endings):
            path = tmp_path / name / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            # nibabel wants endings in small letters
            lower = path.with_name(path.name.lower())
            save_nifti(lower, head(np.random.default_rng(seed)), LPS)
            lower.rename(path)
    columns = "Grade,BraTS_2017_subject_ID,BraTS_2020_subject_ID"
    (tmp_path / "name_mapping.csv").write_text(f"{columns}\nHGG,Brats17_2013_2_1,BraTS20_Training_355\n")
    adapter = BratsAdapter(["t1ce", "flair"])
    found = adapter.discover(tmp_path)
    assert not found.rejections
    assert {one.subject_id: len(one.items) for one in found.records}.items() >= subjects.items()
    files = [Path(file).name.lower() for file in found.records[0].items[0].files.values()]
    assert [("t1c" in file or file == "x.nii", "t2f" in file or "flair" in file) for file in files] in (
        [(True, False), (False, True)],
        [(True, False), (True, False)],
    )


def test_radiotherapy_has_one_modality(tmp_path: Path) -> None:
    name = "BraTS-MEN-RT-0001-1"
    save_nifti(tmp_path / name / f"{name}_t1c.nii.gz", head(np.random.default_rng(0)), LPS)
    save_nifti(tmp_path / name / f"{name}_gtv.nii.gz", head(np.random.default_rng(1)), LPS)
    (record,) = BratsAdapter(["t1ce"]).discover(tmp_path).records
    assert record.subject_id == "BraTS-MEN-RT-0001"
    assert record.items[0].files == {"t1ce": f"{name}/{name}_t1c.nii.gz"}
    with pytest.raises(CohortError, match=r"is BraTS MEN-RT, which has no flair, t2\n.*`modalities` .* \[t1ce\]"):
        BratsAdapter(["flair", "t1ce", "t2"]).discover(tmp_path)


def test_a_release_that_is_not_read_is_named(tmp_path: Path) -> None:
    save_nifti(
        tmp_path / "BraTS2030" / "BraTS30-00001" / "BraTS30-00001-t1n.nii.gz", head(np.random.default_rng(0)), LPS
    )
    assert check_source({"adapter": "brats"}, tmp_path) == [
        f"{tmp_path} holds BraTS30-00001, of a release that is not read; these are: 2017, 2018, 2019, 2020, 2021, "
        "MEN-RT, GoAT, 2023 or later"
    ]


def test_a_time_point_that_lacks_a_modality_costs_that_time_point(tmp_path: Path) -> None:
    _write(tmp_path, "2023", "BraTS-GLI-00000-000", ALL)
    _write(tmp_path, "2023", "BraTS-GLI-00000-001", ALL[:2])
    found = BratsAdapter(["t1ce"]).discover(tmp_path)
    assert [[item.item_id for item in one.items] for one in found.records] == [["BraTS-GLI-00000-000"]]
    assert [(one.subject_id, one.reason) for one in found.rejections] == [
        ("BraTS-GLI-00000", "modality t1ce is missing")
    ]


def test_a_table_of_labels_alone_decides(tmp_path: Path) -> None:
    names = [f"Brats18_TCIA0{number}_{grade}_1" for grade in ("HGG", "LGG") for number in range(2)]
    for name in names:
        _write(tmp_path / name.split("_")[2], "2018", name, ("flair",))
    (tmp_path / "survival.csv").write_text(f"BraTS18ID,Class\n{names[0]},short\n{names[1]},long\n{names[2]},NA\n")
    labels = {"file": str(tmp_path / "survival.csv"), "subject": "BraTS18ID", "label": "Class"}
    found = BratsAdapter(["flair"], {"labels": labels}).discover(tmp_path)
    assert [one.label for one in found.records] == ["short", "long", None, None]
    assert [(one.subject_id, one.text[:30]) for one in found.remarks] == [
        (names[2], "'NA' is taken as no class; lis"), (names[3], "the table of labels does not n")
    ]  # fmt: skip
    assert [one.label for one in BratsAdapter(["flair"]).discover(tmp_path).records] == ["HGG", "HGG", "LGG", "LGG"]


def test_subjects_that_patterns_leave_out_are_no_unknown_ids(tmp_path: Path) -> None:
    for number in range(4):
        _write(tmp_path, "2021", f"BraTS2021_0000{number}", ("flair",))
    (tmp_path / "t.csv").write_text("subject_id,label\n" + "".join(f"BraTS2021_0000{n},x\n" for n in range(4)))
    options = {"labels": {"file": str(tmp_path / "t.csv")}, "include": ["*0", "*1"]}
    found = BratsAdapter(["flair"], options).discover(tmp_path)
    assert [one.subject_id for one in found.records] == ["BraTS2021_00000", "BraTS2021_00001"]
    assert not found.unmatched


def test_a_table_may_name_time_points_or_patients(tmp_path: Path) -> None:
    for name in ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001", "BraTS-GLI-00005-000"):
        _write(tmp_path, "2023", name, ALL)
    (tmp_path / "t.csv").write_text("subject_id,label\nBraTS-GLI-00000,a\nBraTS-GLI-00005-000,b\n")
    found = BratsAdapter(["t1ce"], {"labels": {"file": str(tmp_path / "t.csv")}}).discover(tmp_path)
    assert {one.subject_id: one.label for one in found.records} == {"BraTS-GLI-00000": "a", "BraTS-GLI-00005": "b"}
    (tmp_path / "t.csv").write_text("subject_id,label\nBraTS-GLI-0000,a\nBraTS-GLI-00005,b\n")
    with pytest.raises(CohortError, match="'BraTS-GLI-0000' there, 'BraTS-GLI-00000' in the cohort"):
        BratsAdapter(["t1ce"], {"labels": {"file": str(tmp_path / "t.csv")}}).discover(tmp_path)


def test_grades_in_small_letters_and_grades_that_are_none(make_brats: Callable[..., Path]) -> None:
    root = make_brats(["hgg", "LGG", "III", "n/a"])
    mapping = root / DATA / "name_mapping.csv"
    mapping.rename(root / DATA / "Name_Mapping.CSV")
    found = BratsAdapter().discover(root)
    assert [one.label for one in found.records] == ["HGG", "LGG", None, None]
    assert [(one.subject_id, one.text) for one in found.remarks] == [
        ("BraTS20_Training_003", "its grade is III: taken as no class")
    ]
    assert BratsAdapter().label_files(root) == [root / DATA / "Name_Mapping.CSV"]


def test_two_releases_in_one_folder(tmp_path: Path) -> None:
    _write(tmp_path, "2021", "BraTS2021_00000")
    _write(tmp_path, "2018", "Brats18_2013_2_1")
    with pytest.raises(CohortError, match=r"several releases \(2018 and 2021\)"):
        BratsAdapter().discover(tmp_path)


def test_one_subject_in_two_folders(tmp_path: Path) -> None:
    for grade in ("HGG", "LGG"):
        _write(tmp_path / grade, "2018", "Brats18_2013_2_1")
    _write(tmp_path / "LGG", "2018", "Brats18_2013_3_1")
    found = BratsAdapter().discover(tmp_path)
    assert [record.subject_id for record in found.records] == ["Brats18_2013_3_1"]
    assert {rejection.reason for rejection in found.rejections} == {"this subject has two folders"}
