"""One rule of intensities: pictures are normalised as slices are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.base import Image2D
from sixgig.cohorts.images import fit
from sixgig.cohorts.options import read_options
from sixgig.cohorts.pictures import OWN_RANGE, prepare_picture
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.errors import ConfigError, ImageError
from sixgig.tables.cohorts import REMARKS

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 200, (16, 16), dtype=np.uint8)
RGB = RNG.integers(0, 200, (16, 16, 3), dtype=np.uint8)


def prepared(array: np.ndarray, size: int = 16, **options: Any) -> tuple[np.ndarray, list[str]]:
    _, recipe, _ = read_options("image_folder", "c", options, size)
    picture, remarks = prepare_picture(Image2D(array, "a", "a.png"), recipe)
    assert picture.dtype == np.uint8
    assert picture.shape == (size, size, 3)
    return picture, [remark.text for remark in remarks]


def between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """[H, W, 3] whole numbers from 0 to 255."""
    scaled = np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)
    return np.repeat(scaled[..., None], 3, axis=2) if values.ndim == 2 else scaled


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found - expected).max() <= 1)  # float32 against float64, rounded


def test_8_bits_stay_as_they_are() -> None:
    assert np.array_equal(prepared(GREY)[0], np.repeat(GREY[..., None], 3, axis=2))
    assert np.array_equal(prepared(RGB)[0], RGB)
    assert prepared(RGB)[1] == []
    assert np.array_equal(prepared(RGB, size=9)[0], fit(RGB, (9, 9), how="bicubic"))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_more_bits_are_shown_in_their_own_range(dtype: str) -> None:
    values = (RNG.permutation(256).reshape(16, 16) * (0.4 if dtype == "int8" else 13)).astype(dtype)
    picture, texts = prepared(values)
    assert close(picture, between(values, *np.percentile(values, [1, 99])))
    assert len(np.unique(picture)) > (100 if dtype == "int8" else 245)
    assert texts == [OWN_RANGE]


def test_12_bits_in_16_and_hounsfield_units_in_16() -> None:
    scene = np.linspace(0, 1, 4096).reshape(64, 64)
    for values in ((scene * 4095).astype(np.uint16), (scene * 400 - 160 + 32768).astype(np.uint16)):
        picture, _ = prepared(values, size=64)
        assert len(np.unique(picture)) == 256
        assert close(picture, between(values, *np.percentile(values, [1, 99])))
    window = {"method": "window", "low": 32768 - 160, "high": 32768 + 240}
    picture, texts = prepared(values, size=64, normalise=window)
    assert close(picture, between(values, 32608, 33008))
    assert texts == []  # the study file asked for it


def test_what_the_study_file_asks_for_holds_for_8_bits_too() -> None:
    values = GREY.astype(float)
    assert close(prepared(GREY, normalise={"method": "range"})[0], between(values, values.min(), values.max()))
    assert close(
        prepared(GREY, normalise={"method": "percentile"})[0], between(values, *np.percentile(values, [1, 99]))
    )
    mean, deviation = values.mean(), values.std()
    zscore = between(values, mean - 3 * deviation, mean + 3 * deviation)
    assert close(prepared(GREY, normalise={"method": "zscore"})[0], zscore)
    window = {"method": "window", "low": 50, "high": 100}
    assert close(prepared(GREY, normalise=window)[0], between(values, 50, 100))


def test_the_window_of_the_file_itself() -> None:
    values = GREY.astype(np.float32) * 10
    _, recipe, _ = read_options("image_folder", "c", {"normalise": {"method": "stored"}}, 16)
    picture, _ = prepare_picture(Image2D(values, "a", "a.dcm", window=(400.0, 900.0)), recipe)
    assert close(picture, between(values, 400, 900))
    with pytest.raises(ImageError, match=r"a\.png: stores no window, which normalise: {method: stored} asks for"):
        prepare_picture(Image2D(values, "a", "a.png"), recipe)


def test_colours_share_one_range() -> None:
    values = RGB.copy()
    values[..., 2] //= 4  # little blue stays little blue
    low, high = np.percentile(values, [1, 99])
    assert close(prepared(values, normalise={"method": "percentile"})[0], between(values, low, high))
    deep = values.astype(np.uint16) * 20
    picture, texts = prepared(deep)
    assert close(picture, between(deep, 20 * low, 20 * high))
    assert texts == [OWN_RANGE]


@pytest.mark.parametrize("colours", [False, True])
def test_the_foreground_alone_counts(colours: bool) -> None:
    values = np.zeros((16, 16, 3) if colours else (16, 16), np.uint16)
    inside = RNG.integers(1000, 2000, (4, 6, 3) if colours else (4, 6))
    values[3:7, 2:8] = inside
    picture, _ = prepared(values, foreground="nonzero", normalise={"method": "range"})
    assert close(picture[3:7, 2:8], between(inside, inside.min(), inside.max()))
    assert picture.sum() == picture[3:7, 2:8].sum()
    everywhere, _ = prepared(values, normalise={"method": "range"})
    assert close(everywhere, between(values, 0, inside.max()))


def test_no_contrast_is_named() -> None:
    spot = np.zeros((64, 64), np.uint16)
    spot[0, :4] = 9
    with pytest.raises(ImageError, match="a.png: has no contrast: the 1th and 99th percentile of its foreground are"):
        prepared(spot)
    assert prepared(spot, size=64, normalise={"method": "range"})[0].max() == 255


def test_mistakes_name_their_key() -> None:
    with pytest.raises(ConfigError, match=r"cohorts\.c\.normalise: is a window without low and high"):
        prepared(GREY, normalise={"method": "window"})
    with pytest.raises(ConfigError, match=r"cohorts\.c\.normalise\.low: has no effect on range"):
        prepared(GREY, normalise={"method": "range", "low": 2})
    with pytest.raises(ConfigError, match=r"cohorts\.c\.foreground: is 'skin'"):
        prepared(GREY, foreground="skin")


def test_a_cohort_of_8_and_16_bits_is_remarked_on(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.fromarray(GREY if name == "a" else 255 - GREY).save(tmp_path / "in" / name / "eight.png")
    Image.fromarray(GREY.astype(np.uint16) * 9).save(tmp_path / "in" / "a" / "sixteen.png")
    for options, expected in (({}, 2), ({"normalise": {"method": "range"}}, 0)):
        out = tmp_path / f"out{expected}"
        prepare_cohort(
            "image_folder", tmp_path / "in", out, image_size=16, options=options, seed=1, max_quarantine_fraction=0.0
        )
        remarks = REMARKS.read(out / "remarks.csv")
        assert len(remarks) == expected
        if expected:
            assert list(remarks["file"]) == ["a/sixteen.png", "."]
            assert remarks["subject_id"].iloc[0] == "a__sixteen.png"
            assert remarks["remark"].iloc[1].startswith("1 of 3 images had more than 8 bits and 2 had 8")
