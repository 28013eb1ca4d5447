"""What each kind of picture file becomes."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from timm.data import create_transform

from sixgig.cohorts.images import decode_image, fit, read_picture, three_channels
from sixgig.errors import ImageError
from tests.unit.cohorts.tiny_pictures import file_of, png16, tiff

GREY = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
DEEP = np.random.default_rng(2).integers(0, 4096, (9, 7), dtype=np.uint16)
DEEP_RGB = np.random.default_rng(3).integers(0, 4096, (9, 7, 3), dtype=np.uint16)
FLOAT = np.random.default_rng(4).normal(size=(9, 7)).astype(np.float32)
CLEAR = (np.arange(63).reshape(9, 7) % 3 * 127.5).astype(np.uint8)  # 0, 127 and 255
CLEAR_16 = CLEAR.astype(np.uint16) * 257
SQUARES = (np.indices((9, 7)).sum(axis=0) % 2).astype(np.uint8)


def decoded(data: bytes) -> np.ndarray:
    return decode_image(io.BytesIO(data), "a.png").array


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and np.array_equal(found, expected)


def over_black(values: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return np.floor(values * (opacity / np.iinfo(values.dtype).max) + 0.5).astype(values.dtype)


def jp2_12bit() -> bytes:
    """A lossless codestream whose precision is lowered from 16 to 12 bits, with values moved by what 0 moves then."""
    data = bytearray(file_of(DEEP + np.uint16((1 << 15) - (1 << 11)), "JPEG2000", no_jp2=True))
    data[42] = 12 - 1
    return bytes(data)


def palette(colours: list[tuple[int, int, int]], **info: Any) -> bytes:
    image = Image.fromarray(SQUARES, "P")
    image.putpalette([value for colour in colours for value in colour])
    return file_of(image, **info)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("sign", [False, True])
def test_grey_of_every_type(order: str, sign: bool) -> None:
    for n_bytes in (1, 2, 4):
        name = f"{'i' if sign else 'u'}{n_bytes}"
        info = np.iinfo(name)
        values = np.random.default_rng(n_bytes).integers(info.min, info.max, (9, 7), dtype=name, endpoint=True)
        found = decoded(tiff(values, sample_format=2 if sign else 1, order=order))
        assert same(found, values), name
    assert same(decoded(tiff(FLOAT, sample_format=3, order=order)), FLOAT)


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_may_be_zero(order: str) -> None:
    assert same(decoded(tiff(GREY, 0, order=order)), 255 - GREY)
    assert same(decoded(tiff(DEEP, 0, order=order)), 65535 - DEEP)
    assert same(decoded(tiff(FLOAT, 0, 3, order=order)), -FLOAT)
    squares = file_of(Image.fromarray(SQUARES * 255).convert("1"), "TIFF", tiffinfo={262: 0}, compression="group4")
    assert same(decoded(squares), SQUARES * 255)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (file_of(GREY), GREY),
        (file_of(GREY, "BMP"), GREY),
        (file_of(GREY, "PPM"), GREY),
        (file_of(GREY, "JPEG2000"), GREY),
        (file_of(RGB, "WEBP", lossless=True), RGB),
        (file_of(GREY, "GIF"), GREY),
        (file_of(Image.fromarray(GREY > 100)), np.where(GREY > 100, 255, 0).astype(np.uint8)),
        (file_of(DEEP), DEEP),
        (file_of(DEEP, "TIFF", compression="tiff_lzw"), DEEP),
        (file_of(DEEP, "JPEG2000"), DEEP),
        (jp2_12bit(), DEEP),
        (b"P5 7 9 65535 " + DEEP.astype(">u2").tobytes(), DEEP),
        (b"P5 7 9 4095 " + DEEP.astype(">u2").tobytes(), DEEP),
        (b"P2 7 9 4095 " + " ".join(map(str, DEEP.ravel())).encode(), DEEP),
        (png16(DEEP_RGB), DEEP_RGB),
        (tiff(DEEP_RGB, 2), DEEP_RGB),
        (tiff(DEEP_RGB, 2, order=">"), DEEP_RGB),
        (palette([(9, 9, 9), (40, 40, 40)]), np.where(SQUARES, 40, 9).astype(np.uint8)),
        (palette([(9, 0, 0), (1, 2, 3)]), np.array([[9, 0, 0], [1, 2, 3]], np.uint8)[SQUARES]),
    ],
    ids=[
        "png", "bmp", "pgm", "jp2", "webp", "gif", "1-bit", "png-16", "tiff-16-lzw", "jp2-16", "jp2-12", "pgm-16",
        "pgm-12", "pgm-12-text", "png-16-rgb", "tiff-16-rgb", "tiff-16-rgb-big-endian", "grey-palette", "palette",
    ],
)  # fmt: skip
def test_nothing_is_lost(data: bytes, expected: np.ndarray) -> None:
    assert same(decoded(data), expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (file_of(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(CLEAR)])), over_black(GREY, CLEAR)),
        (file_of(np.dstack([RGB, CLEAR])), over_black(RGB, CLEAR[..., None])),
        (png16(np.dstack([DEEP_RGB, CLEAR_16])), over_black(DEEP_RGB, CLEAR_16[..., None])),
        (palette([(9, 0, 0), (1, 2, 3)], transparency=0), np.array([[0, 0, 0], [1, 2, 3]], np.uint8)[SQUARES]),
        (palette([(9, 9, 9), (4, 4, 4)], transparency=b"\x00\xff"), np.where(SQUARES, 4, 0).astype(np.uint8)),
        (file_of(np.where(SQUARES, GREY // 2, 255).astype(np.uint8), transparency=255), SQUARES * (GREY // 2)),
    ],
    ids=["grey", "rgb", "rgb-16", "palette", "grey-palette", "grey-key"],
)  # fmt: skip
def test_transparent_parts_are_black(data: bytes, expected: np.ndarray) -> None:
    found = decode_image(io.BytesIO(data), "a.png")
    assert same(found.array, expected)
    assert found.sayings == (("intensity", "has transparent parts, which are shown black"),)


def test_full_opacity_changes_nothing() -> None:
    found = decode_image(io.BytesIO(file_of(np.dstack([RGB, np.full_like(GREY, 255)]))), "a.png")
    assert same(found.array, RGB)
    assert found.sayings == ()


def test_colours_are_those_of_the_file() -> None:
    red_white = np.zeros((8, 16, 3), np.uint8)
    red_white[:, :8], red_white[:, 8:] = (200, 30, 30), 255
    inks = decode_image(io.BytesIO(file_of(Image.fromarray(red_white).convert("CMYK"), "JPEG", quality=95)), "a.jpg")
    assert np.abs(inks.array.astype(int) - red_white).max() < 8
    assert inks.sayings == (("intensity", "is in printing colours (CMYK), shown without their profile"),)
    jpeg = np.array([[[76, 85, 255], [255, 128, 128]]], np.uint8)
    assert decoded(tiff(jpeg, 6, tags={530: ("H", [1, 1])})).tolist() == [[[254, 0, 0], [255, 255, 255]]]
    lab = np.array([[[136, 80, 67], [255, 0, 0]]], np.uint8)  # of sRGB's red: L 53.2, a 80, b 67
    assert np.abs(decoded(tiff(lab, 8)).astype(int) - [[[255, 0, 0], [255, 255, 255]]]).max() < 13


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(kind: str, orientation: int) -> None:
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:8, :8] = 255  # what is stored: white in the first corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    found = decoded(file_of(picture, kind, exif=exif, **options))
    # EXIF 2.3, table 6: where the stored first row and first column are when it is upright.
    at_bottom, at_right = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    corner = found[-1 if at_bottom else 0, -1 if at_right else 0]
    assert corner.min() > 245
    assert found.shape[:2] == ((16, 24) if orientation < 5 else (24, 16))
    assert (found > 128).all(axis=2).sum() == 64


def test_a_stack_is_no_picture() -> None:
    pages = [Image.fromarray(np.roll(GREY, shift, axis=1)) for shift in range(3)]
    for kind, unit in (("TIFF", "pages"), ("GIF", "frames"), ("PNG", "frames"), ("WEBP", "frames")):
        data = file_of(pages[0], kind, save_all=True, append_images=pages[1:])
        with pytest.raises(ImageError, match=f"holds 3 {unit} and is no single picture"):
            decoded(data)
    with pytest.raises(ImageError, match="holds 30 pages"):
        decoded(file_of(GREY, "TIFF", tiffinfo={270: "ImageJ=1.53\nimages=30\nslices=30\n"}))


@pytest.mark.parametrize("thumbnail_first", [False, True])
def test_of_a_pyramid_the_full_page_is_read(thumbnail_first: bool) -> None:
    full, small = Image.fromarray(GREY), Image.fromarray(GREY[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    full.encoderinfo = {"tiffinfo": {254: 0}}
    first, second = (small, full) if thumbnail_first else (full, small)
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=[second], tiffinfo=first.encoderinfo["tiffinfo"])
    assert same(decoded(stream.getvalue()), GREY)


def test_a_photograph_with_a_preview() -> None:
    photograph, preview = Image.fromarray(RGB), Image.fromarray(RGB[::2, ::2])
    found = decode_image(io.BytesIO(file_of(photograph, "MPO", save_all=True, append_images=[preview])), "a.jpg")
    assert found.array.shape == RGB.shape
    assert found.sayings == (("not read", "holds further pictures (a preview, depth or stereo), which are not read"),)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no image", "is not an image"),
        (b"", "is empty"),
        (bytes(999), "holds nothing but zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><title>404</title>", "is a web page"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "is a HEIC photograph"),
        (bytes(128) + b"DICM" + bytes(99), "is a DICOM file under another suffix"),
        (file_of(GREY)[:60], "cannot be read|is not an image"),
        (file_of(np.full((5, 5), 9, np.uint8)), "is constant: every pixel is 9"),
        (file_of(np.full((5, 5), 0.25, np.float32), "TIFF"), r"is constant: every pixel is 0\.25"),
        (file_of(np.where(SQUARES, FLOAT, np.nan).astype(np.float32), "TIFF"), "holds NaN or infinite pixels"),
        (file_of(np.dstack([RGB, np.zeros_like(GREY)])), "is wholly transparent"),
        (tiff(FLOAT.astype(np.float64), 1, 3), "a TIFF of 1 channel of 64-bit floating-point numbers"),
        (tiff(FLOAT.astype(np.float16), 1, 3), "a TIFF of 1 channel of 16-bit floating-point numbers"),
        (tiff(np.dstack([FLOAT] * 3), 2, 3), "a TIFF of 3 channels of 32-bit floating-point numbers"),
        (tiff(np.dstack([DEEP] * 5), tags={338: ("H", [0] * 4)}), "a TIFF of 5 channels of 16-bit unsigned integers"),
        (tiff(RGB, 6), "colours .YCbCr. at half resolution"),
        (tiff(np.dstack([DEEP_RGB, DEEP]), 5), r"more than 8 bits \(TIFF, CMYK\)"),
        (tiff(DEEP_RGB, 2, tags={274: ("H", [6])}), r"more than 8 bits \(TIFF, RGB\)"),
        (png16(np.dstack([DEEP, DEEP])), r"more than 8 bits \(PNG, RGBA\)"),
        (b"P6 7 9 4095 " + DEEP_RGB.astype(">u2").tobytes(), r"more than 8 bits \(PPM, RGB\)"),
        (b"P5 20000 20000 255 ", "has more than 178 million pixels"),
    ],
    ids=[
        "text", "empty", "zeros", "lfs", "html", "heic", "dicom", "cut off", "constant", "constant-float", "nan",
        "transparent", "float64", "float16", "float-rgb", "5-channels", "split-ycbcr", "cmyk-16",
        "turned-rgb-16", "grey-alpha-16", "ppm-12", "400-megapixels",
    ],
)  # fmt: skip
def test_unusable_images(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=rf"a\.png: .*({reason})"):
        decoded(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "data",
    [
        file_of(GREY), file_of(RGB, "JPEG"), file_of(GREY, "GIF"), file_of(RGB, "WEBP"), file_of(DEEP, "JPEG2000"),
        file_of(DEEP, "TIFF", compression="tiff_lzw"), tiff(DEEP_RGB, 2), tiff(FLOAT.astype(float), 1, 3),
        png16(DEEP_RGB), file_of(GREY, "BMP"), file_of(GREY, "PPM"),
    ],
    ids=["png", "jpeg", "gif", "webp", "jp2", "lzw", "tiff-rgb-16", "tiff-float64", "png-rgb-16", "bmp", "pgm"],
)  # fmt: skip
def test_damage_is_the_pictures_own_error(data: bytes) -> None:
    rng = np.random.default_rng(len(data))
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 5)):
            damaged[rng.integers(min(len(data), 300))] = rng.integers(256)
        with contextlib.suppress(ImageError):
            array = decoded(bytes(damaged[: rng.integers(len(data) // 2, len(data))]))
            assert array.ndim in (2, 3)


@pytest.mark.filterwarnings("error")
def test_twice_pillows_warning_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size // 2 + 1)
    assert same(decoded(file_of(GREY)), GREY)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size // 2)
    with pytest.raises(ImageError, match="million pixels"):
        decoded(file_of(GREY))


def test_a_file_that_cannot_be_opened_is_not_at_fault(tmp_path: Any) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_picture(tmp_path / "gone.png", "gone.png", "gone")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_bicubic_is_pillows_and_does_not_overshoot(dtype: type) -> None:
    edge = np.zeros((8, 8), dtype)
    edge[:, 4:] = 255 if dtype is np.uint8 else 1
    found = fit(edge, (32, 32), how="bicubic")
    plain = np.asarray(Image.fromarray(edge).resize((32, 32), Image.Resampling.BICUBIC))
    assert np.array_equal(found, plain.clip(0, edge.max()))
    assert not np.array_equal(found, fit(edge, (32, 32)))


@pytest.mark.parametrize(
    ("shape", "size", "crop"), [((300, 300), 224, 0.875), ((97, 61), 32, 0.9), ((40, 90), 32, 1.0)]
)
def test_a_crop_is_timms(shape: tuple[int, int], size: int, crop: float) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (*shape, 3), dtype=np.uint8)
    timms = create_transform((3, size, size), interpolation="bicubic", crop_pct=crop, mean=(0,) * 3, std=(1,) * 3)
    expected = np.rint(np.moveaxis(timms(Image.fromarray(picture)).numpy(), 0, -1) * 255)
    assert np.array_equal(fit(picture, (size, size), how="bicubic", crop=crop), expected)
    assert np.array_equal(fit(picture[..., 0], (size, size), how="bicubic", crop=crop), expected[..., 0])


def test_fit_keeps_the_aspect_in_mm_and_pads_with_black() -> None:
    white = np.full((10, 20), 255, np.uint8)
    fitted = fit(white, (40, 40))
    assert (fitted[10:30] == 255).all()
    assert not fitted[:10].any()
    assert not fitted[30:].any()
    # Pixels twice as high as wide: the same array is a square.
    assert (fit(white, (40, 40), (2.0, 1.0)) == 255).all()


def test_fit_does_not_alias() -> None:
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (64, 32))
    assert np.allclose(fit(stripes, (8, 8))[:, 1:-1], 0.5, atol=0.05)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 4])
def test_three_channels(n_channels: int) -> None:
    channels = np.stack([np.full((2, 2), 0.2 * (i + 1), np.float32) for i in range(n_channels)])
    expected = {1: [51, 51, 51], 2: [51, 102, 76], 3: [51, 102, 153], 4: [51, 102, 153]}[n_channels]
    assert three_channels(channels)[0, 0].tolist() == pytest.approx(expected, abs=1)
