import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sixgig.contrastive.augmentation import Augmentation, augment, prepare_batch, resize
from sixgig.contrastive.sampling import Batch

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
STRONG = Augmentation(0.5, 0.3, 0.7, 1.3)
NONE = Augmentation(1.0, 0.0, 1.0, 1.0)


def random_image(height, width=None, seed=0):
    return np.random.RandomState(seed).random_sample((height, width or height, 3)).astype(np.float32)


def random_images(n, size, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (n, size, size, 3)).astype(np.uint8)


def normalised(images):
    return (images.astype(np.float64) / 255 - MEAN) / STD


def batch_of(rows, augmented, stage="global"):
    return Batch(np.array(rows), np.array(augmented), stage)


def torch_resized(image, height, width):
    # In float64: torch computes the places to read in the image's own precision.
    tensor = torch.from_numpy(image).double().permute(2, 0, 1)[None]
    resized = functional.interpolate(tensor, size=(height, width), mode="bilinear", align_corners=False)
    return resized[0].permute(1, 2, 0).numpy()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resize_equals_torch(height, width, wanted_height, wanted_width):
    image = random_image(height, width)
    before = image.copy()
    wanted = torch_resized(image, wanted_height, wanted_width)
    found = resize(image, wanted_height, wanted_width)
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-6
    assert np.array_equal(image, before)


@pytest.mark.parametrize(("size", "fraction", "side"), [(224, 100 / 192, 117), (56, 0.5, 28), (25, 0.6, 15)])
def test_a_crop_is_one_of_the_image_s_squares_resized(size, fraction, side):
    image = random_image(size)
    found = augment(image, np.random.RandomState(3), fraction, 0.0, (1.0, 1.0))
    top, left = np.random.RandomState(3).random_sample(4)[:2] * (size - side + 1)
    crop = image[int(top) : int(top) + side, int(left) : int(left) + side]
    assert np.abs(found - torch_resized(crop, size, size)).max() < 1e-6


def test_crops_reach_every_corner_and_no_further():
    # The red channel holds the row, the green one the column; a crop of 3 of 6 starts at 0 to 3.
    image = np.stack([*np.mgrid[:6, :6], np.zeros((6, 6))], axis=2).astype(np.float32) / 6
    random = np.random.RandomState(0)
    crops = [augment(image, random, 0.5, 0.0, (1.0, 1.0)) for _ in range(400)]
    starts = [tuple(np.round(crop[0, 0, :2] * 6).astype(int)) for crop in crops]
    assert set(starts) == {(row, column) for row in range(4) for column in range(4)}
    assert max(crop[-1, -1, 0] for crop in crops) == pytest.approx(5 / 6)


def test_a_crop_of_an_oblong_image_is_square():
    image = np.full((20, 30, 3), 0.5, dtype=np.float32)
    assert augment(image, np.random.RandomState(0), 0.5, 0.0, (1.0, 1.0)).shape == (20, 30, 3)
    # Columns 0 to 29 hold their number; 10 of them are stretched over 30, a third of a column each.
    image[:] = np.arange(30, dtype=np.float32)[:, None] / 30
    steps = np.diff(augment(image, np.random.RandomState(0), 0.5, 0.0, (1.0, 1.0))[0, 2:-2, 0])
    assert steps == pytest.approx(1 / 90, abs=1e-6)


def test_fraction_1_leaves_the_geometry_alone():
    image = random_image(30)
    assert np.array_equal(augment(image, np.random.RandomState(0), 1.0, 0.0, (1.0, 1.0)), image)


def test_brightness_adds_one_offset_to_the_image():
    image = 0.4 + 0.2 * random_image(16)
    offsets = []
    for seed in range(300):
        difference = augment(image, np.random.RandomState(seed), 1.0, 0.3, (1.0, 1.0)) - image
        assert np.ptp(difference) < 1e-6
        offsets.append(difference.mean())
    assert -0.3 <= min(offsets) < -0.28
    assert 0.28 < max(offsets) <= 0.3
    assert abs(np.mean(offsets)) < 5 * 0.3 / np.sqrt(3 * 300)


def test_contrast_scales_around_the_mean_of_each_channel():
    image = random_image(16) * [0.1, 0.2, 0.3] + [0.3, 0.4, 0.5]
    image = image.astype(np.float32)
    centred = image - image.mean(axis=(0, 1))
    factors = []
    for seed in range(200):
        found = augment(image, np.random.RandomState(seed), 1.0, 0.0, (0.7, 1.3))
        assert found.mean(axis=(0, 1)) == pytest.approx(image.mean(axis=(0, 1)), abs=1e-6)
        factor = (found - image.mean(axis=(0, 1)))[0, 0] / centred[0, 0]
        assert factor == pytest.approx(factor[0], abs=1e-4)
        assert np.abs(found - found.mean(axis=(0, 1)) - centred * factor[0]).max() < 1e-4
        factors.append(factor[0])
    assert 0.7 - 1e-4 <= min(factors) < 0.73
    assert 1.27 < max(factors) <= 1.3 + 1e-4


def test_contrast_follows_brightness_and_the_result_is_clipped():
    # Half the image is 0, half 1. Brightened by b the mean is 0.5 + b, and contrast c gives 0.5 + b +- c / 2.
    image = np.zeros((8, 8, 3), dtype=np.float32)
    image[4:] = 1
    seen = []
    for seed in range(200):
        draws = np.random.RandomState(seed).random_sample(4)
        middle, half = 0.5 + 0.9 * (2 * draws[2] - 1), (0.2 + 1.8 * draws[3]) / 2
        found = augment(image, np.random.RandomState(seed), 1.0, 0.9, (0.2, 2.0))
        assert found[0, 0, 0] == pytest.approx(np.clip(middle - half, 0, 1.5), abs=1e-6)
        assert found[-1, 0, 0] == pytest.approx(np.clip(middle + half, 0, 1.5), abs=1e-6)
        assert found.dtype == np.float32
        seen.extend([found.min(), found.max()])
    assert min(seen) == 0.0
    assert max(seen) == 1.5


def test_images_that_are_not_augmented_are_only_normalised():
    images = random_images(6, 20)
    found = prepare_batch(images, batch_of([4, 1, 5], [False] * 3), MEAN, STD, STRONG, 0, 0)
    assert found.dtype == np.float32
    assert found == pytest.approx(normalised(images[[4, 1, 5]]), abs=1e-5)
    # Augmentation of no strength changes nothing either.
    assert prepare_batch(images, batch_of([4, 1], [True] * 2), MEAN, STD, NONE, 0, 0) == pytest.approx(found[:2])


def test_empty_images_are_zero_before_normalisation():
    images = random_images(3, 20)
    found = prepare_batch(images, batch_of([-1, 2, -1], [False, True, True]), MEAN, STD, STRONG, 0, 0)
    for position in (0, 2):
        assert found[position] == pytest.approx(np.tile(-np.array(MEAN) / STD, (20, 20, 1)))


def test_every_image_has_its_own_draws():
    images = random_images(1, 20)
    found = prepare_batch(images, batch_of([0] * 6, [True] * 6), MEAN, STD, STRONG, 0, 0)
    assert len({image.tobytes() for image in found}) == 6


def test_draws_depend_on_seed_step_stage_and_position_alone(tmp_path):
    np.save(tmp_path / "images.npy", random_images(5, 20))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")

    def prepared(rows, augmented, seed=7, step=3, stage="global"):
        options = STRONG._replace(crop_fraction=1.0)  # so that stages differ by their draws alone
        return prepare_batch(images, batch_of(rows, augmented, stage), MEAN, STD, options, seed, step)

    first = prepared([0, 1, 2], [True] * 3)
    assert np.array_equal(prepared([0, 1, 2], [True] * 3), first)
    # What the other positions hold has no influence.
    assert np.array_equal(prepared([3, 1, -1], [False, True, False])[1], first[1])
    others = [prepared([0, 1, 2], [True] * 3, **change) for change in ({"seed": 8}, {"step": 4}, {"stage": "local"})]
    assert len({each.tobytes() for each in [first, *others]}) == 4


def test_the_local_stage_keeps_the_geometry():
    images = random_images(2, 20)
    found = prepare_batch(images, batch_of([0, 1, 0, 1], [True] * 4, "local"), MEAN, STD, STRONG, 0, 0)
    assert not np.array_equal(found[:2], found[2:])
    for view, image in zip(found, normalised(images[[0, 1, 0, 1]]), strict=True):
        inside = (view * STD + MEAN > 0.01) & (view * STD + MEAN < 1.49)
        for channel in range(3):
            pixels = inside[..., channel]
            # Only intensity changes, so that pixels of a channel lie on a line over their values before.
            assert np.corrcoef(view[pixels, channel], image[pixels, channel])[0, 1] > 0.9999


@pytest.mark.parametrize("fraction", [1e-6, 0.999999, 1.0])
def test_extreme_crops(fraction):
    found = augment(random_image(10), np.random.RandomState(0), fraction, 0.0, (1.0, 1.0))
    assert found.shape == (10, 10, 3)
    assert np.isfinite(found).all()
    assert (len(np.unique(found)) == 3) == (fraction < 0.1)  # one pixel, three channels
