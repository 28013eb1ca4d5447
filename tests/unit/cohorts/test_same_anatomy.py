"""Same anatomy, same result: orientations, types, byte orders, containers and scalings, and files of other programs."""

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from sixgig.cohorts.base import Volume
from sixgig.cohorts.nifti import read_channels, read_frame
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.volumes import planes_of
from sixgig.errors import ImageError

ARRAY = np.random.default_rng(0).integers(1, 1000, (5, 6, 7)).astype(np.int16)


def _ras(array: np.ndarray, codes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Store RAS voxels along other axes; return them with the affine that says so, with voxels of 1 x 2 x 3 mm."""
    wanted = axcodes2ornt(codes)
    there = ornt_transform(axcodes2ornt(("R", "A", "S")), wanted)
    stored = apply_orientation(array, there)
    return stored, np.diag([1.0, 2.0, 3.0, 1.0]) @ inv_ornt_aff(there, array.shape)


ANATOMY = np.random.default_rng(1).integers(1, 120, (4, 5, 6))
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
    stored, affine = _ras(ANATOMY.astype(dtype), codes)
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
    assert np.allclose(expected, ANATOMY * slope + inter)
    assert spacing == pytest.approx((1.0, 2.0, 3.0))
    assert array.dtype == (dtype if scaling is None and np.dtype(dtype).itemsize <= 2 else np.float32)


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_every_orientation_is_read_as_nibabel_and_itk_read_it(tmp_path: Path, codes: tuple[str, ...]) -> None:
    nib.Nifti1Image(*_ras(ANATOMY.astype(np.int16), codes)).to_filename(tmp_path / "a.nii")
    found = read_channels([tmp_path / "a.nii"])
    turned = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(tmp_path / "a.nii")), "LPS")
    by_itk = SimpleITK.GetArrayFromImage(turned).transpose(2, 1, 0)[::-1, ::-1]
    by_nibabel = nib.as_closest_canonical(nib.load(tmp_path / "a.nii"))
    assert np.array_equal(found.array[..., 0], ANATOMY)
    assert np.array_equal(by_itk, ANATOMY)
    assert np.array_equal(by_nibabel.get_fdata(), ANATOMY)
    assert found.spacing == pytest.approx(turned.GetSpacing())
    assert found.doubts == ()


def _stored(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    nib.Nifti1Image(voxels, affine).to_filename(path)


def test_all_orientations_give_the_same_pictures(tmp_path: Path) -> None:
    """From the file to the picture, with two channels, for each of the 48 ways to store a volume."""

    def pictures(*files: Path) -> np.ndarray:
        array, spacing = read_channels(files)
        sources = tuple(path.name for path in files)
        volume = Volume(array, spacing, "v", None, sources)
        prepared = planes_of(volume, Recipe(16, foreground="nonzero"))
        slices = [prepared.picture(index, 12) for index in range(prepared.array.shape[2])]
        return np.stack([*slices, *(prepared.resampled((3, 12, 12))[..., [0, 1, 1]] * 255).astype(np.uint8)])

    anatomy = ANATOMY.copy()
    anatomy[0], anatomy[:, -1] = 0, 0  # a background, so that something is cut off
    plain, turned = ([tmp_path / f"{kind}{channel}.nii.gz" for channel in (0, 1)] for kind in ("plain", "turned"))
    channels = [anatomy // (channel + 1) for channel in (0, 1)]
    for path, channel in zip(plain, channels, strict=True):
        _stored(path, channel.astype(np.int16), np.diag([1.0, 2.0, 3.0, 1.0]))
    expected = pictures(*plain)
    for codes, dtype in zip(CODES, itertools.cycle(["int16", ">i2", "float32", "uint8", "int16"]), strict=False):
        for path, channel in zip(turned, channels, strict=True):
            _stored(path, *_ras(channel.astype(dtype), codes))
        assert np.array_equal(pictures(*turned), expected), (codes, dtype)


NIBABEL = Path(nib.__file__).parent / "tests" / "data"
SHIPPED = [
    "anatomical.nii",
    "example4d.nii.gz",
    "example_nifti2.nii.gz",
    "functional.nii",
    "reoriented_anat_moved.nii",
    "standard.nii.gz",
]


@pytest.mark.parametrize("name", SHIPPED)
def test_images_that_nibabel_ships(name: str) -> None:
    """Files of scanners and other programs, none of which was written here."""
    image = nib.load(NIBABEL / name)
    expected = np.asarray(nib.as_closest_canonical(image).dataobj)
    zooms = nib.as_closest_canonical(image).header.get_zooms()[:3]
    last = () if expected.ndim == 3 else (expected.shape[3] - 1,)
    array, spacing = read_frame(NIBABEL / name, *last) if last else read_channels([NIBABEL / name])
    assert np.allclose(array[..., 0], expected[(..., *last)], rtol=1e-5)
    assert spacing == pytest.approx(tuple(map(float, zooms)))


def test_an_image_of_spm_with_nan_where_it_has_no_data() -> None:
    path = NIBABEL / "resampled_anat_moved.nii"
    expected = nib.as_closest_canonical(nib.load(path)).get_fdata()
    assert np.isnan(expected).any()
    found = read_channels([path])
    assert np.allclose(found.array[..., 0], np.nan_to_num(expected, nan=0.0), rtol=1e-5)
    assert [(kind, text[:9]) for _, kind, text in found.doubts] == [("intensity", "holds NaN")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("row_major.dconn.nii", "has shape .* not three dimensions"),  # a matrix of connections
        ("nifti1.hdr", "cannot be read"),  # headers without their voxels
        ("nifti2.hdr", "cannot be read"),
        ("analyze.hdr", "cannot be read"),
    ],
)
def test_what_nibabel_ships_that_cannot_be_used(name: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_channels([NIBABEL / name])


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


def test_packed_pairs(tmp_path: Path) -> None:
    nib.Nifti1Pair(ARRAY, np.eye(4)).to_filename(tmp_path / "a.img.gz")
    assert np.array_equal(read_channels([tmp_path / "a.hdr.gz"])[0][..., 0], ARRAY)
    data = bytearray((tmp_path / "a.img.gz").read_bytes())
    data[-5] ^= 1
    (tmp_path / "a.img.gz").write_bytes(data)
    with pytest.raises(ImageError, match="cannot be read: .*checksum"):
        read_channels([tmp_path / "a.hdr.gz"])
