"""From stored values to intensities, and to pictures: right values for every way to store them."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence as Items

from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.base import Image2D, Volume
from sixgig.cohorts.dicom.picture import read_dicom_picture
from sixgig.cohorts.images import read_picture
from sixgig.cohorts.normalisation import Normalisation
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.volumes import planes_of
from sixgig.errors import ImageError
from tests.unit.cohorts.dicom.tiny_dicom import enhanced, image, noise, save, write_series

GREY = np.array([[0, 10, 20], [30, 40, 4095]], np.uint16)


def read(root: Path) -> Volume:
    adapter = DicomAdapter()
    (record,) = adapter.discover(root).records
    (volume,) = adapter.read(record)
    assert isinstance(volume, Volume)
    return volume


def picture(tmp_path: Path, pixels: np.ndarray = GREY, **tags: Any) -> Image2D:
    save(image(pixels, **{"BitsStored": 12, "HighBit": 11, **tags}), tmp_path / "a.dcm")
    return read_dicom_picture(tmp_path / "a.dcm", "a.dcm", "a")


def test_rescaling_of_each_slice(tmp_path: Path) -> None:
    """PET has a slope for every slice."""
    values = noise()
    write_series(
        tmp_path, values=values, Modality="PT", Units="BQML", RescaleSlope=lambda z: z + 0.5, RescaleIntercept=3
    )
    volume = read(tmp_path)
    expected = (values * (np.arange(4) + 0.5) + 3).astype(np.float32)
    assert np.array_equal(volume.array[..., 0], expected.transpose(1, 0, 2)[::-1, ::-1])
    assert volume.remarks == ()


def test_counts_of_pet_are_in_doubt(tmp_path: Path) -> None:
    write_series(tmp_path, Modality="PT", Units="CNTS")
    (remark,) = read(tmp_path).remarks
    assert remark.kind == "intensity"
    assert "CNTS" in remark.text


def test_a_ct_without_its_intercept_is_in_doubt(tmp_path: Path) -> None:
    write_series(tmp_path, RescaleIntercept=...)
    (remark,) = read(tmp_path).remarks
    assert (remark.kind, remark.text.partition(",")[0]) == ("intensity", "has no RescaleIntercept")


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_inverted_greys_agree_with_those_that_are_not(tmp_path: Path, dtype: type) -> None:
    values = noise().astype(dtype)
    bits = {"BitsStored": 12, "HighBit": 11}
    write_series(tmp_path / "2", "p1", values, RescaleSlope=2, RescaleIntercept=5, **bits)
    turned = (4095 - values if dtype == np.uint16 else -1 - values).astype(dtype)
    write_series(
        tmp_path / "1",
        "p22",
        turned,
        RescaleSlope=2,
        RescaleIntercept=5,
        PhotometricInterpretation="MONOCHROME1",
        **bits,
    )
    plain, inverted = read(tmp_path / "2"), read(tmp_path / "1")
    assert np.array_equal(plain.array, inverted.array)
    assert [remark.text for remark in inverted.remarks] == [
        "is stored inverted (MONOCHROME1): turned round, so that dark is low"
    ]


@pytest.mark.parametrize(
    ("tags", "window"),
    [
        ({"WindowCenter": 40, "WindowWidth": 401}, (-160.5 + 0, 239.5 + 0)),
        ({"WindowCenter": [40, 600], "WindowWidth": [400, 2000]}, (-160, 239)),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"}, (-160, 240)),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"}, (-160, 240)),
        ({"WindowCenter": 40, "WindowWidth": 0}, None),
        ({"WindowCenter": 40}, None),
        ({}, None),
    ],
)
def test_stored_windows(tmp_path: Path, tags: dict[str, Any], window: tuple[float, float] | None) -> None:
    write_series(tmp_path, **tags)
    assert read(tmp_path).window == window


def test_the_window_of_inverted_greys_is_turned_too(tmp_path: Path) -> None:
    """What the file shows as white is white: 100 to 299, of 0 to 4095."""
    tags = {"WindowCenter": 200, "WindowWidth": 200, "PhotometricInterpretation": "MONOCHROME1"}
    found = picture(tmp_path, **tags)
    assert found.window == (4095 - 299, 4095 - 100)
    assert np.array_equal(found.array, 4095.0 - GREY)


def look_up(first: int, entries: list[int], kind: str = "US", number: int | None = None) -> Items:
    """A look-up table, stored as numbers or as bytes."""
    table = Dataset()
    table.LUTDescriptor = [number or len(entries), first, 16]
    table.ModalityLUTType = "US"
    table.add_new("LUTData", kind, entries if kind == "US" else np.array(entries, "<u2").tobytes())
    return Items([table])


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_a_table_in_place_of_a_window(tmp_path: Path, kind: str) -> None:
    found = picture(tmp_path, VOILUTSequence=look_up(10, [0, 0, 100, 200, 300, 300], kind))
    assert found.window == (11, 14)
    assert np.array_equal(found.array, GREY)


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_a_table_in_place_of_rescaling(tmp_path: Path, kind: str) -> None:
    pixels = np.array([[0, 10, 11], [12, 13, 4000]], np.uint16)
    found = picture(tmp_path, pixels, ModalityLUTSequence=look_up(10, [7, 100, 500, 900], kind))
    assert np.array_equal(found.array, [[7, 7, 100], [500, 900, 900]])
    with pytest.raises(ImageError, match="its ModalityLUTSequence cannot be read"):
        picture(tmp_path, pixels, ModalityLUTSequence=look_up(10, [7, 100], kind, number=4))


@pytest.mark.parametrize(
    ("dtype", "tags", "expected"),
    [
        (np.int16, {"PixelPaddingValue": -2000}, [-1000, -1000, 40]),
        (np.int16, {"PixelPaddingValue": 63536}, [-1000, -1000, 40]),  # stated without its sign
        (np.int16, {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1000}, [40, 40, 40]),
        (np.int16, {}, [-2000, -1000, 40]),
    ],
)
def test_padding_is_the_least_intensity(tmp_path: Path, dtype: type, tags: dict[str, Any], expected: list[int]) -> None:
    values = np.full((6, 5, 4), 50, dtype)
    values[0, :3, 1] = [-2000, -1000, 40]
    one = {key: value for key, value in tags.items() if value != 63536}
    write_series(tmp_path, values=values, RescaleIntercept=0, **one)
    if one != tags:
        for path in tmp_path.glob("*.dcm"):
            there = pydicom.dcmread(path)
            there.add_new("PixelPaddingValue", "US", 63536)
            there.save_as(path)
    assert read(tmp_path).array[::-1, ::-1][:3, 0, 1, 0].tolist() == expected


def test_padding_of_white_borders_and_of_black_ones(tmp_path: Path) -> None:
    assert picture(tmp_path, PixelPaddingValue=4095).array.tolist() == [[0, 10, 20], [30, 40, 0]]
    assert picture(tmp_path, PixelPaddingValue=0).array.tolist() == GREY.tolist()
    inverted = picture(tmp_path, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1").array
    assert inverted.tolist() == [[4095, 4085, 4075], [4065, 4055, 0]]


def test_nothing_but_padding(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is padding all over"):
        picture(tmp_path, np.full((2, 2), 7, np.uint16), PixelPaddingValue=7)


@pytest.mark.parametrize("slope", ["abc", "nan"])
def test_a_slope_that_is_no_number(tmp_path: Path, slope: str) -> None:
    save(image(GREY), tmp_path / "a.dcm")
    one = pydicom.dcmread(tmp_path / "a.dcm")
    one.add(pydicom.dataelem.DataElement("RescaleSlope", "LO", slope))
    one.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match="has a RescaleSlope of .*, which is no number"):
        read_dicom_picture(tmp_path / "a.dcm", "a.dcm", "a")


def test_normalise_stored(tmp_path: Path) -> None:
    values = noise()
    write_series(tmp_path, values=values, WindowCenter=400, WindowWidth=400, VOILUTFunction="LINEAR_EXACT")
    planes = planes_of(read(tmp_path), Recipe(8, normalisation=Normalisation("stored")))
    assert planes.ranges == ((200, 600),)
    expected = np.clip((values[..., 0].T[::-1, ::-1] - 200.0) / 400, 0, 1)
    assert planes.plane(0, 0) == pytest.approx(expected)


def test_normalise_stored_without_a_window(tmp_path: Path) -> None:
    write_series(tmp_path)
    with pytest.raises(ImageError, match="stores no window"):
        planes_of(read(tmp_path), Recipe(8, normalisation=Normalisation("stored")))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_graphics_in_the_upper_bits_are_no_intensities(tmp_path: Path, dtype: type) -> None:
    values = np.array([[0, 1, 2], [3, 2000, -5 if dtype == np.int16 else 4095]], dtype)
    drawn = ((values.view(np.uint16) & 0xFFF) | 0x1000).view(dtype)
    found = picture(tmp_path, drawn)
    assert np.array_equal(found.array, values)
    assert found.remarks == ()
    assert "HighBit of 15 does not agree" in picture(tmp_path, drawn, HighBit=15).remarks[0].text


def test_frames_that_pydicom_cannot_unpack(tmp_path: Path) -> None:
    """Two frames in JPEG-LS, with a rescaling each."""
    packed = pydicom.dcmread(get_testdata_file("MR_small_jpeg_ls_lossless.dcm"))
    plain = pydicom.dcmread(get_testdata_file("MR_small.dcm")).pixel_array.astype(np.float32)
    frames = [{"position": (0, 0, 2 * z), "rescale": (z + 1, 5)} for z in range(4)]
    one = enhanced(np.zeros((64, 64, 4), np.int16), frames, PatientID="p1")
    one.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
    one.PixelData = encapsulate([get_frame(packed.PixelData, 0, number_of_frames=1)] * 4)
    one["PixelData"].VR = "OB"
    save(one, tmp_path / "e.dcm")
    expected = np.stack([plain * (z + 1) + 5 for z in range(4)], axis=-1)
    assert np.array_equal(read(tmp_path).array[..., 0], expected.transpose(1, 0, 2)[::-1, ::-1])


PACKED = ["MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_bigendian",
          "MR_small_implicit", "MR_small_padded", "MR_small_expb"]  # fmt: skip


def shipped(name: str) -> Image2D:
    return read_dicom_picture(Path(get_testdata_file(name)), name, "x")


@pytest.mark.parametrize("name", PACKED)
def test_every_packing_gives_the_same_values(name: str) -> None:
    assert np.array_equal(shipped(f"{name}.dcm").array, shipped("MR_small.dcm").array)


@pytest.mark.parametrize(
    ("name", "shape", "least", "most"),
    [
        ("JPEGLSNearLossless_08.dcm", (45, 10), 0, 255),
        ("JPEGLSNearLossless_16.dcm", (50, 10), 0, 65535),
        ("JPEG-lossy.dcm", (1024, 256), 0, 264),
        ("J2K_pixelrep_mismatch.dcm", (512, 512), -2000, 1896),
        ("image_dfl.dcm", (512, 512), 0, 255),
        ("SC_rgb_jls_lossy_sample.dcm", (100, 100, 3), 0, 255),
        ("SC_rgb_jpeg_gdcm.dcm", (100, 100, 3), 0, 255),
        ("SC_ybr_full_422_uncompressed.dcm", (100, 100, 3), 0, 255),
        ("examples_palette.dcm", (350, 800, 3), 0, 255),
        ("SC_rgb_rle_16bit.dcm", (100, 100, 3), 0, 255),
    ],
)
def test_pictures_that_pydicom_ships(name: str, shape: tuple[int, ...], least: float, most: float) -> None:
    found = shipped(name)
    assert found.array.shape == shape
    assert found.array.dtype == (np.uint8 if most == 255 else np.float32)
    if name == "J2K_pixelrep_mismatch.dcm":
        stored = pydicom.dcmread(get_testdata_file(name))
        expected = stored.pixel_array * float(stored.RescaleSlope) + float(stored.RescaleIntercept)
        inside = stored.pixel_array != stored.get("PixelPaddingValue", 1 << 20)
        assert np.array_equal(found.array[inside], expected[inside])
    elif name == "examples_palette.dcm":
        assert found.array.max() > 250
    else:
        assert (found.array.min(), found.array.max()) == (least, most)


def test_colours_are_those_of_the_reference() -> None:
    """The same picture in RGB, unpacked by SimpleITK, as brightness and colour, and in 16 bits."""
    plain = shipped("SC_rgb_rle.dcm").array
    assert plain[5, 5].tolist() == [255, 0, 0]
    for name in ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle_16bit.dcm"):
        assert np.array_equal(shipped(name).array, plain), name
    for name in ("SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm"):
        assert np.abs(shipped(name).array.astype(int) - plain).mean() < 4, name  # packed with loss


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("examples_ybr_color.dcm", "frames"),
        ("rtplan.dcm", "is a radiotherapy object, no image"),
        ("liver_1frame.dcm", "is a segmentation"),
        ("MR_truncated.dcm", "cannot be decoded"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "cannot be decoded .JPEG 2000"),
    ],
)
def test_files_that_are_no_picture(name: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        shipped(name)


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    for number in range(3):
        save(image(GREY, PatientID=f"p{number // 2}", Modality="MG", ViewPosition=["CC", "MLO"][number % 2]),
             tmp_path / f"{number}.dcm")  # fmt: skip
    (tmp_path / "labels.csv").write_text("subject_id,label\np0,sick\np1,well\n")
    adapter = DicomAdapter(None, {"dimensions": 2, "labels": {"file": str(tmp_path / "labels.csv")}})
    assert adapter.modalities == ()
    found = adapter.discover(tmp_path)
    assert [(one.subject_id, one.label, len(one.items)) for one in found.records] == [
        ("p0", "sick", 2),
        ("p1", "well", 1),
    ]
    for record in found.records:
        for one in adapter.read(record):
            assert isinstance(one, Image2D)
            assert np.array_equal(one.array, GREY)
    left = DicomAdapter(None, {"dimensions": 2, "select": {"ViewPosition": "MLO"}}).discover(tmp_path)
    assert [record.subject_id for record in left.records] == ["p0"]
    assert [(one.subject_id, one.reason) for one in left.rejections] == [("p1", "is left out by select")]


def test_pictures_of_tables_and_folders_may_be_dicom(tmp_path: Path) -> None:
    save(image(GREY), tmp_path / "a.dcm")
    found = read_picture(tmp_path / "a.dcm", "a.dcm", "one")
    assert (found.image_id, found.source) == ("one", "a.dcm")
    assert np.array_equal(found.array, GREY)
