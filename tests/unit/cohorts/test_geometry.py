"""Where voxels lie: what headers leave open, how it is taken, and that it is said."""

import itertools
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import aff2axcodes, axcodes2ornt, inv_ornt_aff
from scipy.io import savemat

from sixgig.cohorts import geometry
from sixgig.cohorts.nifti import Reading, read_channels
from sixgig.errors import ImageError
from tests.unit.cohorts.tiny_nifti import save_nifti

ARRAY = np.random.default_rng(0).integers(1, 1000, (5, 6, 7)).astype(np.int16)
#: Where fields lie in a header of NIfTI-1 or Analyze.
PIXDIM, SLOPE, XYZT_UNITS, QUATERN, ORIENT = 80, 112, 123, 256, 252


def patch(path: Path, at: int, values: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[at : at + len(values)] = values
    path.write_bytes(data)
    return path


def store(
    path: Path,
    affine: np.ndarray,
    pixdim: tuple[float, ...] = (),
    *,
    array: np.ndarray = ARRAY,
    sform: int = 1,
    qform: np.ndarray | None = None,
    units: str | int = "mm",
) -> Path:
    """Write a file whose sform, qform and pixdim say different things."""
    header = nib.Nifti1Header()
    header.set_data_shape(array.shape)
    header.set_data_dtype(array.dtype)
    header["vox_offset"] = 352
    header.set_qform(affine if qform is None else qform, 0 if qform is None else 1)
    header.set_sform(affine, sform)
    header.set_xyzt_units(units)
    path.write_bytes(header.binaryblock + bytes(4) + array.tobytes(order="F"))
    return patch(path, PIXDIM, struct.pack(f"<{len(pixdim)}f", *pixdim))


def texts(found: Reading) -> list[str]:
    assert all(kind in ("geometry", "intensity") for _, kind, _ in found.doubts)
    return [text for _, _, text in found.doubts]


def turned(degrees: float, *, axis: int = 2) -> np.ndarray:
    """A rotation about an axis of the body."""
    angle = np.deg2rad(degrees)
    first, second = (number for number in range(3) if number != axis)
    matrix = np.eye(4)
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


# Orientation


def test_without_a_form_x_runs_to_the_left_and_that_is_said(tmp_path: Path) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.eye(4), (1, 2, 3), sform=0)])
    assert np.array_equal(found.array[..., 0], ARRAY[::-1])
    assert found.spacing == (1, 2, 3)
    assert np.array_equal(found.array[..., 0], nib.as_closest_canonical(nib.load(tmp_path / "a.nii")).get_fdata())
    (said,) = texts(found)
    assert said.startswith(
        "has no usable sform or qform: left and right are unknown, and x is taken to run to the left"
    )


def test_an_sform_that_does_not_span_space_gives_way_to_the_qform(tmp_path: Path) -> None:
    flat = np.diag([1.0, 1.0, 0.0, 1.0])
    found = read_channels([store(tmp_path / "a.nii", flat, (1, 2, 3), qform=np.diag([-1.0, -2.0, 3.0, 1.0]))])
    assert np.array_equal(found.array[..., 0], ARRAY[::-1, ::-1])
    assert texts(found) == ["has an sform that does not span space: it is ignored"]


def test_sform_and_qform_that_name_different_sides(tmp_path: Path) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.eye(4), qform=np.diag([-1.0, 1.0, 1.0, 1.0]))])
    assert np.array_equal(found.array[..., 0], ARRAY)
    assert texts(found) == ["has an sform and a qform that name different sides of the body: the sform is used"]


@pytest.mark.parametrize(("degrees", "said"), [(1.0, []), (8.0, ["up to 10 degrees"]), (12.0, ["up to 15 degrees"])])
def test_sform_and_qform_that_are_turned_against_each_other(tmp_path: Path, degrees: float, said: list[str]) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.eye(4), qform=turned(degrees))])
    assert texts(found) == [f"has an sform and a qform that differ by {angle}: the sform is used" for angle in said]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("degrees", "said"), [(4.0, None), (12.0, "up to 15 degrees"), (40.0, "up to 40 degrees")])
def test_oblique_volumes(tmp_path: Path, axis: int, degrees: float, said: str | None) -> None:
    found = read_channels([store(tmp_path / "a.nii", turned(degrees, axis=axis) @ np.diag([1, 1, 3, 1]), (1, 1, 3))])
    assert np.array_equal(found.array[..., 0], ARRAY)
    assert found.spacing == pytest.approx((1, 1, 3))
    expected = f"lies obliquely, by {said}: slices follow its own axes, not those of the body"
    assert texts(found) == ([expected] if said else [])


def test_a_quaternion_that_is_too_long(tmp_path: Path) -> None:
    """Rounding makes some public files so (ds000168, MICCAI 2012), and nibabel refuses them."""
    path = store(tmp_path / "a.nii", np.eye(4), (1, 1, 1), sform=0, qform=np.diag([1.0, -1.0, -1.0, 1.0]))
    for excess, said in (
        (1e-5, []),
        (0.01, ["has a qform whose quaternion is too long to be a rotation: it is made one"]),
    ):
        found = read_channels([patch(path, QUATERN, struct.pack("<f", 1 + excess))])
        assert np.array_equal(found.array[..., 0], ARRAY[:, ::-1, ::-1])
        assert texts(found) == said


# Voxel size

UNIT = "has an sform of unit scale and other voxel sizes in pixdim: those of pixdim are used"
OTHER = "has other voxel sizes in its sform than in pixdim, and one of them is wrong: those of the sform are used"


@pytest.mark.parametrize(
    ("sform", "pixdim", "spacing", "said"),
    [
        ((2, 2, 3), (2, 2, 3), (2, 2, 3), []),
        ((2, 2, 3), (2, 2, 3.01), (2, 2, 3.01), []),  # few digits
        ((0.5, 0.5, 3), (1, 1, 1), (0.5, 0.5, 3), [OTHER]),
        ((0.8, 0.8, 0.8), (0.8, 0.8, 0.6), (0.8, 0.8, 0.8), [OTHER]),
        ((1, 1, 1), (1.5, 1.5, 10), (1.5, 1.5, 10), [UNIT]),
        ((2, 2, 3), (0, 0, 0), (2, 2, 3), []),  # nothing to choose from
        ((2, 2, 3), (-2, 2, 3), (2, 2, 3), []),
        ((2, 2, 3), (float("nan"), 2, 3), (2, 2, 3), []),
        ((0.01, 0.01, 0.01), (0.01, 0.01, 0.01), (0.01, 0.01, 0.01), ["has voxels smaller than"]),
        ((2, 2, 30), (2, 2, 30), (2, 2, 30), ["has voxels smaller than"]),
    ],
)
def test_voxel_sizes_of_sform_and_pixdim(
    tmp_path: Path,
    sform: tuple[float, ...],
    pixdim: tuple[float, ...],
    spacing: tuple[float, ...],
    said: list[str],
) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.diag([*sform, 1.0]), pixdim)])
    assert found.spacing == pytest.approx(spacing)
    assert [text[: len(start)] for text, start in zip(texts(found), said, strict=True)] == said


def test_who_knows_that_the_sform_holds_directions_is_told_nothing(tmp_path: Path) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.eye(4), (1.5, 1.5, 10))], trust_pixdim=True)
    assert (found.spacing, found.doubts) == ((1.5, 1.5, 10), ())


@pytest.mark.parametrize(
    ("pixdim", "spacing", "said"),
    [
        ((0, 0, 0), (1, 1, 1), "has no voxel size in its header: 1 mm is assumed"),
        ((2, float("nan"), 3), (2, 1, 3), "has no voxel size in its header: 1 mm is assumed"),
        ((-2, 2, 3), (2, 2, 3), "has negative voxel sizes in its header: their signs are dropped"),
    ],
)
def test_pixdim_alone(tmp_path: Path, pixdim: tuple[float, ...], spacing: tuple[float, ...], said: str) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.eye(4), pixdim, sform=0, qform=np.eye(4))])
    assert found.spacing == spacing
    assert texts(found) == [said]


@pytest.mark.parametrize(("units", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1.0), (0, 1.0)])
def test_units_become_millimetres(tmp_path: Path, units: str | int, factor: float) -> None:
    affine = np.diag([-0.5 * factor, 0.5 * factor, 2 * factor, 1.0])
    affine[:3, 3] = 10 * factor
    first = store(tmp_path / "a.nii", affine, (0.5 * factor, 0.5 * factor, 2 * factor), units=units)
    found = read_channels([first])
    assert found.spacing == pytest.approx((0.5, 0.5, 2))
    assert found.doubts == ()
    in_mm = np.diag([-0.5, 0.5, 2, 1.0])
    in_mm[:3, 3] = 10
    second = store(tmp_path / "b.nii", in_mm, (0.5, 0.5, 2))
    assert np.array_equal(read_channels([first, second])[0][..., 0], ARRAY[::-1])  # at one place


def test_a_size_that_no_body_has(tmp_path: Path) -> None:
    path = store(tmp_path / "a.nii", np.diag([2e4, 2e4, 2e4, 1.0]), (2e4,) * 3)
    with pytest.raises(ImageError, match="has voxels of 20000 x 20000 x 20000 mm by its header"):
        read_channels([path])


def test_one_slice_has_no_thickness_to_doubt(tmp_path: Path) -> None:
    found = read_channels([store(tmp_path / "a.nii", np.diag([1, 1, 50, 1.0]), (1, 1, 0), array=ARRAY[:, :, :1])])
    assert (found.array.shape, found.doubts) == ((5, 6, 1, 1), ())


# Sheared axes


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_tilted_gantry_is_sheared_back(tmp_path: Path, order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    """A ramp through the body is the same ramp afterwards, at orthogonal places."""
    tilt = np.deg2rad(14)
    straight = np.diag([0.5, 0.5, 3.0])
    axes = straight.copy()
    axes[:, 2] = [0, 3 * np.tan(tilt), 3]  # every slice lies further to anterior
    shape = (20, 24, 9)
    numbers = np.indices(shape).reshape(3, -1)
    gradient = np.array([3.0, 5.0, 7.0])
    ramp = (100 + gradient @ (axes @ numbers)).reshape(shape).astype(np.float32)
    stored, affine = ramp.transpose(order), np.eye(4)
    columns = axes[:, order] * np.array(signs)
    affine[:3, :3] = columns
    stored = stored[tuple(slice(None, None, sign) for sign in signs)]
    nib.Nifti1Image(stored, affine).to_filename(tmp_path / "a.nii")
    found = read_channels([tmp_path / "a.nii"])
    assert found.spacing == pytest.approx((0.5, 0.5, 3))
    moved = 8 * 3 * np.tan(tilt) / 0.5  # of the last slice, in voxels
    assert found.array.shape == (20, 24 + int(np.ceil(moved)), 9, 1)
    places = straight @ np.indices(found.array.shape[:3]).reshape(3, -1)
    expected = (100 + gradient @ places).reshape(found.array.shape[:3])
    row = np.indices(found.array.shape[:3])[1] - np.arange(9) * moved / 8
    inside = (row >= 0) & (row <= 23)
    assert inside.sum() > 20 * 23 * 9 - 1
    assert np.allclose(found.array[..., 0][inside], expected[inside], atol=1e-2)
    assert np.allclose(found.array[..., 0][(row < -1) | (row > 24)], ramp.min())  # nothing was measured there
    assert texts(found) == ["has axes that are not orthogonal, by up to 15 degrees (tilted gantry): it is sheared back"]


def test_little_shear_is_rounding_and_much_is_damage(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = np.tan(np.deg2rad(0.5))
    found = read_channels([store(tmp_path / "a.nii", affine)])
    assert (found.array.shape, found.doubts) == ((5, 6, 7, 1), ())
    affine[0, 1] = np.tan(np.deg2rad(60))
    with pytest.raises(ImageError, match="has axes that are 60 degrees from orthogonal"):
        read_channels([store(tmp_path / "a.nii", affine, (1, 2, 1))])


def test_an_sform_that_shears_into_a_template_gives_way_to_the_qform(tmp_path: Path) -> None:
    affine = np.diag([1.1, 0.9, 1.2, 1.0])
    affine[0, 1] = 0.3
    found = read_channels([store(tmp_path / "a.nii", affine, (1, 1, 1), sform=4, qform=np.diag([-1.0, 1, 1, 1]))])
    assert np.array_equal(found.array[..., 0], ARRAY[::-1])
    assert found.spacing == (1, 1, 1)
    assert texts(found) == ["has an sform that shears it into a template: the qform is used"]


# Analyze


@pytest.mark.parametrize(
    ("orient", "codes"), [(0, "LAS"), (1, "LSA"), (2, "ASL"), (3, "LPS"), (4, "LIA"), (5, "AIL"), (9, "LAS")]
)
def test_analyze_lies_as_its_orient_says(tmp_path: Path, orient: int, codes: str) -> None:
    image = nib.AnalyzeImage(ARRAY, None)
    image.header.set_zooms((1, 2, 3))
    image.to_filename(tmp_path / "a.img")
    patch(tmp_path / "a.hdr", ORIENT, bytes([orient]))
    found = read_channels([tmp_path / "a.hdr"])
    affine = inv_ornt_aff(axcodes2ornt(tuple(codes)), (1, 1, 1)).T
    assert "".join(aff2axcodes(affine)) == codes
    expected = nib.as_closest_canonical(nib.Nifti1Image(ARRAY, affine @ np.diag([1, 2, 3, 1])))
    assert np.array_equal(found.array[..., 0], expected.get_fdata())
    assert found.spacing == pytest.approx(expected.header.get_zooms())
    first, *others = texts(found)
    assert first.startswith("is an Analyze file, which does not say which side is left")
    assert ("`orient`" in first) == (0 < orient < 6)
    assert others == (["has an unknown number in its field `orient`: it is taken to be axial"] if orient == 9 else [])


def test_the_matrix_of_spm_beside_an_analyze_pair(tmp_path: Path) -> None:
    nib.AnalyzeImage(ARRAY, None).to_filename(tmp_path / "a.img")
    matrix = np.diag([2.0, 2.0, 4.0, 1.0])
    savemat(tmp_path / "a.mat", {"mat": matrix, "M": matrix})
    found = read_channels([tmp_path / "a.img"])
    assert np.array_equal(found.array[..., 0], ARRAY)  # to the right, as the matrix says
    assert (found.spacing, found.doubts) == (pytest.approx((2, 2, 4)), ())
    (tmp_path / "a.mat").write_bytes(b"no matrix")
    with pytest.raises(ImageError, match="cannot be read"):
        read_channels([tmp_path / "a.img"])


# Values


def test_voxels_behind_those_that_the_header_counts(tmp_path: Path) -> None:
    path = store(tmp_path / "a.nii", np.eye(4))
    rest = "holds at least one slice more than its header tells: the rest is not read"
    for more, said in ((5 * 6 * 2 - 1, []), (1, [rest])):  # padding is no slice
        path.write_bytes(path.read_bytes() + bytes(more))
        found = read_channels([path])
        assert np.array_equal(found.array[..., 0], ARRAY)
        assert texts(found) == said


def test_nan_around_the_body_is_background(tmp_path: Path) -> None:
    array = ARRAY.astype(np.float32)
    array[:2] = np.nan
    save_nifti(tmp_path / "a.nii.gz", array)
    found = read_channels([tmp_path / "a.nii.gz"])
    assert np.array_equal(found.array[..., 0], np.nan_to_num(array, nan=0.0))
    around = "holds NaN around what was measured, as SPM writes it: it is read as background, 0"
    assert texts(found) == [around]
    array[3, 3, 3] = np.nan
    save_nifti(tmp_path / "a.nii", array.astype(">f8"))
    assert texts(read_channels([tmp_path / "a.nii"])) == [
        around, "holds NaN also enclosed in what was measured: it is read as 0"
    ]  # fmt: skip


def test_a_scaling_without_a_number_to_add(tmp_path: Path) -> None:
    for slope, inter, factor, said in ((2.0, np.nan, 2, 1), (np.nan, np.nan, 1, 0), (0.0, 5.0, 1, 0)):
        path = patch(store(tmp_path / "a.nii", np.eye(4)), SLOPE, struct.pack("<2f", slope, inter))
        found = read_channels([path])
        assert np.array_equal(found.array[..., 0], ARRAY * factor)
        expected = ["has a scaling without a number to add (scl_inter is none): 0 is added"]
        assert texts(found) == expected[:said]


def test_one_sentence_for_all_channels(tmp_path: Path) -> None:
    files = [store(tmp_path / f"{name}.nii", np.eye(4), (1, 1, 1), sform=0) for name in "ab"]
    found = read_channels(files)
    assert [path for path, _, _ in found.doubts] == files[:1]


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((4, 0.5, 0.5), 0), ((1, 3, 1), 1), ((1, 1, 3), 2), ((1.2, 1, 1), None), ((4, 4, 0.5), None), ((2, 1, 1), None)],
)
def test_thick_axis(spacing: tuple[float, float, float], axis: int | None) -> None:
    assert geometry.thick_axis(spacing) == axis
