import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.cohorts.adapters.medmnist import MedMnistAdapter
from sixgig.cohorts.base import Image2D, Volume
from sixgig.errors import CohortError, ImageError

SIZES = {"train": 5, "val": 2, "test": 3}


def arrays(shape: tuple[int, ...] = (28, 28)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found: dict[str, np.ndarray] = {}
    for part, n in SIZES.items():
        found[f"{part}_images"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        found[f"{part}_labels"] = (np.arange(n) % 2)[:, None].astype(np.uint8)
    return found


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (64, 64, 3)])
def test_images_names_and_sets(tmp_path: Path, save: Callable[..., None], shape: tuple[int, ...]) -> None:
    data = arrays(shape)
    save(tmp_path / "pneumoniamnist_64.npz", **data)
    adapter = MedMnistAdapter()
    found = adapter.discover(tmp_path)
    assert [record.official for record in found.records] == ["training"] * 7 + ["test"] * 3
    assert [record.label for record in found.records[:2]] == ["normal", "pneumonia"]
    # Out of order, as workers ask for them.
    for index in (9, 0, 3, 1):
        record = found.records[index]
        (image,) = adapter.read(record)
        part, number = record.subject_id.split("_")
        assert isinstance(image, Image2D)
        assert image.array.shape == ((28, 28) if shape[0] == 28 else shape)
        assert np.array_equal(image.array, data[f"{part}_images"][int(number)].squeeze())


def test_a_volume_shows_as_it_lies_in_the_file(tmp_path: Path) -> None:
    from sixgig.cohorts.recipe import Recipe
    from sixgig.cohorts.volumes import planes_of

    data = arrays((28, 28, 28))
    np.savez(tmp_path / "nodulemnist3d.npz", **data)
    adapter = MedMnistAdapter(None, {"dimensions": 3})
    record = adapter.discover(tmp_path).records[1]
    assert record.label == "malignant"
    (volume,) = adapter.read(record)
    assert isinstance(volume, Volume)
    picture = planes_of(volume, Recipe(28)).picture(10, 28)[..., 0].astype(float)
    stored = data["train_images"][1][10].astype(float)
    assert np.corrcoef(picture.ravel(), stored.ravel())[0, 1] > 0.999


def test_unknown_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **arrays())
    assert {record.label for record in MedMnistAdapter().discover(tmp_path).records} == {"class 0", "class 1"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.zeros((5, 14), np.uint8)}, "gives each image 14 labels at once"),
        ({"train_labels": np.zeros((4, 1), np.uint8)}, "has 5 train images and 4 labels"),
        ({"val_images": np.zeros((2, 28, 28), np.float32)}, "val_images is float32"),
        ({"test_labels": np.full((3, 1), 0.5)}, "test_labels are float64"),
        ({"train_images": np.zeros((5, 28, 28, 28), np.uint8)}, "holds 3D images\n.*set `dimensions: 3`"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, change: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **(arrays() | change))
    with pytest.raises(CohortError, match=message):
        MedMnistAdapter().discover(tmp_path)


def test_missing_arrays_and_damage(tmp_path: Path) -> None:
    data = arrays()
    del data["val_labels"]
    np.savez(tmp_path / "x.npz", **data)
    assert MedMnistAdapter().missing(tmp_path) == [f"{tmp_path / 'x.npz'} lacks val_labels.npy"]
    (tmp_path / "x.npz").write_bytes(b"damaged")
    assert "is damaged" in MedMnistAdapter().missing(tmp_path)[0]
    (tmp_path / "y.npz").write_bytes(b"")
    assert "does not hold exactly one" in MedMnistAdapter().missing(tmp_path)[0]


@pytest.mark.parametrize(
    ("shape", "dimensions"),
    [((28, 28, 1), 2), ((1, 28, 28), 2), ((9, 28, 28, 1), 3), ((1, 9, 28, 28), 3), ((9, 28, 28), 3), ((30, 20), 2)],
)
def test_an_axis_of_length_one_is_no_depth(tmp_path: Path, shape: tuple[int, ...], dimensions: int) -> None:
    data = arrays(shape)
    np.savez(tmp_path / "pneumoniamnist.npz", **data)
    adapter = MedMnistAdapter(None, {"dimensions": dimensions})
    record = adapter.discover(tmp_path).records[1]
    (image,) = adapter.read(record)
    stored = data["train_images"][1].squeeze()
    if dimensions == 2:
        assert np.array_equal(image.array, stored)
    else:
        assert np.array_equal(image.array[..., 0].transpose(2, 1, 0)[:, ::-1], stored)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (np.array([0, 1, 0, 1, 0.0]), ["normal", "pneumonia", "normal", "pneumonia", "normal"]),
        (np.array([[0.0], [1], [np.nan], [1], [0]]), ["normal", "pneumonia", None, "pneumonia", "normal"]),
        (np.array([True, False, True, False, True]), ["pneumonia", "normal", "pneumonia", "normal", "pneumonia"]),
        (np.array([0, 1, 0, 1, 0], np.uint64), ["normal", "pneumonia", "normal", "pneumonia", "normal"]),
        (np.array([[[0]], [[1]], [[0]], [[1]], [[0]]]), ["normal", "pneumonia", "normal", "pneumonia", "normal"]),
    ],
)
def test_labels_of_other_types(tmp_path: Path, values: np.ndarray, classes: list[str | None]) -> None:
    np.savez(tmp_path / "pneumoniamnist.npz", **(arrays() | {"train_labels": values}))
    found = MedMnistAdapter().discover(tmp_path)
    assert [one.label for one in found.records[:5]] == classes


def test_labels_that_are_names(tmp_path: Path) -> None:
    data = arrays()
    for part in SIZES:
        data[f"{part}_labels"] = np.array(["ill", "well"])[data[f"{part}_labels"]]
    data["train_labels"][4] = "n/a"
    np.savez(tmp_path / "mine.npz", **data)
    assert [one.label for one in MedMnistAdapter().discover(tmp_path).records[:5]] == [
        "ill",
        "well",
        "ill",
        "well",
        None,
    ]


def test_one_class_more_than_the_published(tmp_path: Path) -> None:
    np.savez(tmp_path / "pneumoniamnist.npz", **(arrays() | {"test_labels": np.array([0, 1, 2])}))
    found = MedMnistAdapter().discover(tmp_path)
    assert {one.label for one in found.records} == {"class 0", "class 1", "class 2"}
    assert [(one.kind, one.text[:13]) for one in found.remarks] == [("label", "has a class 2")]


def test_sets_that_are_not_there_and_arrays_that_are_not_read(tmp_path: Path) -> None:
    data = {name: array for name, array in arrays().items() if not name.startswith("val")}
    np.savez(tmp_path / "x.npz", **data, patient_ids=np.arange(8))
    found = MedMnistAdapter().discover(tmp_path)
    assert [one.official for one in found.records] == ["training"] * 5 + ["test"] * 3
    assert [(one.kind, one.file) for one in found.remarks] == [("not read", "x.npz:patient_ids")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.eye(5)}, r"gives each image 5 labels at once in train_labels\n.*argmax"),
        ({"train_labels": np.array([0, 1, -1, 0, 1])}, "not class numbers: one is -1"),
        ({"train_labels": np.array([0, 1, np.inf, 0, 1])}, "not class numbers: one is inf"),
        ({"train_labels": np.array(["a", "b", "a", "b", "a"])}, r"are numbers \(0\) and text \('a'\)"),
        ({"train_labels": np.array([None] * 5)}, "train_labels cannot be read: Object arrays"),
        ({"train_images": np.array([None] * 5)}, r"train_images is object \[5\], not images"),
        ({"train_images": np.zeros((5, 3, 28, 28), np.uint8)}, "images with the channels first"),
        ({"train_images": np.zeros((5, 28, 28, 4), np.uint8)}, "images of 4 channels"),
        ({"train_images": np.zeros((5, 9, 28, 28, 3), np.uint8)}, "volumes of several channels"),
        ({"train_images": np.zeros((5, 0, 28), np.uint8)}, "not uint8 images"),
        ({"train_images": np.uint8(3)}, "not images"),
        ({"train_images": np.asfortranarray(np.zeros((5, 28, 28), np.uint8))}, "is stored column by column"),
    ],
)
def test_files_of_ones_own_that_are_refused(tmp_path: Path, change: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **(arrays() | change))
    with pytest.raises(CohortError, match=message):
        MedMnistAdapter().discover(tmp_path)


@pytest.mark.parametrize("place", [8, 6], ids=["compression", "encryption"])
def test_a_zip_that_cannot_be_unpacked(tmp_path: Path, place: int) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **arrays())
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = content.find(mark)
        while at >= 0:
            content[at + place + shift] = 97 if place == 8 else 1
            at = content.find(mark, at + 4)
    path.write_bytes(content)
    with pytest.raises(CohortError, match=r"x\.npz: train_labels cannot be read: "):
        MedMnistAdapter().discover(tmp_path)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_damaged_is_refused(
    tmp_path: Path, save: Callable[..., None], changes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "x.npz"
    save(path, **{name: array[:2, :8] for name, array in arrays((8, 8)).items()})
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content)
    adapter = MedMnistAdapter()
    with contextlib.suppress(CohortError):  # ImageError is one
        for record in adapter.discover(path).records:
            assert next(adapter.read(record)).array.shape == (8, 8)


def test_constant_and_cut_images_go_to_quarantine(tmp_path: Path) -> None:
    data = arrays()
    data["train_images"][2] = 7
    np.savez(tmp_path / "x.npz", **data)
    adapter = MedMnistAdapter()
    record = adapter.discover(tmp_path).records[2]
    with pytest.raises(ImageError, match=r"train_images\.npy/2: is constant"):
        list(adapter.read(record))
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["test_images.npy"] = members["test_images.npy"][:-100]
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    records = adapter.discover(tmp_path).records
    with pytest.raises(ImageError, match=r"test_images\.npy/2: cannot be read: the file ends early"):
        list(adapter.read(records[-1]))
