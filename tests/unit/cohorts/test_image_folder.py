from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.adapters import image_folder
from sixgig.cohorts.adapters.image_folder import ImageFolderAdapter
from sixgig.errors import CohortError, ConfigError, ImageError


def save(path: Path, mode: str = "L", **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 200, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def adapter(pattern: str | None = None) -> ImageFolderAdapter:
    return ImageFolderAdapter(None, {"subject_pattern": pattern} if pattern else {})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label in ("gut", "böse"):
        for patient in (1, 2):
            for view in "ab":
                save(tmp_path / label / "sub" / f"{label}{patient}_{view}.PNG")
    (tmp_path / "gut" / "Thumbs.db").write_text("x")
    (tmp_path / "gut" / "._hidden.png").write_text("x")
    return tmp_path


def test_each_image_is_a_subject_without_a_pattern(root: Path) -> None:
    found = adapter().discover(root)
    assert len(found.records) == 8
    assert not found.rejections
    assert {record.label for record in found.records} == {"gut", "böse"}
    assert adapter().subject_note.startswith("image-level split")


@pytest.mark.parametrize("pattern", [r"(?P<subject>\w+\d)_", r"(\w+\d)_", r"\w+\d(?=_)"])
def test_a_pattern_finds_the_patients(root: Path, pattern: str) -> None:
    found = adapter(pattern).discover(root)
    assert sorted(record.subject_id for record in found.records) == ["böse1", "böse2", "gut1", "gut2"]
    assert [len(record.items) for record in found.records] == [2, 2, 2, 2]
    images = list(adapter(pattern).read(found.records[0]))
    assert [image.image_id for image in images] == ["böse__sub__böse1_a.PNG", "böse__sub__böse1_b.PNG"]
    assert images[0].array.shape == (9, 12)


def test_one_patient_in_two_classes(root: Path) -> None:
    save(root / "gut" / "böse1_x.png")
    found = adapter(r"(\w+\d)_").discover(root)
    assert [(rejection.subject_id, rejection.reason) for rejection in found.rejections] == [
        ("böse1", "subject böse1 is in several classes: böse, gut; `labels_of: image` keeps the class of each image")
    ]


def test_a_name_that_the_pattern_does_not_match(root: Path) -> None:
    save(root / "gut" / "strange.png")
    found = adapter(r"(\w+\d)_").discover(root)
    assert found.rejections[0].file == "gut/strange.png"
    assert "finds no subject in it" in found.rejections[0].reason


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"subject_pattern: '\(' is not a regular expression"):
        adapter("(")


def test_official_sets(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        for label in "ab":
            save(tmp_path / part / label / f"{part}{label}.jpg")
    found = adapter().discover(tmp_path)
    assert {record.subject_id.split("__")[0]: record.official for record in found.records} == {
        "train": "training", "val": "training", "test": "test"
    }  # fmt: skip
    assert {record.label for record in found.records} == {"a", "b"}
    for part in ("train", "test"):
        save(tmp_path / part / "a" / "same.jpg")
    found = adapter(r"same|\w+(?=\.)").discover(tmp_path)
    assert [rejection.reason for rejection in found.rejections] == [
        "subject same is in the training and in the test set"
    ]


@pytest.mark.parametrize(
    ("name", "mode", "shape"),
    [("a.png", "RGBA", (9, 12, 3)), ("a.png", "P", (9, 12, 3)), ("a.jpg", "CMYK", (9, 12, 3)),
     ("a.tiff", "L", (9, 12)), ("a.png", "1", (9, 12))],
)  # fmt: skip
def test_kinds_of_pictures(tmp_path: Path, name: str, mode: str, shape: tuple[int, ...]) -> None:
    save(tmp_path / "x" / name, mode)
    save(tmp_path / "y" / "b.png")
    record = adapter().discover(tmp_path).records[0]
    (image,) = adapter().read(record)
    assert image.array.dtype == np.uint8
    assert image.array.shape == shape


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nshort", b"no picture"])
def test_damaged_pictures(root: Path, content: bytes) -> None:
    path = root / "gut" / "sub" / "gut1_a.PNG"
    path.write_bytes(content)
    record = next(record for record in adapter().discover(root).records if "gut1_a" in record.subject_id)
    with pytest.raises(ImageError, match="gut/sub/gut1_a.PNG"):
        list(adapter().read(record))


def busi(root: Path) -> Path:
    """Write pictures with their masks beside them, as the data set of breast ultrasound is unpacked."""
    for label in ("benign", "malignant"):
        for number in (1, 2):
            save(root / label / f"{label} ({number}).png")
            save(root / label / f"{label} ({number})_mask.png")
    save(root / "benign" / "benign (1)_mask_1.png")
    return root


@pytest.mark.parametrize("pattern", [None, r"^(?P<subject>\w+ \(\d+\))\.png$", r"(\w+ \(\d+\))"])
def test_masks_beside_their_pictures_are_no_subjects(tmp_path: Path, pattern: str | None) -> None:
    found = adapter(pattern).discover(busi(tmp_path))
    assert [len(one.items) for one in found.records] == [1, 1, 1, 1]
    assert not found.rejections
    assert {one.file for one in found.remarks} == {
        "benign/benign (1)_mask.png", "benign/benign (1)_mask_1.png", "benign/benign (2)_mask.png",
        "malignant/malignant (1)_mask.png", "malignant/malignant (2)_mask.png",
    }  # fmt: skip
    assert {(one.kind, one.text.split(":")[0]) for one in found.remarks} == {("not read", "a mask by its name")}


def test_masks_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(files: list[str]) -> dict[str, str]:
        asked.append(len(files))
        return {}

    monkeypatch.setattr(image_folder, "masks", counted)
    adapter().discover(busi(tmp_path))
    assert asked == [9, 9]  # to see whether it is such a folder, and to read it: never once a file


@pytest.mark.parametrize(
    ("include", "n"), [(["*.png"], 4), (["benign", "malignant"], 4), (["*", "*_mask*"], 9), (["*_mask.png"], 4)]
)
def test_masks_are_read_where_a_pattern_means_them(tmp_path: Path, include: list[str], n: int) -> None:
    found = ImageFolderAdapter(None, {"include": include}).discover(busi(tmp_path))
    assert (len(found.records), len(found.records) + len(found.remarks)) == (n, 9)


def test_excluded_pictures_need_no_subject(tmp_path: Path) -> None:
    root = busi(tmp_path)
    save(root / "benign" / "overview.png")
    options = {"subject_pattern": r"(\w+ \(\d+\))", "exclude": ["overview*"]}
    found = ImageFolderAdapter(None, options).discover(root)
    assert not found.rejections
    assert ("benign/overview.png", "left out by `exclude`: overview*") in {
        (one.file, one.text) for one in found.remarks
    }
    found = ImageFolderAdapter(None, {"include": ["benign (1).png", "malignant (2).png"]}).discover(root)
    assert [one.subject_id for one in found.records] == ["benign__benign (1).png", "malignant__malignant (2).png"]


def test_classes_whose_folders_differ_by_case(tmp_path: Path) -> None:
    for part, label in (("train", "Benign"), ("train", "x"), ("test", "benign"), ("test", "x")):
        save(tmp_path / part / label / f"{part}.png")
    with pytest.raises(CohortError, match="has the classes 'benign' .* and 'Benign' .*: they differ by case"):
        adapter().discover(tmp_path)
    merged = ImageFolderAdapter(None, {"classes": {"b": ["Benign", "benign"], "x": ["x"]}}).discover(tmp_path)
    assert {one.label for one in merged.records} == {"Benign", "benign", "x"}


def test_names_never_collide(tmp_path: Path) -> None:
    for file in ("a/b__c.png", "a__b/c.png", "x/y.png"):
        save(tmp_path / file)
    found = adapter().discover(tmp_path)
    assert sorted(one.subject_id for one in found.records) == ["a___b__c.png", "a__b__c.png", "x__y.png"]


def test_a_set_of_one_class_beside_others(tmp_path: Path) -> None:
    for file in ("train/a/1.png", "train/b/2.png", "test/a/3.png"):
        save(tmp_path / file)
    found = adapter().discover(tmp_path)
    assert [(one.label, one.official) for one in found.records] == [("a", "test"), ("a", "training"), ("b", "training")]


def test_hidden_folders_are_not_looked_at(root: Path) -> None:
    save(root / "gut" / ".ipynb_checkpoints" / "x.png")
    assert len(adapter().discover(root).records) == 8


def test_one_class_is_no_cohort(tmp_path: Path) -> None:
    save(tmp_path / "only" / "a.png")
    with pytest.raises(CohortError, match="holds no two folders"):
        adapter().discover(tmp_path)
