"""In which plane volumes are sliced, how their pictures lie, and what becomes of doubts about geometry."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.cohorts.adapters.table import TableAdapter
from sixgig.cohorts.base import Volume
from sixgig.cohorts.normalisation import Normalisation
from sixgig.cohorts.options import read_options
from sixgig.cohorts.planes import choose_plane, doubt_about_plane, turn
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import prepare_subject
from sixgig.cohorts.volumes import planes_of, prepare_volume
from sixgig.errors import ConfigError
from sixgig.tables.planes import BY_NORMAL, CUTS, MARKS, letter, plane_of
from tests.unit.cohorts.tiny_nifti import save_nifti

SIDES = {"R": (0, 1), "L": (0, 0), "A": (1, 1), "P": (1, 0), "S": (2, 1), "I": (2, 0)}


def bright_at(side: str, shape: tuple[int, int, int] = (10, 12, 14)) -> Volume:
    """A volume that is bright at one side of the body."""
    axis, end = SIDES[side]
    array = np.zeros((*shape, 1), np.float32)
    np.moveaxis(array, axis, 0)[-3:] = 1
    array = array if end else np.flip(array, axis)
    return Volume(array, (1.0, 1.0, 1.0), "v", None, ("a.nii",))


def edges(picture: np.ndarray) -> dict[int, float]:
    """Mean of the middle of the top, bottom, left and right edge."""
    rows, columns = picture.shape
    middle_rows, middle_columns = slice(rows // 2 - 1, rows // 2 + 1), slice(columns // 2 - 1, columns // 2 + 1)
    return {
        0: float(picture[0, middle_columns].mean()),
        1: float(picture[-1, middle_columns].mean()),
        2: float(picture[middle_rows, 0].mean()),
        3: float(picture[middle_rows, -1].mean()),
    }


@pytest.mark.parametrize("plane", BY_NORMAL)
@pytest.mark.parametrize("side", SIDES)
def test_pictures_and_cuts_lie_as_their_letters_say(plane: str, side: str) -> None:
    # A cube, so that no edge of a picture is padding.
    volume = bright_at(side, (12, 12, 12))
    recipe = Recipe(12, volume_size=(12, 12, 12), plane=plane, crop="none")  # type: ignore[arg-type]
    prepared = prepare_volume(volume, recipe)
    assert prepared.plane == plane
    assert prepared.resampled is not None
    voxels = prepared.resampled[..., 0].astype(float)
    shown = [voxels[6], voxels[::-1, 6], voxels[::-1, :, 6]]
    assert np.allclose(prepared.slices[6 - int(12 * 0.05)].picture[..., 0] / 255, shown[0], atol=0.01)
    for picture, marks, cut in zip(shown, MARKS[plane], CUTS[plane], strict=True):
        place = marks.find(side)
        if place < 0:  # this side is in front of the picture or behind it
            assert BY_NORMAL[SIDES[side][0]] == cut
            assert picture.max() == 0
            continue
        found = edges(picture)
        assert found.pop(place) > 0.9
        assert max(value for other, value in found.items() if other == place ^ 1) == 0


def test_slices_are_counted_along_the_axis_that_their_name_has() -> None:
    array = np.zeros((8, 9, 10, 1), np.float32)
    array[5, 6, 7] = 1
    volume = Volume(array, (1.0, 1.0, 1.0), "v", None, ("a.nii",))
    for plane, index in (("sagittal", 5), ("coronal", 6), ("axial", 7)):
        recipe = Recipe(10, plane=plane, partitions=2, normalisation=Normalisation("window", 0, 1))  # type: ignore[arg-type]
        prepared = prepare_volume(volume, recipe)
        assert [one.place for one in prepared.slices if one.picture.max() > 100] == [index]
        assert [one.place for one in prepared.slices] == list(range(array.shape["xyz".index(letter(prepared.plane))]))
        assert prepared.slices[index].partition == 1
        assert prepared.slices[0].partition == 0


def test_crops_and_aspect_are_those_of_the_plane() -> None:
    array = np.zeros((10, 40, 30, 1), np.float32)
    array[2:8, 5:35, 3:27] = np.random.default_rng(0).uniform(1, 2, (6, 30, 24, 1))
    volume = Volume(array, (4.0, 0.5, 1.0), "v", None, ("a.nii",))
    cropped = planes_of(volume, Recipe(16, plane="sagittal", foreground="nonzero"))
    assert cropped.array.shape == (30, 24, 6, 1)  # y, z, x
    assert (cropped.first_slice, cropped.spacing) == (2, (0.5, 1.0, 4.0))
    rows, columns = np.nonzero(cropped.picture(3, 48)[..., 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (48, 30)  # 24 mm high, 15 mm wide
    centre = planes_of(volume, Recipe(16, plane="sagittal", foreground="nonzero", crop="centre", crop_mm=10))
    assert centre.array.shape == (20, 10, 6, 1)
    spaced = planes_of(volume, Recipe(16, plane="acquisition", spacing=(2.0, 1.0, 0.0)))
    assert spaced.array.shape == (20, 30, 20, 1)  # still sagittal: as it was acquired


@pytest.mark.parametrize("plane", BY_NORMAL)
def test_turning_keeps_every_voxel(plane: str) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 4, 5, 2))
    turned, spacing = turn(array, (1.0, 2.0, 3.0), plane)  # type: ignore[arg-type]
    assert sorted(turned.flat) == sorted(array.flat)
    assert turned.strides[0] == array.itemsize or plane == "axial"
    assert spacing[2] == (1.0, 2.0, 3.0)[BY_NORMAL.index(plane)]


@pytest.mark.parametrize(
    ("spacing", "plane"),
    [
        ((4.0, 0.5, 0.5), "sagittal"),
        ((0.7, 5.0, 0.7), "coronal"),
        ((1.5, 1.5, 10.0), "axial"),
        ((1.2, 1.0, 1.0), "axial"),  # a 3D sequence
        ((2.0, 1.0, 1.0), "axial"),
        ((2.1, 1.0, 1.0), "sagittal"),
        ((4.0, 4.0, 0.5), "axial"),  # no thick slices
    ],
)
def test_the_plane_of_acquisition(spacing: tuple[float, float, float], plane: str) -> None:
    assert choose_plane("acquisition", spacing) == plane
    assert choose_plane(None, spacing) == choose_plane("axial", spacing) == "axial"
    assert choose_plane("coronal", spacing) == "coronal"
    doubt = doubt_about_plane(None, spacing)
    assert (doubt is None) == (plane == "axial")
    assert doubt is None or (f"acquired in {plane} slices" in doubt and "`plane: acquisition`" in doubt)
    assert doubt_about_plane("axial", spacing) is None  # it was chosen


@pytest.mark.parametrize(("name", "plane"), [("a_z012", "axial"), ("a_x0_y003", "coronal"), ("a_x1234", "sagittal")])
def test_the_plane_in_a_name(name: str, plane: str) -> None:
    assert plane_of(name) == plane
    assert plane_of(f"{name}_a") == "axial"


# Whole cohorts


@pytest.fixture
def knees(tmp_path: Path) -> Path:
    """Two sagittal knees (case 37), whose checks of 1 mm are seen in the sagittal plane alone, and one axial volume."""
    y, z = np.mgrid[:40, :40]
    checks = np.repeat(((y // 2 + z // 2) % 2 * 800 + 50).astype(np.int16)[None], 10, axis=0)
    lines = ["path,subject_id,label"]
    for name in "ab":
        save_nifti(tmp_path / "in" / f"{name}.nii.gz", checks, np.diag([4.0, 0.5, 0.5, 1.0]))
        lines.append(f"{name}.nii.gz,{name},ill")
    save_nifti(tmp_path / "in" / "c.nii.gz", checks.transpose(1, 2, 0), np.diag([0.5, 0.5, 4.0, 1.0]))
    (tmp_path / "in" / "t.csv").write_text("\n".join([*lines, "c.nii.gz,c,well"]) + "\n")
    return tmp_path / "in" / "t.csv"


def prepared(table: Path, **options: object) -> tuple[dict, pd.DataFrame, np.ndarray, dict[str, pd.DataFrame]]:
    output = table.parent.parent / "out"
    prepare_cohort(
        "table", table, output, image_size=40, options={"dimensions": 3, **options}, seed=1,
        max_quarantine_fraction=0.9, checkpoints=output.parent / "checkpoints",
    )  # fmt: skip
    tables = {name: pd.read_csv(output / f"{name}.csv") for name in ("quarantine", "remarks")}
    info = json.loads((output / "cohort.json").read_text())
    return info, pd.read_csv(output / "manifest.csv"), np.load(output / "images.npy"), tables


def test_knees_in_the_plane_of_acquisition(knees: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        info, manifest, images, tables = prepared(knees, plane="acquisition")
    assert info["planes"] == {"axial": 1, "sagittal": 2}
    assert "sliced in several planes: 1 axial, 2 sagittal" in caplog.text
    assert manifest["image_id"].tolist()[:2] == ["a_x000", "a_x001"]
    assert manifest["image_id"].tolist()[-1] == "c_z009"
    y, z = np.mgrid[:40, :40]
    checks = ((y // 2 + z // 2) % 2 * 255).astype(np.uint8)
    assert np.array_equal(images[3][..., 0], checks[::-1].T[::-1])  # anterior at the left, superior at the top
    assert len(tables["remarks"]) == len(tables["quarantine"]) == 0


def test_knees_in_axial_slices_by_default(knees: Path) -> None:
    info, manifest, _, tables = prepared(knees)
    assert (info["planes"], info["remarks"]) == ({"axial": 3}, {"geometry": 2})
    assert manifest["image_id"].str.contains("_z").all()
    assert tables["remarks"]["file"].tolist() == ["a.nii.gz", "b.nii.gz"]
    assert tables["remarks"]["remark"].nunique() == 1
    assert "was acquired in sagittal slices" in tables["remarks"]["remark"][0]


def test_strict_geometry_is_a_quarantine_in_the_same_words(knees: Path) -> None:
    said = prepared(knees)[3]["remarks"]
    info, manifest, _, tables = prepared(knees, geometry="strict")
    assert set(manifest["subject_id"]) == {"c"}
    assert info["n_quarantined"] == 2
    assert len(tables["remarks"]) == 0
    assert tables["quarantine"]["file"].tolist() == said["file"].tolist()
    assert tables["quarantine"]["reason"].tolist() == said["remark"].tolist()


def test_strict_geometry_minds_intensities_of_other_kinds_less(tmp_path: Path) -> None:
    array = np.random.default_rng(0).uniform(1, 2, (6, 6, 6))
    array[0] = np.nan
    save_nifti(tmp_path / "a.nii", array)
    (tmp_path / "t.csv").write_text("path,subject_id,label\na.nii,a,x\n")
    adapter = TableAdapter(options={"dimensions": 3})
    (record,) = adapter.discover(tmp_path / "t.csv").records
    found = prepare_subject(adapter, record, Recipe(8, geometry="strict"))
    assert [(remark.kind, remark.file, remark.subject_id) for remark in found.remarks] == [("intensity", "a.nii", "a")]
    assert found.rejections == []


def test_the_keys_are_checked() -> None:
    recipe = read_options("table", "c", {"dimensions": 3, "plane": "acquisition", "geometry": "strict"}, 32)[1]
    assert (recipe.plane, recipe.geometry) == ("acquisition", "strict")
    plain = read_options("table", "c", {"dimensions": 3}, 32)[1]
    assert (plain.plane, plain.geometry) == (None, "warn")
    with pytest.raises(ConfigError, match=r"cohorts\.c\.plane: is 'oblique'.*\n.*write axial, acquisition, sagittal"):
        read_options("table", "c", {"dimensions": 3, "plane": "oblique"}, 32)
    with pytest.raises(ConfigError, match=r"cohorts\.c\.geometry: is 'lax'"):
        read_options("table", "c", {"dimensions": 3, "geometry": "lax"}, 32)
