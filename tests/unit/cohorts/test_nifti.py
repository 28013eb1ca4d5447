import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff
from tiny_nifti import save_nifti

from sixgig.cohorts.nifti import read_channels
from sixgig.errors import ImageError

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
    assert array[:, :, 2, 0].flags.f_contiguous


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
        (_floats(np.nan), "holds NaN or infinite voxels"),
        (_floats(np.inf), "holds NaN or infinite voxels"),
        (_floats(1e300), "holds NaN or infinite voxels"),
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
