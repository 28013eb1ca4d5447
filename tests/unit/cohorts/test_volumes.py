import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixgig.cohorts.base import Volume
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.slices import choose_slices, partition_of
from sixgig.cohorts.volumes import Planes, planes_of
from sixgig.errors import ImageError


def _volume(array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    if array.ndim == 3:
        array = array[..., None]
    stored = np.asfortranarray(array.astype(np.float32))
    return Volume(stored, spacing, "v", None, tuple(f"c{i}.nii" for i in range(array.shape[3])))


def whole(prepared: Planes) -> np.ndarray:
    """Every plane of the first channel, [X, Y, Z] in [0, 1]."""
    return np.stack([prepared.plane(index, 0) for index in range(prepared.array.shape[2])], axis=-1)


def test_percentiles_of_the_foreground_become_0_and_1() -> None:
    rng = np.random.default_rng(0)
    array = np.zeros((12, 12, 12))
    array[2:10, 3:9, 4:11] = rng.uniform(100, 200, (8, 6, 7))
    prepared = planes_of(_volume(array), Recipe(16, foreground="nonzero"))
    assert prepared.array.shape == (8, 6, 7, 1)
    assert prepared.first_slice == 4
    low, high = np.percentile(array[array > 0], [1, 99])
    expected = np.clip((array[2:10, 3:9, 4:11] - low) / (high - low), 0, 1)
    assert np.allclose(whole(prepared), expected, atol=1e-5)


def test_background_stays_black_when_intensities_are_negative() -> None:
    rng = np.random.default_rng(0)
    array = np.zeros((8, 8, 8))
    array[1:7, 1:7, 1:7] = rng.normal(-1, 0.1, (6, 6, 6))
    array[3, 3, 3] = 0.0
    prepared = planes_of(_volume(array), Recipe(16, foreground="nonzero"))
    assert whole(prepared)[2, 2, 2] == 0.0


def test_centre_crop_in_mm() -> None:
    array = np.random.default_rng(0).uniform(size=(40, 30, 5))
    prepared = planes_of(_volume(array, (2.0, 1.0, 8.0)), Recipe(16, crop="centre", crop_mm=20.0))
    assert prepared.array.shape == (10, 20, 5, 1)
    low, high = np.percentile(array, [1, 99])
    assert np.allclose(whole(prepared), np.clip((array[15:25, 5:25] - low) / (high - low), 0, 1), atol=1e-5)
    all_of_it = planes_of(_volume(array), Recipe(16, crop="centre", crop_mm=150.0))
    assert all_of_it.array.shape == (40, 30, 5, 1)


@pytest.mark.parametrize(("value", "reason"), [(0.0, "has no foreground"), (5.0, "has no contrast")])
def test_nothing_to_see(value: float, reason: str) -> None:
    with pytest.raises(ImageError, match=f"c0.nii: {reason}"):
        planes_of(_volume(np.full((4, 4, 4), value)), Recipe(16, foreground="nonzero"))


@given(n=st.integers(1, 200), every=st.integers(1, 12), count=st.integers(1, 30))
def test_chosen_slices(n: int, every: int, count: int) -> None:
    inner = choose_slices(n)
    assert inner == list(range(int(n * 0.05), n - int(n * 0.05)))
    for chosen in (choose_slices(n, every=every), choose_slices(n, count=count)):
        assert chosen == sorted(set(chosen))
        assert set(chosen) <= set(inner)
        assert chosen
        assert abs((chosen[0] - inner[0]) - (inner[-1] - chosen[-1])) <= 1
    assert len(choose_slices(n, count=count)) == min(count, len(inner))
    assert set(np.diff(choose_slices(n, every=every))) <= {every}


@pytest.mark.parametrize("n_slices", [4, 9, 140])
def test_partitions_are_equal_and_four_slices_fall_into_four(n_slices: int) -> None:
    sizes = np.bincount([partition_of(index, n_slices, 4) for index in range(n_slices)])
    assert len(sizes) == 4
    assert sizes.max() - sizes.min() <= 1
    assert [partition_of(index, n_slices, 4) for index in choose_slices(n_slices, count=4)] == [0, 1, 2, 3]


def test_pictures_are_upright() -> None:
    array = np.full((20, 20, 3), 10.0)
    array[14:18, 15:19, 1] = 100.0  # to the right (large X) and anterior (large Y)
    array[0, 0, 0] = 0.0
    prepared = planes_of(_volume(array), Recipe(16, foreground="all"))
    picture = prepared.picture(1, 20)
    rows, columns = np.nonzero(picture[..., 0] > 200)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 4, 14, 17)
    volume = prepared.resampled((3, 20, 20))
    assert np.array_equal(np.argwhere(volume[1, :, :, 0] > 0.8), np.argwhere(picture[..., 0] > 200))


@pytest.mark.parametrize("size", [(6, 10, 12), (24, 20, 30), (3, 5, 4)])
def test_resample_keeps_a_linear_ramp_and_the_range(size: tuple[int, int, int]) -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 12), (10, 8, 12))
    prepared = planes_of(_volume(np.stack([ramp, 1 - ramp], axis=3)), Recipe(16, foreground="all"))
    volume = prepared.resampled(size)
    assert volume.shape == (*size, 2)
    assert volume.dtype == np.float16
    assert volume.min() >= 0
    assert volume.max() <= 1
    middle = volume[:, size[1] // 2, size[2] // 2].astype(float)
    assert (np.diff(middle[:, 0]) >= 0).all()
    assert np.allclose(middle.sum(axis=1), 1, atol=5e-3)
    assert middle[:, 0].mean() == pytest.approx(0.5, abs=0.01)


def test_resample_averages_over_slices_that_it_skips() -> None:
    alternating = np.broadcast_to(np.arange(40) % 2, (6, 6, 40)).astype(float)
    prepared = planes_of(_volume(alternating), Recipe(16, foreground="all"))
    assert np.allclose(prepared.resampled((5, 6, 6))[1:-1], 0.5, atol=0.1)
