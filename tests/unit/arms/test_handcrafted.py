"""Hand-made features against formulas written another way, straight from pixels."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from skimage.feature import hog, local_binary_pattern

from sixgig.arms.handcrafted import work
from sixgig.arms.handcrafted.arm import Handcrafted
from sixgig.arms.handcrafted.descriptors import describe, foreground, lengths
from sixgig.arms.handcrafted.intensities import FIRST_ORDER
from sixgig.arms.plain import compute_cohort
from sixgig.arms.plain_job import PlainJob
from sixgig.errors import ConfigError
from sixgig.gpu.work import Amount
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import read_features

OPTIONS = {
    "descriptor": "all", "foreground": "nonzero", "bins": 8, "bin_width": 25, "radii": [1, 2], "cells": 4,
    "orientations": 6, "pooling": "mean",
}  # fmt: skip


@pytest.fixture
def images():
    """Four pictures of noise in colour with black margins, each with another spread of grey values."""
    rng = np.random.default_rng(3)
    found = np.zeros((4, 32, 32, 3), np.uint8)
    for image, spread in zip(found, (10, 40, 80, 5), strict=True):
        image[4:28, 2:30] = np.clip(rng.normal(120, spread, (24, 28, 3)), 1, 255)
    return found


def options(**changes):
    return OPTIONS | changes


def plain_first_order(pixels, bin_width):
    """PyRadiomics' formulas, written for the pixels themselves."""
    x = pixels.astype(np.float64)
    _, counts = np.unique(np.floor(x / bin_width), return_counts=True)
    p = counts / counts.sum()
    p10, p90 = np.percentile(x, [10, 90])
    middle = x[(x >= p10) & (x <= p90)]
    flat = x.std() == 0
    return {
        "Energy": (x**2).sum(), "Entropy": -(p * np.log2(p)).sum(), "Minimum": x.min(), "10Percentile": p10,
        "90Percentile": p90, "Maximum": x.max(), "Mean": x.mean(), "Median": np.median(x),
        "InterquartileRange": stats.iqr(x), "Range": np.ptp(x), "MeanAbsoluteDeviation": np.abs(x - x.mean()).mean(),
        "RobustMeanAbsoluteDeviation": np.abs(middle - middle.mean()).mean(),
        "RootMeanSquared": np.sqrt((x**2).mean()), "StandardDeviation": x.std(),
        "Skewness": 0.0 if flat else stats.skew(x), "Kurtosis": 0.0 if flat else stats.kurtosis(x, fisher=False),
        "Variance": x.var(), "Uniformity": (p**2).sum(),
    }  # fmt: skip


@pytest.mark.parametrize("bin_width", [1, 25, 100])
def test_first_order_statistics_follow_pyradiomics(images, bin_width):
    found = describe(images, 3, options(descriptor="first_order", bin_width=bin_width))
    assert found.dtype == np.float32
    for row, image in zip(found, images, strict=True):
        mask = image.any(axis=2)
        expected = [plain_first_order(image[mask][:, channel], bin_width) for channel in range(3)]
        wanted = [channel[name] for channel in expected for name in FIRST_ORDER]
        np.testing.assert_allclose(row, wanted, rtol=2e-6, atol=1e-6)


def test_first_order_statistics_of_one_value():
    found = describe(np.full((1, 8, 8, 3), 50, np.uint8), 1, options(descriptor="first_order"))[0]
    known = dict(zip(FIRST_ORDER, found.tolist(), strict=True))
    assert known["Energy"] == 64 * 2500
    assert known["Kurtosis"] == known["Skewness"] == known["Variance"] == known["RobustMeanAbsoluteDeviation"] == 0
    assert known["Entropy"] == pytest.approx(0, abs=1e-9)
    assert known["Uniformity"] == 1


def test_a_histogram_is_that_of_numpy(images):
    found = describe(images, 3, options(descriptor="histogram"))
    for row, image in zip(found, images, strict=True):
        pixels = image[image.any(axis=2)]
        wanted = [np.histogram(pixels[:, channel], bins=8, range=(0, 256))[0] / len(pixels) for channel in range(3)]
        np.testing.assert_allclose(row, np.concatenate(wanted), rtol=1e-6)


def test_patterns_are_counted_in_the_foreground_and_gradients_everywhere(images):
    grey = images[..., 0]
    found = describe(images, 1, options(descriptor="lbp"))
    assert found.shape == (4, 10 + 18)
    codes = local_binary_pattern(grey[1], 16, 2, method="uniform")[images[1].any(axis=2)]
    np.testing.assert_allclose(found[1, 10:], [np.mean(codes == code) for code in range(18)], rtol=1e-6)
    found = describe(images, 1, options(descriptor="hog"))
    wanted = hog(grey[2], 6, (8, 8), (2, 2), block_norm="L2-Hys")
    np.testing.assert_allclose(found[2], wanted, rtol=1e-6, atol=1e-7)


def test_all_is_one_after_another_channel_by_channel(images):
    names = ("histogram", "first_order", "lbp", "hog")
    parts = {name: describe(images, 3, options(descriptor=name)) for name in names}
    found, sizes = describe(images, 3, OPTIONS), lengths(OPTIONS)
    assert found.shape == (4, 3 * sum(sizes.values()))
    start = 0
    for channel in range(3):
        for name in names:
            own = slice(channel * sizes[name], (channel + 1) * sizes[name])
            np.testing.assert_array_equal(found[:, start : start + sizes[name]], parts[name][:, own])
            start += sizes[name]


def test_what_counts_as_foreground():
    images = np.zeros((2, 6, 6, 3), np.uint8)
    images[0, 1, 1, 2] = images[0, 3, 4, 0] = 9
    assert np.argwhere(foreground(images, "nonzero")[0]).tolist() == [[1, 1], [3, 4]]
    box = np.zeros((6, 6), bool)
    box[1:4, 1:5] = True
    np.testing.assert_array_equal(foreground(images, "box")[0], box)
    assert foreground(images, "all").all()
    for rule in ("nonzero", "box", "all"):  # a black image counts whole
        assert foreground(images, rule)[1].all()


def test_pixels_of_a_cell_that_is_not_whole_are_left_out_on_both_sides():
    images = np.random.default_rng(0).integers(0, 256, (1, 34, 34, 3), dtype=np.uint8)
    found = describe(images, 1, options(descriptor="hog"))
    np.testing.assert_array_equal(found, describe(images[:, 1:33, 1:33], 1, options(descriptor="hog")))


def cohort(folder, images, per_subject=2):
    np.save(folder / "images.npy", images)
    n = len(images)
    table = {"image_id": [f"i{row}" for row in range(n)], "subject_id": [f"s{row // per_subject}" for row in range(n)]}
    empty = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    MANIFEST.write(pd.DataFrame(table | {"label": "x"} | empty | {"source": "f"}), folder / "manifest.csv")
    return folder


def run(folder, **changes):
    fields = {"images": folder / "images.npy", "manifest": folder / "manifest.csv", "options": OPTIONS} | changes
    compute_cohort("handcrafted", PlainJob(cohort="c", arm="mine", **fields), folder / "a.npz", folder / "a.images.npy")
    return (
        np.load(folder / "a.images.npy"),
        *read_features(folder / "a.npz"),
        json.loads((folder / "a.json").read_text()),
    )


def test_features_and_sidecar_of_a_cohort_in_colour(images, tmp_path):
    rows, pooled, subjects, sidecar = run(cohort(tmp_path, images))
    np.testing.assert_array_equal(rows, describe(images, 3, OPTIONS))
    np.testing.assert_allclose(pooled, [rows[:2].mean(axis=0), rows[2:].mean(axis=0)], rtol=1e-6)
    assert subjects.tolist() == ["s0", "s1"]
    assert (sidecar["arm"], sidecar["status"], sidecar["device"]) == ("mine", "ok", "cpu")
    assert (sidecar["n_images"], sidecar["n_subjects"], sidecar["n_features"]) == (4, 2, rows.shape[1])
    assert sidecar["handmade"]["channels"] == 3
    assert sidecar["handmade"]["descriptors"] == {"histogram": 8, "first_order": 18, "lbp": 28, "hog": 216}
    assert sidecar["batch_size_used"] is None


def test_one_channel_is_described_where_the_three_are_the_same(images, tmp_path):
    images[...] = images[..., :1]
    images[3] = 0
    rows, _, _, sidecar = run(cohort(tmp_path, images))
    assert (rows.shape[1], sidecar["handmade"]["channels"]) == (270, 1)
    assert sidecar["handmade"]["images_without_foreground"] == 1


def test_the_number_of_processes_changes_nothing(tmp_path):
    images = np.random.default_rng(5).integers(0, 256, (520, 16, 16, 3), dtype=np.uint8)
    folder = cohort(tmp_path, images)
    alone, *_ = run(folder)
    together, *_ = run(folder, threads=2)
    np.testing.assert_array_equal(alone, together)


def test_a_cohort_that_failed_is_left_out(images, tmp_path):
    (tmp_path / "gate.json").write_text('{"status": "failed: cohort: no images"}')
    rows, pooled, _, sidecar = run(cohort(tmp_path, images), gate=tmp_path / "gate.json")
    assert (len(rows), len(pooled)) == (0, 0)
    assert sidecar["status"] == "failed: cohort c: cohort: no images"


def test_cells_of_less_than_two_pixels_are_refused():
    def study(**changes):
        return {"image": {"size": 28}, "arms": {"mine": options(**changes)}}

    Handcrafted.check(study(cells=14), "mine")
    Handcrafted.check(study(cells=16, descriptor="lbp"), "mine")
    with pytest.raises(ConfigError, match=r"arms.mine.cells: 16 cells along 28 pixels .*\n.*at most 14"):
        Handcrafted.check(study(cells=16), "mine")


def test_the_forecast_knows_how_many_features_there_are(images):
    amount = SimpleNamespace(images=4, channels=3, image_size=32)
    assert work.length(OPTIONS, amount) == describe(images, 3, OPTIONS).shape[1]
    assert work.length(OPTIONS, Amount(4, 4, channels=1)) == describe(images, 1, OPTIONS).shape[1]
    one, two = (work.seconds(OPTIONS, Amount(1, number)) for number in (1000, 2000))
    assert two > one > 0
