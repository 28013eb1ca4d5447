import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sixgig.errors import ArmError
from sixgig.mim import crops
from sixgig.mim.crops import ImageRows, VolumeCrops, item_seeds
from sixgig.mim.sliding import release, sliding_positions

SIZE, CROP = (5, 4, 6), (3, 2, 4)
POSITIONS = [(z, y, x) for z in range(3) for y in range(3) for x in range(3)]


@pytest.fixture
def numbered():
    """Three volumes of two modalities in which every value occurs once, each exact in float16."""
    return np.arange(3 * np.prod(SIZE) * 2).reshape(3, *SIZE, 2).astype(np.float16)


def position_of(item, row):
    """Where a crop of a numbered volume lies, by its first voxel."""
    number = int(item[0, 0, 0, 0]) // 2 - row * int(np.prod(SIZE))
    return tuple(int(place) for place in np.unravel_index(number, SIZE))


def test_a_batch_is_a_pure_function_of_seed_and_step(numbered):
    source = VolumeCrops(numbered, range(3), CROP, seed=1, flips=(0, 2))
    late = source.draw(7, 5)
    source.draw(2, 5)
    again = VolumeCrops(numbered, [2, 0, 1, 1], CROP, seed=1, flips=(2, 0)).draw(7, 5)
    for ours, theirs in zip(late, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for other in (VolumeCrops(numbered, range(3), CROP, seed=2, flips=(0, 2)).draw(7, 5), source.draw(8, 5)):
        assert not np.array_equal(late[0], other[0])


@pytest.mark.parametrize("bounds", [(0, 2), (2, 5), (1, 1), (4, 5)])
def test_part_of_a_batch_is_what_the_whole_batch_has_there(numbered, bounds):
    source = VolumeCrops(numbered, range(3), CROP, seed=1)
    whole, rows = source.draw(3, 5)
    part, part_rows = source.draw(3, 5, *bounds)
    np.testing.assert_array_equal(part, whole[slice(*bounds)])
    np.testing.assert_array_equal(part_rows, rows[slice(*bounds)])


def test_crops_lie_inside_the_volume_and_reach_every_position(numbered):
    source = VolumeCrops(numbered, range(3), CROP, seed=1)
    seen = set()
    for step in range(60):
        for item, row in zip(*source.draw(step, 8), strict=True):
            z, y, x = position_of(item, row)
            expected = numbered[row, z : z + 3, y : y + 2, x : x + 4]
            np.testing.assert_array_equal(item, np.moveaxis(expected, -1, 0))
            seen.add((int(row), z, y, x))
    assert seen == {(row, *position) for row in range(3) for position in POSITIONS}


def test_every_row_comes_once_before_any_comes_again(numbered):
    source = VolumeCrops(np.repeat(numbered, 3, axis=0), (8, 0, 3, 4, 6), CROP, seed=1)
    rows = np.concatenate([source.draw(step, 4)[1] for step in range(10)]).reshape(8, 5)
    assert (np.sort(rows, axis=1) == (0, 3, 4, 6, 8)).all()
    assert len({tuple(epoch) for epoch in rows}) > 1


def test_items_are_float32_with_channels_first(numbered):
    items, rows = VolumeCrops(numbered, range(3), CROP, seed=1).draw(0, 2)
    assert (items.dtype, items.shape, rows.dtype) == (np.float32, (2, 2, *CROP), np.int64)


def test_separate_modalities_give_one_channel_each(numbered):
    source = VolumeCrops(numbered, range(3), CROP, seed=1, modalities="separate")
    items, _ = source.draw(0, 40)
    assert items.shape == (40, 1, *CROP)
    parity = items % 2  # modality 0 has the even numbers
    assert {float(item.min()) for item in parity} == {0.0, 1.0}
    assert all(item.min() == item.max() for item in parity)


def test_flips_mirror_only_the_axes_asked_for(numbered):
    plain, _ = VolumeCrops(numbered, range(3), CROP, seed=1).draw(0, 40)
    flipped, _ = VolumeCrops(numbered, range(3), CROP, seed=1, flips=(1, 2)).draw(0, 40)
    found = []
    for before, after in zip(plain, flipped, strict=True):
        mirrored = {axes: np.flip(before, axes) for axes in ((), (2,), (3,), (2, 3))}
        found.append([axes for axes, expected in mirrored.items() if np.array_equal(after, expected)])
    assert all(len(axes) == 1 for axes in found)
    assert {axes[0] for axes in found} == {(), (2,), (3,), (2, 3)}


def mapped_bytes(path):
    """Bytes of a mapped file that are resident in this process."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            inside = line.endswith(str(path))
        elif inside and first == "Rss:":
            total += 1024 * int(line.split()[1])
    return total


def test_only_the_bytes_of_crops_are_touched(tmp_path, monkeypatch):
    shape, crop = (240, 128, 128, 128, 2), (32, 32, 32)
    path = tmp_path / "volumes.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape).flush()  # 2 GB, without a block on disk
    volumes = np.load(path, mmap_mode="r")
    source = VolumeCrops(volumes, range(240), crop, seed=1)
    tracemalloc.start()
    try:
        source.draw(0, 4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * (4 * 2 * 32**3 * 4)  # of the batch
    before_release = []

    def watched(array):
        before_release.append(mapped_bytes(path))
        release(array)

    monkeypatch.setattr(crops, "release", watched)
    for step in range(5):
        source.draw(step, 4)
    assert len(before_release) == 5
    # The system maps up to 64 KiB around a page that is read: a crop may touch most of its volume's planes, no more.
    one_volume = 128**3 * 2 * 2
    assert all(4 * 32**3 * 2 * 2 <= resident < 4 * one_volume for resident in before_release)
    assert mapped_bytes(path) == 0


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_releasing_memory_loses_no_value(tmp_path, mode):
    np.save(tmp_path / "a.npy", np.arange(10.0))
    array = np.load(tmp_path / "a.npy", mmap_mode=mode)
    expected = np.arange(10.0)
    if mode != "r":
        array[3] = expected[3] = -1
    release(array[1:])
    release(array)
    np.testing.assert_array_equal(array, expected)
    release(np.arange(3))  # not mapped


def test_images_come_whole_and_scaled():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    source = ImageRows(images, (1, 3), seed=0)
    items, rows = source.draw(2, 4)
    assert (source.crop, source.channels, items.dtype) == ((6, 5), 3, np.float32)
    assert set(rows.tolist()) == {1, 3}
    np.testing.assert_allclose(items, images[rows].transpose(0, 3, 1, 2) / 255, rtol=1e-6)


def test_what_decides_the_items_shows_in_the_identity(numbered):
    base = {"rows": range(3), "crop": CROP, "seed": 1, "modalities": "channels", "flips": ()}
    changes = [{"rows": range(2)}, {"crop": (3, 2, 3)}, {"seed": 2}, {"modalities": "separate"}, {"flips": (0,)}]
    identities = [VolumeCrops(numbered, **base | change).identity() for change in [{}, *changes]]
    assert all(identities[0] != other for other in identities[1:])
    assert identities[0] == VolumeCrops(numbered.copy(), **base | {"rows": [2, 1, 0]}).identity()
    for other in (numbered.astype(np.float32), np.repeat(numbered, 2, axis=1)):
        assert VolumeCrops(other, **base).identity() != identities[0]


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        ({"crop": (3, 9, 4)}, "arms.vit_mim.crop", "is 3 x 9 x 4 voxels, and the cohort's volumes have only 5 x 4 x 6"),
        ({"crop": (4, 4)}, "arms.vit_mim.mode", "is volume"),
        ({"rows": ()}, "arms.vit_mim", "nothing to learn from"),
        ({"modalities": "both"}, "arms.vit_mim.modalities", "is 'both'"),
        ({"flips": (3,)}, "arms.vit_mim.flips", r"names axes \[3\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(numbered, change, place, reason):
    arguments = {"rows": range(3), "crop": CROP, "seed": 1} | change
    with pytest.raises(ArmError, match=reason) as caught:
        VolumeCrops(numbered, **arguments)
    assert caught.value.place == place


def test_a_crop_too_large_names_the_largest_that_fits(numbered):
    with pytest.raises(ArmError) as caught:
        VolumeCrops(numbered, range(3), (3, 9, 4), seed=1)
    assert "set it to 3 x 4 x 4 or less" in caught.value.next_step


def test_seeds_of_items_differ_by_seed_stream_and_position():
    seeds = [seed for key in ((1, 1), (1, 2), (2, 1)) for seed in item_seeds(*key, range(5))]
    assert len(set(seeds)) == 15
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert item_seeds(1, 1, range(2, 5)) == seeds[2:5]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_sliding_crops_cover_evenly_and_are_no_more_than_needed(overlap):
    for size in range(8, 40):
        firsts = [position[0] for position in sliding_positions((size,), (8,), overlap)]
        steps = [after - before for before, after in pairwise(firsts)]
        assert (firsts[0], firsts[-1]) == (0, size - 8)
        assert all(1 <= step <= max(1, 8 * (1 - overlap)) for step in steps)
        assert not steps or max(steps) - min(steps) <= 1
        fewer = len(firsts) - 2  # gaps, if there were one position less
        assert fewer < 0 or fewer * int(max(1, 8 * (1 - overlap))) < size - 8


def test_sliding_crops_in_two_and_three_dimensions():
    assert sliding_positions((8, 8), (8, 8)) == [(0, 0)]
    assert sliding_positions((10, 8), (8, 8)) == [(0, 0), (2, 0)]
    assert sliding_positions((10, 8, 9), (8, 8, 8)) == [(0, 0, 0), (0, 0, 1), (2, 0, 0), (2, 0, 1)]
    with pytest.raises(ArmError, match="is 8 x 9, larger than 8 x 8"):
        sliding_positions((8, 8), (8, 9))
