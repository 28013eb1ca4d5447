import gzip
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from tiny_nifti import save_nifti

from sixgig.cohorts.nifti import read_channels, read_frame, read_stacked
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


def _ras(array: np.ndarray, codes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Store RAS voxels along other axes; return them with the affine that says so, with voxels of 1 x 2 x 3 mm."""
    wanted = axcodes2ornt(codes)
    there = ornt_transform(axcodes2ornt(("R", "A", "S")), wanted)
    stored = apply_orientation(array, there)
    return stored, np.diag([1.0, 2.0, 3.0, 1.0]) @ inv_ornt_aff(there, array.shape)


CODES = [tuple(letters) for axes in itertools.permutations(["RL", "AP", "SI"]) for letters in itertools.product(*axes)]
KINDS = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "pair": nib.Nifti1Pair}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    codes=st.sampled_from(CODES),
    dtype=st.sampled_from(["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]),
    big_endian=st.booleans(),
    kind=st.sampled_from(sorted(KINDS)),
    packed=st.booleans(),
    scaling=st.sampled_from([None, (2.0, 0.0), (0.5, -7.0)]),
    singleton=st.booleans(),
)
def test_same_anatomy_same_result(
    tmp_path: Path,
    codes: tuple[str, ...],
    dtype: str,
    big_endian: bool,
    kind: str,
    packed: bool,
    scaling: tuple[float, float] | None,
    singleton: bool,
) -> None:
    """Every orientation, type, byte order, container and scaling gives the voxels that were meant."""
    anatomy = np.random.default_rng(1).integers(1, 120, (4, 5, 6))
    stored, affine = _ras(anatomy.astype(dtype), codes)
    stored = stored[..., None] if singleton else stored
    header = KINDS[kind].header_class(endianness=">" if big_endian else "<")
    header.set_data_dtype(dtype)
    image = KINDS[kind](stored, affine, header)
    if scaling is not None:
        image.header.set_slope_inter(*scaling)
    path = tmp_path / ("a.img" if kind == "pair" else "a.nii.gz" if packed else "a.nii")
    image.to_filename(path)
    slope, inter = scaling or (1.0, 0.0)
    array, spacing = read_channels([path])
    expected = np.asarray(nib.as_closest_canonical(nib.load(path)).get_fdata()).reshape(4, 5, 6)
    assert np.allclose(array[..., 0], expected, rtol=1e-6)
    assert np.allclose(expected, anatomy * slope + inter)
    assert spacing == pytest.approx((1.0, 2.0, 3.0))
    assert array.dtype == (dtype if scaling is None and np.dtype(dtype).itemsize <= 2 else np.float32)


def test_a_slightly_oblique_volume_is_read_along_its_nearest_axes(tmp_path: Path) -> None:
    angle = np.deg2rad(12)
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    save_nifti(tmp_path / "a.nii", ARRAY, turned @ np.diag([-1, -1, 1, 1]))
    array, spacing = read_channels([tmp_path / "a.nii"])
    assert np.array_equal(array[..., 0], ARRAY[::-1, ::-1])
    assert spacing == pytest.approx((1, 1, 1))


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
    with pytest.raises(ImageError, match="has 6 volumes, and number 7 is asked for"):
        read_frame(tmp_path / "cine.nii.gz", 6)
    save_nifti(tmp_path / "flat.nii.gz", cine[..., 0])
    with pytest.raises(ImageError, match="not four dimensions"):
        read_frame(tmp_path / "flat.nii.gz", 0)


NIBABEL = Path(nib.__file__).parent / "tests" / "data"


def test_images_that_nibabel_ships() -> None:
    """Files of scanners and other programs, none of which was written here."""
    for name in ("anatomical.nii", "functional.nii", "example4d.nii.gz", "example_nifti2.nii.gz"):
        expected = np.asarray(nib.as_closest_canonical(nib.load(NIBABEL / name)).dataobj)
        if expected.ndim == 3:
            array, _ = read_channels([NIBABEL / name])
            assert np.allclose(array[..., 0], expected, rtol=1e-5)
        else:
            array, _ = read_frame(NIBABEL / name, 1)
            assert np.allclose(array[..., 0], expected[..., 1], rtol=1e-5)


@pytest.mark.parametrize("kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Spm2AnalyzeImage])
def test_analyze_pairs(tmp_path: Path, kind: type) -> None:
    image = kind(ARRAY, np.diag([-2.0, 2.0, 2.0, 1.0]))
    image.to_filename(tmp_path / "a.img")
    for suffix in (".img", ".hdr"):
        array, spacing = read_channels([tmp_path / f"a{suffix}"])
        assert np.array_equal(array[..., 0], nib.as_closest_canonical(nib.load(tmp_path / "a.img")).get_fdata())
        assert spacing == (2.0, 2.0, 2.0)
    (tmp_path / "a.img").write_bytes(b"short")
    with pytest.raises(ImageError, match="cannot be read"):
        read_channels([tmp_path / "a.hdr"])
