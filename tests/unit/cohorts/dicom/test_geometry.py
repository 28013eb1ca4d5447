"""Where slices lie: every orientation, tilted gantries, sizes that are missing or that contradict each other."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.base import Volume
from sixgig.errors import ImageError
from tests.unit.cohorts.dicom.tiny_dicom import noise, write_series


def read(root: Path) -> Volume:
    adapter = DicomAdapter()
    (record,) = adapter.discover(root).records
    (volume,) = adapter.read(record)
    assert isinstance(volume, Volume)
    return volume


def said(volume: Volume) -> list[str]:
    assert {remark.kind for remark in volume.remarks} <= {"geometry"}
    return [remark.text for remark in volume.remarks]


def test_all_48_orientations_agree_with_simpleitk(tmp_path: Path) -> None:
    """Axes in any order and sign, slices in either order, oblique by 12 degrees, unequal pixels."""
    turn = np.radians(12)
    oblique = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    ways = itertools.product(itertools.permutations(range(3), 2), itertools.product((1, -1), repeat=2), (1, -1))
    for number, (axes, signs, sense) in enumerate(ways):
        row, column = (oblique @ (np.eye(3)[axis] * sign) for axis, sign in zip(axes, signs, strict=True))
        folder = tmp_path / str(number)
        write_series(folder, values=noise(number), directions=(*row, *column), step=2.5 * sense * np.cross(row, column),
                     PixelSpacing=[0.5, 0.8])  # fmt: skip
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        image = sitk.DICOMOrient(reader.Execute(), "LPS")
        volume = read(folder)
        expected = sitk.GetArrayFromImage(image).transpose(2, 1, 0)[::-1, ::-1]
        assert np.array_equal(volume.array[..., 0], expected), (axes, signs, sense)
        assert volume.spacing == pytest.approx(image.GetSpacing())
        assert said(volume) == ["lies oblique by 12 degrees: its axes were taken for the nearest ones of the body"]
    assert number == 47


def _tilted(degrees: float, sense: int = 1, size: tuple[int, int, int] = (60, 24, 12)) -> tuple[Any, np.ndarray]:
    """Directions of slices that are tilted around the patient's x axis, and where their voxels are in the patient."""
    turn = np.radians(degrees) * sense
    directions = (1, 0, 0, 0, np.cos(turn), -np.sin(turn))
    rows, columns, slices = np.meshgrid(*map(np.arange, size), indexing="ij")
    place = np.stack([columns, rows * np.cos(turn), 5.0 * slices - rows * np.sin(turn)], axis=-1)
    return directions, place


@pytest.mark.parametrize("sense", [1, -1])
def test_a_tilted_gantry_is_sheared_back(tmp_path: Path, sense: int) -> None:
    """A ball of 14 mm radius, scanned with slices that are tilted by 20 degrees and a table that moves along z."""
    directions, place = _tilted(20, sense)
    middle = place.reshape(-1, 3).mean(axis=0)
    ball = (np.linalg.norm(place - middle, axis=-1) < 14).astype(np.int16) * 1000
    write_series(tmp_path, values=ball, directions=directions, step=(0, 0, 5))
    volume = read(tmp_path)
    assert volume.spacing == pytest.approx((1, 1, 5 * np.cos(np.radians(20))))
    assert volume.array.shape == (24, 60 + 19, 12, 1)
    assert said(volume) == [
        "its slices are sheared by 20.0 degrees (a tilted gantry), 18.8 mm over 12 slices: each was moved back to "
        "where it was taken",
        "lies oblique by 20 degrees: its axes were taken for the nearest ones of the body",
    ]  # fmt: skip
    weights = volume.array[..., 0].astype(float)
    voxels = np.stack(np.meshgrid(*map(np.arange, weights.shape), indexing="ij"), axis=-1) * volume.spacing
    middle = (weights[..., None] * voxels).sum((0, 1, 2)) / weights.sum()
    away = voxels - middle
    spread = (weights[..., None, None] * away[..., :, None] * away[..., None, :]).sum((0, 1, 2)) / weights.sum()
    # A ball is as wide in every direction, and leans nowhere: when sheared, y and z are tied to each other.
    assert abs(spread[1, 2]) < 0.04 * spread[1, 1]
    assert spread[1, 1] == pytest.approx(spread[0, 0], rel=0.2)  # x is cut off at the edges, a little


def test_a_straight_rod_comes_out_straight_and_at_its_angle(tmp_path: Path) -> None:
    """A rod along the patient's z goes through the slices in a straight line, at the angle of the gantry."""
    directions, place = _tilted(20)
    rod = (1000 * np.exp(-((place[..., 1] - 30) ** 2) / 2)).astype(np.int16)
    write_series(tmp_path, values=rod, directions=directions, step=(0, 0, 5))
    volume = read(tmp_path)
    profile = volume.array[12, :, :, 0].astype(float)
    middle = (profile * np.arange(len(profile))[:, None]).sum(0) / profile.sum(0) * volume.spacing[1]
    height = np.arange(profile.shape[1]) * volume.spacing[2]
    slope, _ = np.polyfit(height, middle, 1)
    assert np.abs(middle - np.polyval(np.polyfit(height, middle, 1), height)).max() < 0.02
    assert np.degrees(np.arctan(abs(slope))) == pytest.approx(20, abs=0.1)


def test_whole_pixels_are_moved_without_interpolation(tmp_path: Path) -> None:
    """Slices that lie by two pixels further along a row each; what no slice covers has the least value."""
    values = noise(1, (5, 6, 4))
    write_series(tmp_path, values=values, step=(2, 0, 4))
    volume = read(tmp_path)
    assert volume.array.shape == (6 + 6, 5, 4, 1)
    expected = np.full((5, 12, 4), values.min())
    for z in range(4):
        expected[:, 2 * z : 2 * z + 6, z] = values[..., z]
    assert np.array_equal(volume.array[..., 0], expected.transpose(1, 0, 2)[::-1, ::-1])
    assert said(volume)[0].startswith("its slices are sheared by 26.6 degrees (a tilted gantry), 6.0 mm over 4 slices")


def test_half_a_pixel_in_all_is_no_tilt(tmp_path: Path) -> None:
    write_series(tmp_path, values=noise(1), step=(0.1, 0, 3))
    volume = read(tmp_path)
    assert volume.array.shape == (5, 6, 4, 1)
    assert said(volume) == []


def test_slices_that_wander_off(tmp_path: Path) -> None:
    write_series(tmp_path, step=(40, 0, 3))
    with pytest.raises(ImageError, match="its slices drift by 120 mm, more than their own size"):
        read(tmp_path)


@pytest.mark.parametrize(("degrees", "remarks"), [(4, []), (6, ["lies oblique by 6 degrees"])])
def test_oblique_beyond_a_few_degrees(tmp_path: Path, degrees: float, remarks: list[str]) -> None:
    turn = np.radians(degrees)
    write_series(tmp_path, directions=(np.cos(turn), np.sin(turn), 0, -np.sin(turn), np.cos(turn), 0))
    assert [text.partition(":")[0] for text in said(read(tmp_path))] == remarks


@pytest.mark.parametrize(
    ("tags", "spacing", "remark"),
    [
        ({"SpacingBetweenSlices": 3.1}, (1, 1, 3), ""),
        ({"SpacingBetweenSlices": -3}, (1, 1, 3), ""),
        ({"SpacingBetweenSlices": 1, "SliceThickness": 2}, (1, 1, 3),
         "its SpacingBetweenSlices is 1 mm, and its slices lie 3 mm apart: the latter was taken"),
        ({"PixelSpacing": ..., "ImagerPixelSpacing": [0.4, 0.3]}, (0.3, 0.4, 3),
         "has no PixelSpacing: ImagerPixelSpacing was taken, which is not corrected for magnification"),
        ({"PixelSpacing": ...}, (1, 1, 3), "has no size of a pixel: taken as 1 mm by 1 mm"),
        ({"PixelSpacing": [0, 0]}, (1, 1, 3), "has no size of a pixel: taken as 1 mm by 1 mm"),
    ],
)  # fmt: skip
def test_sizes_that_are_missing_or_contradict_each_other(
    tmp_path: Path, tags: dict[str, Any], spacing: tuple[float, ...], remark: str
) -> None:
    write_series(tmp_path, **tags)
    volume = read(tmp_path)
    assert volume.spacing == spacing
    assert said(volume) == ([remark] if remark else [])


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_slices_without_a_place(tmp_path: Path, tag: str) -> None:
    write_series(tmp_path, **{tag: ...})
    (rejection,) = DicomAdapter().discover(tmp_path).rejections
    assert rejection.subject_id == "p1"
    assert rejection.reason == "has no position or direction (ImagePositionPatient, ImageOrientationPatient)"


def test_directions_that_are_none(tmp_path: Path) -> None:
    write_series(tmp_path, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    assert "no position or direction" in DicomAdapter().discover(tmp_path).rejections[0].reason
