import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
