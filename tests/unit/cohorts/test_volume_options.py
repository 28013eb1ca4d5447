"""What the options of a 3D cohort do to its voxels."""

from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.base import Volume
from sixgig.cohorts.bias_field import correct_bias
from sixgig.cohorts.foreground import otsu
from sixgig.cohorts.normalisation import Normalisation, _Counts
from sixgig.cohorts.options import read_options
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.resampling import to_spacing
from sixgig.cohorts.volumes import planes_of
from sixgig.errors import ConfigError


def volume(array: np.ndarray) -> Volume:
    return Volume(np.asfortranarray(array[..., None]), (1.0, 1.0, 1.0), "v", None, ("v.nii",))


def planes(array: np.ndarray, **options: Any) -> np.ndarray:
    prepared = planes_of(volume(array), Recipe(16, **options))
    return np.stack([prepared.plane(index, 0) for index in range(prepared.array.shape[2])], axis=-1)


RAW = np.random.default_rng(0).normal(100, 20, (10, 9, 8)).astype(np.float32)


def test_z_scores() -> None:
    found = planes(RAW, normalisation=Normalisation("zscore"))
    expected = np.clip((RAW - RAW.mean()) / RAW.std() / 6 + 0.5, 0, 1)
    assert np.allclose(found, expected, atol=1e-5)


def test_a_window() -> None:
    found = planes(RAW, normalisation=Normalisation("window", 80, 120))
    assert np.allclose(found, np.clip((RAW - 80) / 40, 0, 1), atol=1e-6)


def test_other_percentiles() -> None:
    found = planes(RAW, normalisation=Normalisation("percentile", 10, 90))
    low, high = np.percentile(RAW, [10, 90])
    assert np.allclose(found, np.clip((RAW - low) / (high - low), 0, 1), atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_the_stored_type_makes_no_difference(dtype: str) -> None:
    whole = RAW.round().clip(0, 255)
    assert np.allclose(planes(whole.astype(dtype)), planes(whole), atol=1e-6)


def test_otsu_finds_the_bright_half() -> None:
    array = np.concatenate([RAW[:5] * 0.1, RAW[5:]])
    threshold = otsu(array)
    assert array[:5].max() < threshold < np.percentile(array[5:], 20)
    prepared = planes_of(volume(array), Recipe(16, foreground="otsu"))
    assert prepared.array.shape[0] == 5


def test_crops() -> None:
    array = np.zeros((12, 12, 12), np.float32)
    array[2:9, 3:7, 4:8] = RAW[:7, :4, :4]
    assert planes_of(volume(array), Recipe(16, foreground="nonzero")).array.shape == (7, 4, 4, 1)
    assert planes_of(volume(array), Recipe(16, foreground="nonzero", crop="none")).array.shape == (12, 12, 12, 1)
    centre = planes_of(volume(array), Recipe(16, foreground="nonzero", crop="centre", crop_mm=6))
    assert centre.array.shape == (6, 6, 4, 1)
    assert centre.first_slice == 4


def test_resampling_to_a_spacing() -> None:
    x = np.broadcast_to(np.arange(20, dtype=np.int16)[:, None, None, None], (20, 6, 5, 1))
    array, spacing = to_spacing(x, (1.0, 2.0, 3.0), (2.0, 1.0, 0.0))
    assert array.shape == (10, 12, 5, 1)
    assert spacing == (2.0, 1.0, 3.0)
    assert np.allclose(array[1:-1, 0, 0, 0], np.arange(10)[1:-1] * 2 + 0.5)
    same, _ = to_spacing(x, (1.0, 2.0, 3.0), (1.0, 0.0, 3.0))
    assert np.array_equal(same, x)


def test_n4_flattens_a_bias_field() -> None:
    shape = (32, 32, 16)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = sum(axis**2 for axis in grid) < 0.8
    rng = np.random.default_rng(1)
    tissue = inside * (400 + rng.normal(0, 8, shape))
    field = np.exp(0.5 * grid[0] + 0.2 * grid[1])
    biased = np.asfortranarray((tissue * field)[..., None].astype(np.float32))
    corrected = correct_bias(biased, (4.0, 4.0, 4.0))
    spread = [float(values[inside].std() / values[inside].mean()) for values in (biased[..., 0], corrected[..., 0])]
    assert spread[1] < 0.4 * spread[0]
    assert (corrected[~inside] == 0).all()
    assert np.array_equal(corrected, correct_bias(biased, (4.0, 4.0, 4.0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": {"method": "window", "low": 0}}, r"c\.normalise: is a window without low and high"),
        ({"normalise": {"low": 99, "high": 1}}, r"c\.normalise: goes from 99 to 1"),
        ({"normalise": {"high": 101}}, r"c\.normalise: goes from 1 to 101"),
        ({"normalise": {"method": "zscore", "low": 1}}, r"c\.normalise\.low: has no effect"),
        ({"crop": "centre"}, r"c\.crop: is centre, and there is no side"),
        ({"foreground": "brain"}, r"c\.foreground: is 'brain'"),
        ({"frobnicate": 1}, r"c\.frobnicate: is not an option of a cohort"),
    ],
)
def test_mistakes_name_their_key(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"cohorts\.{message}"):
        read_options("brats", "c", {"modalities": ["t1"], **options}, 16)


def test_the_range_of_a_volume() -> None:
    array = np.zeros((6, 5, 4, 1), np.int16, order="F")
    array[1:5, 1:4, 1:3, 0] = np.arange(24).reshape(4, 3, 2) * 10 - 100
    _, recipe, _ = read_options("brats", "c", {"modalities": ["t1"], "normalise": {"method": "range"}}, 16)
    for dtype in ("int16", "float32"):
        planes = planes_of(Volume(array.astype(dtype), (1.0, 1.0, 1.0), "v", None, ("v",)), recipe)
        assert planes.ranges == ((-100.0, 130.0),)
        assert planes.plane(0, 0)[0, 0] == 0.0


def test_the_adapter_has_a_say() -> None:
    _, recipe, _ = read_options("brats", "c", {"modalities": ["t1"]}, 16)
    assert (recipe.foreground, recipe.crop, recipe.normalisation.method) == ("nonzero", "foreground", "percentile")
    _, recipe, _ = read_options("acdc", "c", {}, 16)
    assert (recipe.foreground, recipe.crop, recipe.crop_mm) == ("all", "centre", 150.0)
    _, recipe, _ = read_options("acdc", "c", {"crop": "none", "n4": True, "spacing": [1.4, 1.4, 0]}, 16)
    assert (recipe.crop, recipe.n4, recipe.spacing) == ("none", True, (1.4, 1.4, 0))


@pytest.mark.parametrize(("dtype", "n"), [("uint8", 1), ("int8", 7), ("int16", 2), ("uint16", 1000), ("int16", 1000)])
def test_counted_percentiles_are_those_of_numpy(dtype: str, n: int) -> None:
    info = np.iinfo(dtype)
    values = np.random.default_rng(n).integers(info.min, info.max, n, dtype=dtype, endpoint=True)
    for wanted in ((1.0, 99.0), (0.0, 100.0), (12.5, 50.0)):
        counted = _Counts(values[:, None, None], None).percentiles(wanted)
        assert counted == pytest.approx(np.percentile(values, wanted))


def test_keys_of_other_adapters_are_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    read_options("brats", "c", {"modalities": ["t1"], "columns": {}, "n4": False}, 16)
    assert not caplog.records
    read_options("brats", "c", {"modalities": ["t1"], "frames": ["ED"], "columns": {"path": "p"}}, 16)
    assert "cohorts.c.frames has no effect: BraTS does not use it" in caplog.text
    assert "cohorts.c.columns has no effect" in caplog.text
