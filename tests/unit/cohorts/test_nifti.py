import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff

from sixgig.cohorts.nifti import read_channels, read_frame, read_stacked
from sixgig.errors import ImageError
from tests.unit.cohorts.tiny_nifti import LPS, save_nifti

ARRAY = np.random.default_rng(0).integers(1, 1000, (5, 6, 7)).astype(np.int16)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PSR", "SRA", "ILP"])
def test_same_voxels_and_spacing_as_nibabel(tmp_path: Path, codes: str) -> None:
    affine = inv_ornt_aff(axcodes2ornt(tuple(codes)), ARRAY.shape)
    affine[:3, :3] *= [[2.0, 3.0, 4.0]]  # voxel sizes of the stored axes
    save_nifti(tmp_path / "a.nii.gz", ARRAY, affine)
    array, spacing = read_channels([tmp_path / "a.nii.gz"])
    expected = nib.as_closest_canonical(nib.load(tmp_path / "a.nii.gz"))
    assert np.array_equal(array[..., 0], expected.get_fdata())
    assert spacing == pytest.approx(expected.header.get_zooms())
    steps = [abs(step) for step in array.strides[:3]]
    assert steps == [2, 2 * array.shape[0], 2 * array.shape[0] * array.shape[1]]  # X fastest, forwards or backwards


def test_scaling_of_the_header_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ARRAY, np.eye(4))
    image.header.set_slope_inter(0.5, -3.0)
    image.to_filename(tmp_path / "a.nii")
    array, _ = read_channels([tmp_path / "a.nii"])
    assert np.allclose(array[..., 0], nib.load(tmp_path / "a.nii").get_fdata())
    assert not np.array_equal(array[..., 0], ARRAY)


def test_other_containers(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(ARRAY[..., None].astype(np.float64), np.eye(4)), tmp_path / "a.nii")
    assert np.array_equal(read_channels([tmp_path / "a.nii"])[0][..., 0], ARRAY)


def _floats(value: float) -> np.ndarray:
    array = ARRAY.astype(np.float64)
    array[2, 2, 2] = value
    return array


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (_floats(np.nan), "holds NaN in 1 voxels inside, and none around it"),
        (_floats(np.inf), "holds infinite voxels"),
        (_floats(1e300), "holds infinite voxels"),
        (np.full((4, 4, 4), np.nan), "holds NaN in every voxel"),
        (np.full((4, 4, 4), 7, np.int16), "is constant: every voxel is 7"),
        (np.zeros((4, 4, 4, 2), np.int16), "not three dimensions"),
        (np.zeros((4, 4), np.int16), "not three dimensions"),
        (np.ones((4, 4, 4), np.complex64), "not numbers"),
    ],
)
def test_unusable_voxels(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    save_nifti(tmp_path / "a.nii.gz", array)
    with pytest.raises(ImageError, match=reason):
        read_channels([tmp_path / "a.nii.gz"])


def _packed() -> bytes:
    return gzip.compress(nib.Nifti1Image(ARRAY, np.eye(4)).to_bytes(), mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text, not an image",
        _packed()[:-9],  # truncated
        _packed()[:-8] + b"\0\0\0\0" + _packed()[-4:],  # wrong checksum
        gzip.compress(gzip.decompress(_packed())[:600]),  # voxels missing
        gzip.compress(gzip.decompress(_packed()).replace(b"n+1", b"xyz")),  # wrong magic
    ],
)
def test_damaged_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.nii.gz").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.nii\.gz: "):
        read_channels([tmp_path / "a.nii.gz"])


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        read_channels([tmp_path / "a.nii.gz"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 351), value=st.integers(0, 255))
def test_a_damaged_header_byte_never_raises_anything_else(tmp_path: Path, position: int, value: int) -> None:
    data = bytearray(gzip.decompress(_packed()))
    data[position] = value
    (tmp_path / "a.nii").write_bytes(data)
    try:
        array, spacing = read_channels([tmp_path / "a.nii"])
    except ImageError:
        return
    assert np.isfinite(array).all()
    assert min(spacing) > 0


def test_a_slightly_oblique_volume_is_read_along_its_nearest_axes(tmp_path: Path) -> None:
    angle = np.deg2rad(12)
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    save_nifti(tmp_path / "a.nii", ARRAY, turned @ np.diag([-1, -1, 1, 1]))
    array, spacing = read_channels([tmp_path / "a.nii"])
    assert np.array_equal(array[..., 0], ARRAY[::-1, ::-1])
    assert spacing == pytest.approx((1, 1, 1))


def test_channels_of_one_layout_are_not_copied(tmp_path: Path) -> None:
    """They are unpacked into one piece of memory; other layouts give the same voxels by a copy."""
    arrays = [np.random.default_rng(number).integers(-99, 99, (6, 5, 4)).astype(np.int16) for number in range(3)]
    files = [tmp_path / f"{number}.nii.gz" for number in range(3)]
    for path, array in zip(files, arrays, strict=True):
        save_nifti(path, array[::-1, ::-1], LPS)
    together, _ = read_channels(files)
    assert together.strides[0] == -2
    assert together.strides[3] >= 6 * 5 * 4 * 2 + 352
    assert np.array_equal(together, np.stack(arrays, axis=-1))
    save_nifti(files[1], arrays[1][::-1, ::-1].astype(np.float64), LPS)
    copied, _ = read_channels(files)
    assert copied.dtype == np.float32
    assert np.array_equal(copied, together)


def test_modalities_stored_along_other_axes_lie_voxel_on_voxel(tmp_path: Path) -> None:
    there = np.eye(4)
    there[:3, 3] = (3.0, -20.0, 7.0)
    turned = there.copy()
    turned[0, 0], turned[0, 3] = -1.0, 3.0 + ARRAY.shape[0] - 1
    save_nifti(tmp_path / "a.nii", ARRAY, there)
    save_nifti(tmp_path / "b.nii", ARRAY[::-1], turned)
    array, _ = read_channels([tmp_path / "a.nii", tmp_path / "b.nii"])
    assert np.array_equal(array[..., 0], array[..., 1])
    turned[0, 3] += 4
    save_nifti(tmp_path / "b.nii", ARRAY[::-1], turned)
    with pytest.raises(ImageError, match=r"b\.nii: lies up to 4\.0 mm from a\.nii"):
        read_channels([tmp_path / "a.nii", tmp_path / "b.nii"])


@pytest.mark.parametrize(
    ("array", "zooms", "reason"),
    [
        (ARRAY[:-1], (1, 1, 1), r"shape \(4, 6, 7\) and voxel size 1 x 1 x 1 mm differ from a\.nii: \(5, 6, 7\)"),
        (ARRAY, (1, 1, 2), r"shape \(5, 6, 7\) and voxel size 1 x 1 x 2 mm differ from a\.nii"),
    ],
)
def test_modalities_of_two_grids_are_refused(
    tmp_path: Path, array: np.ndarray, zooms: tuple[int, int, int], reason: str
) -> None:
    save_nifti(tmp_path / "a.nii", ARRAY)
    save_nifti(tmp_path / "b.nii", array, np.diag([*map(float, zooms), 1.0]))
    with pytest.raises(ImageError, match=rf"b\.nii: {reason}"):
        read_channels([tmp_path / "a.nii", tmp_path / "b.nii"])


def test_modalities_at_two_places_are_refused(tmp_path: Path) -> None:
    moved = np.eye(4)
    moved[0, 3] = 20.0
    save_nifti(tmp_path / "a.nii", ARRAY, np.eye(4))
    save_nifti(tmp_path / "b.nii", ARRAY, moved)
    with pytest.raises(ImageError, match=r"b\.nii: lies up to 20\.0 mm from a\.nii"):
        read_channels([tmp_path / "a.nii", tmp_path / "b.nii"])


def test_frames_and_channels_of_a_4d_file(tmp_path: Path) -> None:
    cine = np.random.default_rng(2).integers(1, 99, (4, 5, 3, 6)).astype(np.int16)
    save_nifti(tmp_path / "cine.nii.gz", cine)
    array, _ = read_frame(tmp_path / "cine.nii.gz", 4)
    assert np.array_equal(array[..., 0], cine[..., 4])
    array, _ = read_stacked(tmp_path / "cine.nii.gz", (5, 0))
    assert np.array_equal(array, cine[..., [5, 0]])
    save_nifti(tmp_path / "singleton.nii.gz", cine[..., None, None])
    assert np.array_equal(read_stacked(tmp_path / "singleton.nii.gz", (5, 0))[0], array)
    with pytest.raises(ImageError, match="has 6 volumes, and number 7 was asked for"):
        read_frame(tmp_path / "cine.nii.gz", 6)
    save_nifti(tmp_path / "flat.nii.gz", cine[..., 0])
    with pytest.raises(ImageError, match="not four dimensions"):
        read_frame(tmp_path / "flat.nii.gz", 0)
